"""What a caller gives in memory in the place of files: every part has a name, which its errors name as they do a file.

A table is a mapping of columns, a data frame, an Arrow table, or a tuple of its columns in their order. pandas and
polars are not imported: what they make has columns by name, and turns into arrays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dataperf_fast.files.errors import InputError, has_no_order, kind_of, meant, require_columns, shorten, told
from dataperf_fast.files.handed_in import HandedIn
from dataperf_fast.files.vectors import Columns

# Folders are named after submissions: no part is empty, leaves the folder or breaks a line.
_SUBMISSION = r"(?!\.{0,2}(/|$))[^/\x00-\x1f\x7f\ud800-\udfff]+(/(?!\.{0,2}(/|$))[^/\x00-\x1f\x7f\ud800-\udfff]+)*"


@dataclass(frozen=True)
class Given:
    """A value that was given, and its name as Python spells it: ``data['en']['eval']``."""

    name: str
    value: Any

    @property
    def path(self) -> Path:
        """What errors call its file."""
        return Path(self.name)

    def error(self, expected: str) -> InputError:
        """That it is something else."""
        return InputError(self.path, f"is {kind_of(self.value)}", expected=expected)

    def parts(
        self, expected: str, known: Collection[str] = (), needed: Collection[str] = (), pattern: str = ".*"
    ) -> dict[str, Given]:
        """A mapping's values by their keys, as texts.

        Raises ``InputError`` for what is none, a key that is none of ``known``, where these are given, does not fit the
        ``pattern`` or is there twice, and one of ``needed`` that is not there.
        """
        if not isinstance(self.value, Mapping):
            raise self.error(expected)
        found: dict[str, Given] = {}
        for key, value in self.value.items():
            name = str(key)
            if known and name not in known:
                near = meant(name, known)
                raise InputError(self.path, "holds the key", "", key, shorten(near) if near else expected)
            if not re.fullmatch(pattern, name):
                raise InputError(self.path, "holds the key", "", key, f"a name that files can have, in {expected}")
            if name in found:
                raise InputError(self.path, "holds twice the key", "", name, expected)
            found[name] = Given(f"{self.name}[{shorten(key)}]", value)
        for name in needed:
            if name not in found:
                raise InputError(self.path, "has no key", "", name, expected)
        return found

    def values(self, expected: str) -> list[Any]:
        """A list's, an array's or a column's values, as Python has them."""
        value = self.value
        if isinstance(value, pa.Array | pa.ChunkedArray):
            return list(value.to_pylist())
        if hasattr(value, "__array__"):
            array = np.asarray(value)
            if array.ndim != 1:
                raise InputError(self.path, f"has the shape {array.shape}", expected=expected)
            return list((array.astype("datetime64[ms]") if array.dtype.kind == "M" else array).tolist())
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable) or has_no_order(value):
            raise self.error(expected)
        return [one.item() if isinstance(one, np.generic) else one for one in value]

    def rows(self, expected: str) -> list[dict[str, Any]]:
        """The records in a list of mappings, or in a table of any columns; what is missing in a row is not there."""
        names = _names(self.value)
        if names is None:
            records = self.values(expected)
        elif all(isinstance(self.value[name], Mapping) for name in names):  # {column: {row: value}}, as JSON has it
            rows = dict.fromkeys(row for name in names for row in self.value[name])
            records = [{name: self.value[name].get(row) for name in names} for row in rows]
        else:
            columns = [Given(f"{self.name}[{name!r}]", self.value[name]).values(expected) for name in names]
            if len({len(column) for column in columns}) > 1:
                raise InputError(self.path, "has columns of different lengths", expected=expected)
            records = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        for at, record in enumerate(records):
            if not isinstance(record, Mapping):
                raise InputError(self.path, f"holds {kind_of(record)}", f"row {at}", expected="a mapping, a record")
        return [{str(name): of for name, of in record.items() if not _is_missing(of)} for record in records]

    def table(self, columns: Sequence[str], what: str) -> Columns:
        """A table's ``columns``, each there once and of one length, as ``vectors.read_columns`` has them of a file."""
        expected = f"{what}: a table with the columns {', '.join(columns)}"
        arrays = [_arrow(column, expected) for column in self._columns(columns, expected)]
        if len(lengths := {len(array) for array in arrays}) > 1:
            sizes = ", ".join(str(len(array)) for array in arrays)
            raise InputError(self.path, f"has columns of {sizes} rows", expected=expected)
        if lengths == {0}:
            raise InputError(self.path, "holds no rows", expected=expected)
        return Columns([(self.path, pa.table(arrays, list(columns)))])

    def _columns(self, columns: Sequence[str], expected: str) -> list[Given]:
        table = self.value
        if isinstance(table, tuple):
            if len(table) != len(columns):
                raise InputError(self.path, f"is a tuple of {len(table)}", expected=expected)
            return [Given(f"{self.name}[{at}]", column) for at, column in enumerate(table)]
        if (names := _names(table)) is None:
            raise self.error(expected)
        require_columns(self.path, [str(name) for name in names], columns, expected)
        return [Given(f"{self.name}[{name!r}]", table[name]) for name in columns]


