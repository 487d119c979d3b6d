"""Labels of two classes as people write them: 0 and 1 as a number of any type, or as the text of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from dataperf_fast.files.errors import InputError
from dataperf_fast.files.numbers import NUMBER


def binary_label(value: Any) -> int | None:
    """The label that a number (bool, int, float or decimal) or a text of one is: 0 or 1; None for anything else."""
    if isinstance(value, str):
        value = float(value) if NUMBER.fullmatch(value) else None
    return int(value) if isinstance(value, (int, float, Decimal)) and value in (0, 1) else None


def binary_labels(values: Iterable[Any], path: Path, column: str, place: Callable[[int], str]) -> np.ndarray:
    """Take labels of two classes as uint8; ``place(row)`` says where in ``path`` a wrong one stands.

    ``column`` is theirs, nothing where a file has none.
    """
    labels = []
    for row, value in enumerate(values):
        if (label := binary_label(value)) is None:
            holds = f"column {column} holds" if column else "holds"
            raise InputError(path, holds if value is not None else f"{holds} no value", place(row), value, "0 or 1")
        labels.append(label)
    return np.array(labels, dtype=np.uint8)
