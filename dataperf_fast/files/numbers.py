"""Numbers as files and options spell them: ASCII digits, bounded before Python's parsers, which take more, see them."""

from __future__ import annotations

import re
from fractions import Fraction
from math import isfinite

# As Arrow, NumPy and pandas read a number.
NUMBER = re.compile(r"[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*")
# Bounded, or the exact fraction of 1e999999999 would take all memory.
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
BLANKS = " \t"  # str.strip() takes control characters too, which no editor shows


def decimal(text: str) -> Fraction | None:
    """The exact value of a decimal that is finite as a float64, spaces and tabs around it or not; None for all else.

    ``float()`` of it is the nearest float64.
    """
    text = text.strip(BLANKS)
    return Fraction(text) if _DECIMAL.fullmatch(text) and isfinite(float(text)) else None


def whole(text: str) -> int:
    """A whole number of at most 18 digits; ``ValueError`` for all else."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)
