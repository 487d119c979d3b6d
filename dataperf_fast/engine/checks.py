"""What arrays must be before anything is computed from them. What they are not raises ValueError, in one line.

What is asked of every array costs microseconds; numbers are read only where they are trained or scored on, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

LARGEST = 1e150  # beyond, squared distances are no numbers any more
_BLOCK = 1 << 16  # numbers at a time: the second pass over them is in the cache
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def whole_number(name: str, value: Any, least: int) -> None:
    """``value`` is a whole number from ``least`` on."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} is {value!r}: expected a whole number, {least} or more")


def dense(name: str, values: Any) -> None:
    """``values`` are not sparse, and none is masked: what an array would be made of otherwise is not what they are."""
    if hasattr(values, "toarray"):
        raise ValueError(f"{name} is sparse, a {type(values).__name__}: expected a dense array, {name}.toarray()")
    if np.ma.is_masked(values):
        raise ValueError(f"{name} has masked values: expected an array without")


def features(name: str, values: np.ndarray) -> np.ndarray:
    """``values (n, d)`` float32 or float64, one row and one column at least, as a C-contiguous array.

    Whether the numbers are finite is ``finite``'s to say.
    """
    _require_array(name, values, "(rows, columns)")
    if values.ndim != 2 or not values.size:
        raise ValueError(f"{name} has the shape {values.shape}: expected (rows, columns), at least one of each")
    if values.dtype not in _FLOATS:
        raise ValueError(f"{name} is {values.dtype}: expected float32 or float64, {name}.astype(np.float64)")
    return np.ascontiguousarray(values)


def labels(name: str, values: np.ndarray, rows: int) -> None:
    """``values (rows,)`` are numbers, one a row, and none is NaN or infinite."""
    _require_array(name, values, f"({rows},)")
    if values.shape != (rows,):
        raise ValueError(f"{name} has the shape {values.shape}: expected ({rows},), a label a row")
    if values.dtype.kind not in "biuf":
        remedy = f"np.unique({name}, return_inverse=True)[1]"
        raise ValueError(f"{name} is {values.dtype}: expected numbers, classes numbered from 0, {remedy}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        at = int(np.isfinite(values).argmin())
        raise ValueError(f"{name} holds {values[at]} in row {at}: expected finite numbers")


def rows(name: str, values: np.ndarray, count: int) -> None:
    """``values (r,)`` are whole numbers, rows of a pool of ``count``."""
    _require_array(name, values, "(rows,)")
    if values.ndim != 1:
        raise ValueError(f"{name} has the shape {values.shape}: expected (rows,)")
    if values.dtype.kind not in "iu":
        remedy = f"np.flatnonzero({name})" if values.dtype.kind == "b" else f"{name}.astype(np.int32)"
        raise ValueError(f"{name} is {values.dtype}: expected the rows' numbers, {remedy}")
    if len(values) and not (values.min() >= 0 and values.max() < count):
        wrong = values[(values < 0) | (values >= count)][0]
        raise ValueError(f"{name} holds {wrong}: expected 0 to {count - 1}, the rows of the pool")


def is_finite(values: np.ndarray) -> bool:
    """Whether all of the floats ``values``, C-contiguous, are within plus and minus ``LARGEST``."""
    flat = values.reshape(-1)
    with np.errstate(invalid="ignore"):
        for start in range(0, len(flat), _BLOCK):
            block = flat[start : start + _BLOCK]
            if not -LARGEST <= float(block.min()) <= float(block.max()) <= LARGEST:  # which NaN is not
                return False
    return True


def finite(name: str, values: np.ndarray, numbers: Sequence[int] | np.ndarray | None = None) -> None:
    """The floats ``values (n, d)`` are finite, and so are their squares; ``numbers (n,)`` are their rows' own."""
    if is_finite(values):
        return
    wrong = ~np.isfinite(values)
    if not wrong.any():
        wrong = np.abs(values) > LARGEST
    row, column = np.argwhere(wrong)[0].tolist()
    value, place = values[row, column], f"row {row if numbers is None else numbers[row]}, column {column}"
    if np.isfinite(value):
        raise ValueError(f"{name} holds {value} in {place}: expected at most {LARGEST:g}, whose square is finite")
    raise ValueError(f"{name} holds a value that is not finite, {value} in {place}: expected finite numbers")


def zeros_and_ones(values: np.ndarray) -> bool:
    """Whether the labels ``values`` are 0 and 1 and nothing else."""
    if values.dtype.kind in "bu":  # label states by the hundred are: the quick way
        return not values.size or int(values.max()) <= 1
    return bool(np.isin(values, (0, 1)).all())


def fit_a_byte(values: np.ndarray) -> bool:
    """Whether the labels ``values`` are whole numbers from 0 to 255."""
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        return False
    return bool(values.min() >= 0 and values.max() <= 255)


def distinct(values: np.ndarray) -> np.ndarray:
    """The different labels among ``values``, in order; of bytes, as label states are, without a sort."""
    return np.flatnonzero(np.bincount(values)) if values.dtype == np.uint8 else np.unique(values)


def classes(values: np.ndarray) -> str:
    """How many rows and classes the labels ``values`` are of, in words."""
    count, rows = len(distinct(values)), len(values)
    return f"{rows} {'row' if rows == 1 else 'rows'} of {count} {'class' if count == 1 else 'classes'}"


def _require_array(name: str, values: Any, shape: str) -> None:
    dense(name, values)
    if not isinstance(values, np.ndarray):
        raise ValueError(f"{name} is a {type(values).__name__}: expected an array {shape}, np.asarray({name})")
