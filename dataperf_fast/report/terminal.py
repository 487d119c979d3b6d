"""What every command says on standard error, and how it ends."""

from __future__ import annotations

import sys
from typing import Any

# All scored; a failure of ours; usage, or some input invalid; stopped by the user.
OK, FAILURE, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def complain(line: str) -> None:
    """Say what is wrong, in a line."""
    print(f"dataperf-fast: {line}", file=sys.stderr)


def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Say what may be wrong; in the place of ``warnings.showwarning`` too."""
    complain(f"warning: {message}")
