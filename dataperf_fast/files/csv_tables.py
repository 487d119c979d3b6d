"""Big CSV files of numbers without a header, label last: parsed once, kept as Arrow files, mapped ever after."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from dataperf_fast.files.errors import InputError
from dataperf_fast.files.numbers import NUMBER
from dataperf_fast.files.paths import content_digest, require_file, whole_file, write_text
from dataperf_fast.kernels.folders import cache_folder

_BLOCK = 8 << 20  # bytes that a thread parses at a time: some 500 rows of 769 numbers
_LONGEST_LINE = _BLOCK // 2  # the parser wants a row within a block
_MOST_COLUMNS = 100_000
# Plain numbers that are finite by their looks.
_PLAIN = r"-?[0-9]{1,200}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,2})?"
_LINE = re.compile(rf"{_PLAIN}(?:,{_PLAIN})*")
_HASH = re.compile(r"[0-9a-f]{64}")
_FEWEST_COUNTED = 10  # rows, for a first column that counts them to be no chance
_ROWS_ALONE = "rows of numbers alone, in pandas to_csv(path, header=False, index=False)"


@dataclass(frozen=True)
class Table:
    """A CSV file's numbers: features ``(n, d)``, C-contiguous, and the last column, ``(n,)`` float64.

    ``features`` is float32 where every feature is exactly one, else float64. Both may be read-only.
    """

    features: np.ndarray
    labels: np.ndarray
    path: Path


def default_folder() -> Path | None:
    """Where parsed tables are kept unless another folder is asked for; None where nothing is."""
    folder = cache_folder()
    return folder and folder / "tables"


def read_table(path: Path, what: str, kept: Path | None) -> Table:
    """Read a CSV of finite numbers, two columns or more, no header; a row's line is its number + 1.

    ``kept`` is the folder of tables parsed before: a file of the same path, size and time, or else of the same content,
    is mapped from there and not parsed again. None: parse, and keep nothing. A folder that cannot be written costs a
    warning. Raises ``InputError`` for a file that is missing or no such table, with line, column and value; so are a
    header, of names or of columns counted, and a first column that counts the rows: they are numbers, and no data.
    """
    require_file(path, what)
    try:
        table = _parse(path, what) if kept is None else _read_kept(path, what, kept)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", expected=what) from error
    _require_rows_alone(table, "line 1", "column 1")
    return table


def table_of(path: Path, numbers: np.ndarray) -> Table:
    """The table that numbers ``(n, d + 1)`` in memory are, label last, checked as a file is.

    ``path`` is what errors call it. Raises ``InputError`` with row, column and value.
    """
    if numbers.dtype.kind not in "biuf" or numbers.ndim != 2 or numbers.shape[1] < 2 or not len(numbers):
        found = f"is {numbers.dtype} of the shape {numbers.shape}"
        raise InputError(path, found, expected="numbers, features and a label a row")
    wrong = np.argwhere(~np.isfinite(numbers))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise InputError(path, "holds", f"row {row}, column {column}", float(numbers[row, column]), "a finite number")
    features = numbers[:, :-1]
    with np.errstate(over="ignore"):  # what is too big for float32 becomes infinite, and so not equal
        narrow = features.astype(np.float32)
    exact = narrow if np.array_equal(narrow, features) else features.astype(np.float64)
    table = Table(np.ascontiguousarray(exact), numbers[:, -1].astype(np.float64), path)
    _require_rows_alone(table, "row 0", "column 0")
    return table


def _require_rows_alone(table: Table, first_row: str, first_column: str) -> None:
    """Refuse a header, and a column that counts the rows: they are numbers, and no data."""
    if _has_counted_header(table):
        first = ",".join(f"{value:g}" for value in (*table.features[0], table.labels[0]))
        raise InputError(table.path, "is a header, not a row:", first_row, first, _ROWS_ALONE)
    if _has_counted_rows(table):
        counted = f"{table.features[0, 0]:g}, {table.features[1, 0]:g} .. {table.features[-1, 0]:g}"
        raise InputError(table.path, f"counts the rows: {counted}", first_column, expected=_ROWS_ALONE)


def _has_counted_header(table: Table) -> bool:
    """Whether the first of several rows is 0, 1 .. n, or from 1, and its label no other's: a class has more."""
    columns = np.arange(table.features.shape[1] + 1) + table.features[0, 0]
    return bool(
        table.features[0, 0] in (0, 1)
        and len(columns) > 2
        and len(table.labels) > 1
        and np.array_equal(table.features[0], columns[:-1])
        and table.labels[0] == columns[-1]
        and not (table.labels[1:] == columns[-1]).any()
    )


