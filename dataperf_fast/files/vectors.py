"""Parquet files of feature vectors, read into one contiguous matrix without a Python object a row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import require_file


def read_table(path: Path, columns: list[str], what: str) -> Any:
    """Read ``columns`` of a parquet file as a ``pyarrow.Table``; a missing or broken file or column is named."""
    with readable(path, what), parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        for column in columns:
            if column not in names:
                raise InputError(path, "has no column", value=column, expected=f"columns {', '.join(columns)}")
        # One thread: these files are small, and starting Arrow's pool costs more than it saves.
        return file.read(columns=columns, use_threads=False)


def read_row_count(path: Path, what: str) -> int:
    """Read a parquet file's number of rows, and nothing else of it."""
    with readable(path, what):
        return int(parquet.read_metadata(path).num_rows)


@contextmanager
def readable(path: Path, what: str) -> Iterator[None]:
    """While a parquet file is read: that it is missing, or what Arrow says of it, is an ``InputError``."""
    require_file(path, what)
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:120]
        raise InputError(path, f"is not a readable parquet file ({reason})", expected=what) from error


def vector_column(table: Any, column: str, path: Path, dimension: int | None) -> np.ndarray:
    """Take a list column as a C-contiguous float32 matrix ``(rows, dimension)``; every vector must be finite.

    With ``dimension`` None the first vector's length is the dimension.
    """
    chunks = table[column]
    array = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()  # which copies even one chunk
    kind = array.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise InputError(path, f"column {column} holds {kind}", expected="a list of numbers a row")
    if not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        raise InputError(path, f"column {column} holds lists of {kind.value_type}", expected="lists of numbers")
    if pa.types.is_fixed_size_list(kind):
        array = array.cast(pa.list_(kind.value_type))
    # Offsets, not value_lengths() and flatten(): those import pyarrow.compute, 0.07 s of a user's waiting time.
    offsets = array.offsets.to_numpy()
    lengths = np.diff(offsets)
    if array.null_count:
        lengths = np.where(array.is_valid().to_numpy(zero_copy_only=False), lengths, -1)
    if dimension is None:
        dimension = next((int(length) for length in lengths if length > 0), 1)
    wrong = np.flatnonzero(lengths != dimension)
    if len(wrong):
        length = lengths[wrong[0]]
        found = "no vector" if length < 0 else f"a vector of length {length}"
        raise InputError(path, f"column {column} holds {found}", f"row {wrong[0]}", expected=f"length {dimension}")
    values = array.values[int(offsets[0]) : int(offsets[-1])]
    flat = np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float32)  # null elements become NaN
    matrix = np.ascontiguousarray(flat.reshape(len(table), dimension))
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        at = int(np.flatnonzero(~np.isfinite(matrix[row]))[0])
        raise InputError(
            path, f"column {column} holds", f"row {row}, element {at}", float(matrix[row, at]), "a finite number"
        )
    return matrix


def label_column(table: Any, column: str, path: Path) -> np.ndarray:
    """Take a column of 0/1 labels as uint8 ``(rows,)``; anything else is named with its row."""
    return binary_labels(table[column].to_pylist(), path, column, lambda row: f"row {row}")


def binary_labels(values: list[Any], path: Path, column: str, place: Any) -> np.ndarray:
    """Turn values that are 0 or 1 into uint8; ``place(row)`` says where a wrong one stands."""
    for row, value in enumerate(values):
        if not isinstance(value, (bool, int, float)) or value not in (0, 1):
            raise InputError(path, f"{column} holds", place(row), value, "0 or 1")
    return np.array(values, dtype=np.uint8)


def text_column(table: Any, column: str, path: Path) -> list[str]:
    """Take a column of strings; a null or a non-string is named with its row."""
    values: list[Any] = table[column].to_pylist()
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise InputError(path, f"{column} holds", f"row {row}", value, "a string")
    return values


def vector_lists(features: np.ndarray) -> pa.ListArray:
    """Make an Arrow array of lists of float32 from vectors ``(n, d)``."""
    rows, dimension = features.shape
    flat = pa.array(np.ascontiguousarray(features, dtype=np.float32).ravel())
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * np.int32(dimension))
    return pa.ListArray.from_arrays(offsets, flat)
