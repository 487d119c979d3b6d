"""The one rounding of numbers that are shown: of their exact values, half to even, so that no two places differ.

A float is its shortest decimal: 0.69125 lies in the middle, though the nearest binary number lies a little below.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from dataperf_fast.files.records import decimal

DIGITS = 4  # of a score, where nobody says how many
REPR = 18  # decimals that stand for all that Python writes of a float


def rounded(value: float | Fraction, digits: int) -> Fraction:
    """A finite number with so many decimals."""
    return round(value if isinstance(value, Fraction) else decimal(value), digits)


def fixed(value: float | Fraction, digits: int = DIGITS) -> str:
    """A finite number with so many decimals, or as Python writes it where that would not show it."""
    number = float(value)
    return repr(number) if abs(number) >= 1e9 or digits >= REPR else written(value, digits)


def shown_score(exact: float | Fraction, digits: int | None) -> str:
    """A score with a board's digits, four where it has none."""
    return fixed(exact, DIGITS if digits is None else digits)


def written(value: float | Fraction, digits: int) -> str:
    """A finite number with so many decimals, however many."""
    return f"{Decimal(f'{rounded(value, digits) * 10**digits}e-{digits}'):f}"