def _has_counted_rows(table: Table) -> bool:
    """Whether the first feature goes on by one from row to row, as the index of a data frame or of a piece of one."""
    # The first rows decide for nearly all: a column of a mapped table is in all of its pages.
    first, column = table.features[:_FEWEST_COUNTED, 0], table.features[:, 0]
    return bool(
        len(first) == _FEWEST_COUNTED
        and (np.diff(first) == 1).all()
        and first[0] == np.rint(first[0])
        and (np.diff(column) == 1).all()
    )


def write_table(path: Path, features: np.ndarray, labels: np.ndarray) -> None:
    """Write a CSV of features ``(n, d)`` and whole-number labels ``(n,)``; reading gives the same float64 values."""
    # As float64: of a float32, Arrow writes the digits that suffice for a float32, another float64.
    columns = [pa.array(np.ascontiguousarray(column, dtype=np.float64)) for column in features.T]
    names = [str(number) for number in range(len(columns) + 1)]
    table = pa.table([*columns, pa.array(labels.astype(np.int64))], names=names)
    with whole_file(path) as aside:
        csv.write_csv(table, str(aside), csv.WriteOptions(include_header=False, quoting_style="none"))


def _read_kept(path: Path, what: str, kept: Path) -> Table:
    before = _stamp(path)
    record = kept / f"{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:32]}.json"
    known = _recorded(record, before)
    if known and (table := _mapped(kept, known, path)):
        return table
    content = content_digest(path).hex()
    found = _mapped(kept, content, path)
    table = found or _parse(path, what)
    if _stamp(path) != before:
        return table  # the file changed meanwhile: what was parsed may not be what was hashed
    try:
        if not found:
            _write_arrow(kept, content, table)
            table = _mapped(kept, content, path) or table  # which frees the memory of what was parsed
        write_text(record, json.dumps({"source": str(path.absolute()), **before, "content": content}))
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or error  # without the file's name: once for all of them
        warnings.warn(f"{kept}: parsed tables are not kept ({reason})", stacklevel=3)
    return table


def _stamp(path: Path) -> dict[str, int]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _recorded(record: Path, stamp: dict[str, int]) -> str | None:
    """The content hash in a record if it is of a file of this size and time."""
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(known, dict) or any(known.get(key) != value for key, value in stamp.items()):
        return None
    content = known.get("content")
    return content if isinstance(content, str) and _HASH.fullmatch(content) else None


def _arrow_path(kept: Path, content: str) -> Path:
    return kept / f"{content[:32]}.arrow"


def _schema(content: str, value_type: Any, dimension: int) -> Any:
    # The hash inside tells a file that was renamed or put there from one that this module wrote.
    columns = [("features", pa.list_(value_type, dimension)), ("label", pa.float64())]
    return pa.schema(columns, metadata={"content": content})


def _write_arrow(kept: Path, content: str, table: Table) -> None:
    flat = pa.array(table.features.reshape(-1))
    dimension = table.features.shape[1]
    schema = _schema(content, flat.type, dimension)
    columns = [pa.FixedSizeListArray.from_arrays(flat, dimension), pa.array(table.labels)]
    with whole_file(_arrow_path(kept, content)) as aside, pa.ipc.new_file(str(aside), schema) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))  # one batch, so that the matrix is one piece