def _names(table: Any) -> list[str] | None:
    """The names of a table's columns; None for what has none."""
    if isinstance(table, Mapping):
        return list(table)
    names = getattr(table, "column_names", getattr(table, "columns", None))
    return None if names is None else list(names)


def _is_missing(value: object) -> bool:
    """Whether a table has no value there: None, NaN, and pandas' own two kinds of nothing."""
    return value is None or type(value).__name__ in ("NaTType", "NAType") or (isinstance(value, float) and isnan(value))


def _arrow(column: Given, expected: str) -> Any:
    """A column as Arrow has it: of a matrix, a list of numbers a row."""
    values = column.value
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return pa.chunked_array(values.chunks if isinstance(values, pa.ChunkedArray) else [values])
    if isinstance(values, str | bytes | Mapping) or hasattr(values, "toarray"):  # which sparse matrices have
        raise column.error(expected)
    if has_no_order(values):
        raise column.error(expected)
    try:
        array = np.ma.filled(np.asanyarray(values), np.nan) if hasattr(values, "__array__") else None
        if array is not None and array.ndim == 2 and array.dtype != object:
            flat = pa.array(np.ascontiguousarray(array).reshape(-1))
            return pa.chunked_array([pa.FixedSizeListArray.from_arrays(flat, array.shape[1])])
        rows = list(values) if array is None else array.tolist() if array.dtype == object else array
        for at, row in enumerate(rows if isinstance(rows, list) else ()):
            if has_no_order(row):  # which Arrow takes for a list
                raise Given(f"{column.name}[{at}]", row).error(expected)
        return pa.chunked_array([pa.array(rows, from_pandas=array is not None and array.ndim == 1)])
    except InputError:
        raise
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InputError(column.path, f"is no column ({told(error)})", expected=expected) from error


@dataclass
class InMemory(HandedIn):
    """A submission that is in memory: beside each task's name what was given for it."""

    given: dict[Any, Given] = field(default_factory=dict)

    def file(self, task: Hashable, named: str) -> Path:
        """The name of what was given for a task; ``InputError`` where nothing was."""
        if task not in self.files:
            raise InputError(self.path, "has no key", value=str(task), expected="something for each task")
        return self.files[task]


def submissions_of(
    submissions: Any, task_of: Callable[[str], Hashable | None], tasks: str, what: str
) -> tuple[list[InMemory], list[tuple[str, InputError]]]:
    """The submissions in a mapping from names to mappings from tasks to ``what`` each is.

    ``task_of`` says which task a key means, None for one that means none; ``tasks`` says which there are. Returns the
    submissions, and names with what is wrong; raises ``InputError`` where there is no submission at all.
    """
    expected = f"a mapping from names to mappings from a task, {tasks}, to {what}"
    found: list[InMemory] = []
    refused: list[tuple[str, InputError]] = []
    for name, of in Given("submissions", submissions).parts(expected, pattern=_SUBMISSION).items():
        one = InMemory(name, of.path)
        try:
            for key, part in of.parts(f"a mapping from a task, {tasks}, to {what}").items():
                if (task := task_of(key)) is None:
                    refused.append((name, InputError(of.path, "holds the key", "", key, f"a task, {tasks}")))
                else:
                    one.files[task], one.given[task] = part.path, part
            if not of.value:
                raise InputError(of.path, "is empty", expected=f"a task, {tasks}")
        except InputError as error:
            refused.append((name, error))
        if one.given:
            found.append(one)
    if not found:
        raise refused[0][1] if refused else InputError("submissions", "names nothing", expected=expected)
    return found, refused
