"""Parquet files of feature vectors, read into one contiguous matrix without a Python object a row.

A file may be a folder of parts, as Spark writes it: then it is what they are, one after another.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from dataperf_fast.files.errors import InputError, require_columns
from dataperf_fast.files.labels import binary_labels
from dataperf_fast.files.paths import require_file

_MAGIC = b"PAR1"


@dataclass(frozen=True)
class Columns:
    """Columns of a parquet file, a table a part; an error names the part, and the row in it."""

    parts: list[tuple[Path, Any]]

    def __len__(self) -> int:
        return sum(len(table) for _, table in self.parts)

    def vectors(self, column: str, dimension: int | None) -> np.ndarray:
        """Take a column of vectors as a C-contiguous float32 matrix ``(rows, dimension)``, every element finite.

        With ``dimension`` None the first vector's length is the dimension.
        """
        matrices: list[np.ndarray] = []
        for path, table in self.parts:
            matrices.append(vector_matrix(table[column], column, path, dimension))
            dimension = matrices[0].shape[1]
        return matrices[0] if len(matrices) == 1 else np.concatenate(matrices)

    def labels(self, column: str) -> np.ndarray:
        """Take a column of labels 0 and 1, of any type that holds them, as uint8 ``(rows,)``."""
        return np.concatenate(
            [
                binary_labels(table[column].to_pylist(), path, column, lambda row: f"row {row}")
                for path, table in self.parts
            ]
        )

    def texts(self, column: str) -> list[str]:
        """Take a column of strings, of any of Arrow's types of them."""
        values: list[Any] = []
        for path, table in self.parts:
            found = table[column].to_pylist()
            for row, value in enumerate(found):
                if not isinstance(value, str):
                    nothing = " no value" if value is None else ""
                    raise InputError(path, f"column {column} holds{nothing}", f"row {row}", value, "a string")
            values += found
        return values

    def place(self, row: int) -> tuple[Path, int]:
        """The part that holds a row of the whole, and the row in it."""
        for path, table in self.parts:
            if row < len(table):
                return path, row
            row -= len(table)
        raise IndexError(row)


def read_columns(path: Path, columns: Sequence[str], what: str) -> Columns:
    """Read ``columns`` of a parquet file, each there once; a missing or broken file, part or column is named."""
    parts = []
    for part in parts_of(path, what):
        with readable(part, what), parquet.ParquetFile(part) as file:
            require_columns(part, file.schema_arrow.names, columns, f"columns {', '.join(columns)}")
            # One thread: these files are small, and starting Arrow's pool costs more than it saves.
            parts.append((part, file.read(columns=list(columns), use_threads=False)))
    return Columns([part for part in parts if len(part[1])] or parts[:1])


def read_row_count(path: Path, what: str) -> int:
    """Read a parquet file's number of rows, and nothing else of it."""
    rows = 0
    for part in parts_of(path, what):
        with readable(part, what):
            rows += parquet.read_metadata(part).num_rows
    return rows


def parts_of(path: Path, what: str) -> list[Path]:
    """The parquet files that a parquet file is: itself, or in a folder its parts in the order of their names.

    That is the order in which Arrow reads them; a warning says so where the numbers in the names have another. Passed
    over is what starts with a dot or an underscore, as in Spark, and what is no parquet file by name or content.
    """
    if not path.is_dir():
        require_file(path, what)
        return [path]
    expected = f"parts {path.name}/*.parquet, or one file: {what}"
    with readable(path, what):
        seen = sorted(part for part in path.iterdir() if not part.name.startswith((".", "_")))
        if below := next((part for part in seen if part.is_dir()), None):
            raise InputError(below, "is a folder", expected=expected)
        parts = [part for part in seen if part.suffix == ".parquet" or _begins_as_parquet(part)]
    if not parts:
        raise InputError(path, "holds no part", expected=expected)
    for part in parts:
        require_file(part, what)
    for before, after in pairwise(parts):
        if _numbered(before) > _numbered(after):
            text = f"{path}: parts are read in the order of their names, {before.name} before {after.name}"
            warnings.warn(text, stacklevel=3)
            break
    return parts


def _begins_as_parquet(path: Path) -> bool:
    if not path.is_file():  # a pipe never ends
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _numbered(part: Path) -> tuple[str, int]:
    text, number = re.findall(r"^([^0-9]*)([0-9]*)", part.name)[0]
    return text, int(number or 0)