def _mapped(kept: Path, content: str, path: Path) -> Table | None:
    """Map the kept table of this content without copying; None if there is none, or none that can be trusted."""
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(_arrow_path(kept, content))))
        if reader.schema.names != ["features", "label"]:
            return None
        kind: Any = reader.schema.field(0).type
        if not pa.types.is_fixed_size_list(kind) or kind.value_type not in (pa.float32(), pa.float64()):
            return None
        schema = _schema(content, kind.value_type, kind.list_size)
        if not reader.schema.equals(schema, check_metadata=True) or reader.num_record_batches != 1:
            return None
        batch = reader.get_batch(0)
        batch.validate()
        lists, labels = batch.columns
        values = lists.flatten()
        if len(values) != len(batch) * kind.list_size or not len(values) or values.null_count or labels.null_count:
            return None
        return Table(values.to_numpy().reshape(len(batch), kind.list_size), labels.to_numpy(), path)
    except (pa.ArrowException, OSError, ValueError):  # a name that is not UTF-8 is a ValueError
        return None


def _parse(path: Path, what: str) -> Table:
    columns = _count_columns(path, what)
    names = [str(number) for number in range(columns)]
    try:
        table = csv.read_csv(
            str(path),
            read_options=csv.ReadOptions(column_names=names, block_size=_BLOCK),
            parse_options=csv.ParseOptions(quote_char=False, double_quote=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float64()), null_values=[]),
        )
    except pa.ArrowException as error:
        raise _first_fault(path, columns, str(error).splitlines()[0]) from error
    labels = table.column(columns - 1).to_numpy()
    features = _matrix(table, np.float32)
    if features is None:
        features = _matrix(table, np.float64)
    if not np.isfinite(labels).all() or features is None:
        raise _first_fault(path, columns, "a value is not finite")
    return Table(features, labels, path)


def _count_columns(path: Path, what: str) -> int:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(_LONGEST_LINE)
    if not first:
        raise InputError(path, "is empty", expected=what)
    columns = first.count(",") + 1
    if len(first) == _LONGEST_LINE or columns > _MOST_COLUMNS:
        raise InputError(path, "is too long", "line 1", expected=f"at most {_MOST_COLUMNS} numbers a row")
    if columns == 1 and first.strip():
        raise InputError(path, "has one column:", "line 1", first.strip(), "features, commas between, and a label last")
    return columns


def _matrix(table: Any, dtype: type[np.floating[Any]]) -> np.ndarray | None:
    """Copy all columns but the last into a row-major matrix; None if a value is not finite or not exact in ``dtype``.

    Block by block: a whole column at a time would touch every cache line of the matrix once a column.
    """
    matrix = np.empty((len(table), table.num_columns - 1), dtype=dtype)
    row = 0
    for batch in table.to_batches():
        part = matrix[row : row + len(batch)]
        row += len(batch)
        with np.errstate(over="ignore"):  # what is too big for float32 becomes infinite, and so not equal
            for number, column in enumerate(batch.columns[:-1]):
                values = column.to_numpy()
                part[:, number] = values
                if dtype is np.float32 and not np.array_equal(part[:, number], values):
                    return None
        if not np.isfinite(part).all():
            return None
    return matrix


def _first_fault(path: Path, columns: int, reason: str) -> InputError:
    """Find the first line that is no row of ``columns`` finite numbers; the parser says no line, or a wrong one."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            text = line.removesuffix("\n")
            place = f"line {number}"
            found = text.count(",") + 1
            if not text.strip():
                return InputError(path, "is blank", place, expected=f"{columns} numbers")
            if number == 1 and _is_header(text):
                return InputError(path, "is a header, not a row:", place, text, _ROWS_ALONE)
            if found != columns:
                return InputError(path, f"has {found} columns", place, expected=f"{columns}, as line 1")
            if _LINE.fullmatch(text):
                continue
            for column, value in enumerate(text.split(","), start=1):
                if not NUMBER.fullmatch(value) or not isfinite(float(value)):
                    problem = "holds" if value.strip() else "holds no value:"
                    return InputError(path, problem, f"{place}, column {column}", value, "a finite number")
    return InputError(path, f"is not a table of numbers ({reason[:120]})", expected=f"{columns} numbers a line")


def _is_header(line: str) -> bool:
    """Whether what is no row of numbers is one of names; those that pandas gives are the columns' numbers."""
    names = [value.strip().strip('"') for value in line.split(",")]
    counted = [name in (str(number), str(number - 1)) for number, name in enumerate(names)]  # after an index's, or not
    return any(names) and all(number or not _is_number(name) for number, name in zip(counted, names, strict=True))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
