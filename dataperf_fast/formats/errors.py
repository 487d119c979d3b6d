"""The one error that bad input raises, and the one line that it prints."""

from __future__ import annotations

from pathlib import Path

_LONGEST_VALUE = 80


class InputError(ValueError):
    """Input that cannot be used. ``str()`` is one line: file, place, what was found, what was expected."""

    def __init__(self, file: Path | str, problem: str, place: str = "", value: object = None, expected: str = ""):
        shown = "" if value is None else f" {shorten(value)}"
        self.line = (
            f"{file}{': ' + place if place else ''}: {problem}{shown}{'; expected ' + expected if expected else ''}"
        )
        super().__init__(self.line)


def shorten(value: object) -> str:
    """Show a value from a user's file on one line: escaped, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."
