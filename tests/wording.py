"""Lines of errors less what is not ours in them: a parser's reason, which changes with its version."""

from __future__ import annotations

import re


def ours(line: str) -> str:
    """``is not JSON (Expecting value); expected ..`` -> ``is not JSON; expected ..``."""
    return re.sub(r"(\bis not [\w ]+) \(.+?\)(?=; expected |$)", r"\1", line)