@contextmanager
def readable(path: Path, what: str) -> Iterator[None]:
    """While a parquet file is read: what Arrow or the system says of it is an ``InputError``."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:120]
        raise InputError(path, f"is not a readable parquet file ({reason})", expected=what) from error


def repeated(column: str, value: str, first: tuple[Path, int], again: tuple[Path, int], expected: str) -> InputError:
    """What a value is that two rows have, each a part and a row in it."""
    path, row = again
    of = "" if first[0] == path else f" of {first[0].name}"
    return InputError(path, f"repeats row {first[1]}{of}'s {column}", f"row {row}", value, expected)


def vector_matrix(
    chunks: Any, column: str, path: Path, dimension: int | None, rows: Sequence[int] | None = None
) -> np.ndarray:
    """Take a column of lists or tensors as a C-contiguous float32 matrix ``(n, dimension)``, every element finite.

    ``rows`` are the rows' numbers in ``path`` where the column is not the whole of the file's. With ``dimension`` None
    the first vector's length is the dimension. Raises ``InputError`` with row and element.
    """
    array = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()  # which copies even one chunk
    lengths, values = _flattened(array, column, path)
    if dimension is None:
        dimension = next((int(length) for length in lengths if length > 0), 1)
    wrong = np.flatnonzero(lengths != dimension)
    if len(wrong):
        row, length = _row(wrong[0], rows), lengths[wrong[0]]
        found = "no vector" if length < 0 else f"a vector of length {length}"
        raise InputError(path, f"column {column} holds {found}", f"row {row}", expected=f"length {dimension}")
    given = values.to_numpy(zero_copy_only=False)  # null elements become NaN
    with np.errstate(over="ignore"):  # what is too big for float32 becomes infinite, and is refused
        flat = np.asarray(given, dtype=np.float32)
    matrix = np.ascontiguousarray(flat.reshape(len(array), dimension))
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        at = int(np.flatnonzero(~finite)[0])
        element = int(np.flatnonzero(~np.isfinite(matrix[at]))[0])
        place = f"row {_row(at, rows)}, element {element}"
        value = float(given[at * dimension + element])
        expected = "a finite number"
        if isfinite(value):
            expected += f" in float32, which ends at {np.finfo(np.float32).max:.3g}"
        raise InputError(path, f"column {column} holds", place, value, expected)
    return matrix


def _row(at: Any, rows: Sequence[int] | None) -> int:
    return int(at if rows is None else rows[at])


def _flattened(array: Any, column: str, path: Path) -> tuple[np.ndarray, Any]:
    """The length of each row's vector, -1 where there is none, and the elements of all of them."""
    if isinstance(array, pa.ExtensionArray):  # a tensor
        array = array.storage
    kind = array.type
    if pa.types.is_list_view(kind):
        array = array.cast(pa.list_(kind.value_type))
    elif pa.types.is_large_list_view(kind):
        array = array.cast(pa.large_list(kind.value_type))
    elif not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise InputError(path, f"column {column} holds {kind}", expected="a list of numbers a row")
    number = kind.value_type
    if not (pa.types.is_floating(number) or pa.types.is_integer(number) or pa.types.is_decimal(number)):
        raise InputError(path, f"column {column} holds lists of {number}", expected="lists of numbers")
    # Offsets, not value_lengths() and flatten(): those import pyarrow.compute, 0.07 s of a user's waiting time.
    if pa.types.is_fixed_size_list(kind):
        offsets = (array.offset + np.arange(len(array) + 1)) * kind.list_size
    else:
        offsets = array.offsets.to_numpy()
    lengths = np.diff(offsets)
    if array.null_count:
        lengths = np.where(array.is_valid().to_numpy(zero_copy_only=False), lengths, -1)
    return lengths, array.values[int(offsets[0]) : int(offsets[-1])]


def vector_lists(features: np.ndarray) -> pa.ListArray:
    """Make an Arrow array of lists of float32 from vectors ``(n, d)``."""
    rows, dimension = features.shape
    flat = pa.array(np.ascontiguousarray(features, dtype=np.float32).ravel())
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * np.int32(dimension))
    return pa.ListArray.from_arrays(offsets, flat)
