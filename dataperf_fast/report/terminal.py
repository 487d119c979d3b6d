"""What every command says on standard error, and how it ends."""

from __future__ import annotations

import sys
from typing import Any

from dataperf_fast.files.errors import ArgumentError, InputError, told

# All scored and written; a failure of ours, or no room to write in; usage, or some input invalid; stopped by Ctrl-C.
OK, FAILURE, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def complain(line: str) -> None:
    """Say what is wrong, in a line."""
    print(f"dataperf-fast: {line}", file=sys.stderr)


def harmless(line: str) -> str:
    """A line of a stranger's, with nothing in it that moves a terminal's cursor, but tabs."""
    return "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in line)


def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Say what may be wrong; in the place of ``warnings.showwarning`` too."""
    complain(f"warning: {message}")


def line_of(error: Exception, private: bool = False) -> str:
    """What ended a command, in a line; an error of ours is quoted unless that could show what is ``private``."""
    if isinstance(error, ArgumentError):
        return error.as_option()
    if isinstance(error, InputError):
        return error.line
    if isinstance(error, OSError) and error.filename is not None:
        return told(error)
    return f"failed: {type(error).__name__ if private else told(error)}"
