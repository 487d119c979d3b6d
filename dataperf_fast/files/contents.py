"""What lies in a file, whatever its format: texts, rows of numbers, columns of numbers. For searching, not for scoring.

Parquet, csv and other text, JSON, YAML, NumPy's arrays, and zips and gzip files of these. What is none of them is text.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import yaml
from pyarrow import parquet

from dataperf_fast.files.errors import InputError
from dataperf_fast.files.setup_file import Loader
from dataperf_fast.files.vectors import vector_matrix

_BATCH = 4096  # rows of a parquet file at a time
_SEPARATORS = re.compile(r"[,;\t]")
_WORDS = re.compile(r"""[\s"',;\[\]{}]+""")


@dataclass(frozen=True)
class Piece:
    """A part of a file: texts; vectors ``(n, d)`` float32 from row ``first`` on; a column ``(n,)`` float64.

    ``bare`` vectors are nothing else, others may have a label or a number beside them, as in a csv or an array. Texts
    may be names ``of_vectors`` that stand in the same table.
    """

    texts: Iterable[str] = ()
    rows: np.ndarray | None = None
    first: int = 0
    bare: bool = True
    of_vectors: bool = False
    column: np.ndarray | None = None


def pieces(path: Path) -> Iterator[Piece]:
    """All that lies in a file; raises ``OSError`` where it cannot be read."""
    with path.open("rb") as file:
        yield from _of_file(file, path)


def _of_file(file: BinaryIO, path: Path) -> Iterator[Piece]:
    head = file.read(6)
    file.seek(0)
    if head[:4] == b"PAR1":
        yield from _of_parquet(file, path)
    elif head[:4] == b"PK\3\4":
        with zipfile.ZipFile(file) as archive:
            for member in archive.namelist():
                yield Piece([member])
                yield from _of_file(io.BytesIO(archive.read(member)), Path(member))
    elif head[:2] == b"\x1f\x8b":
        yield from _of_file(io.BytesIO(gzip.decompress(file.read())), path.with_suffix(""))
    elif head == b"\x93NUMPY":
        yield from _of_array(np.load(file, allow_pickle=False))
    else:
        yield from _of_text(file.read().decode("utf-8", "replace"), path.suffix.lower())


def _of_parquet(opened: BinaryIO, path: Path) -> Iterator[Piece]:
    columns: dict[str, list[Any]] = {}
    vectors = False
    with parquet.ParquetFile(opened) as file:
        about = file.metadata.metadata or {}
        for value in about.values():
            yield Piece(_WORDS.split(value.decode("utf-8", "replace")))
        first = 0
        for batch in file.iter_batches(_BATCH, use_threads=False):
            for name, array in zip(batch.schema.names, batch.columns, strict=True):
                try:
                    yield Piece(rows=vector_matrix(_Chunk(array), name, path, None), first=first)
                    vectors = True
                except InputError:  # no vectors, or not all of one length
                    columns.setdefault(name, []).extend(array.to_pylist())
            first += len(batch)
    for values in columns.values():
        for piece in _of_tree(values):
            yield replace(piece, of_vectors=vectors)


@dataclass(frozen=True)
class _Chunk:
    """An array as a column of one chunk."""

    array: Any
    num_chunks: int = 1

    def chunk(self, _: int) -> Any:
        return self.array


def _of_array(array: np.ndarray) -> Iterator[Piece]:
    if array.dtype.kind in "US":
        yield Piece(array.astype(str).ravel().tolist())
    elif array.dtype.kind in "biuf":
        if array.ndim > 1:
            yield Piece(rows=array.reshape(len(array), -1).astype(np.float32), bare=False)
        yield from _of_numbers(array.ravel().astype(np.float64))


def _of_text(text: str, suffix: str) -> Iterator[Piece]:
    if suffix in (".yaml", ".yml"):
        with suppress(yaml.YAMLError, ValueError):
            yield from _of_tree(yaml.load(text, Loader=Loader))
    elif text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            yield from _of_tree(json.loads(text))
    lines = [line for line in text.splitlines() if line.strip()]
    yield Piece({word for line in lines for word in (line.strip(), *_WORDS.split(line))})
    table = [[cell.strip(" \"'") for cell in _SEPARATORS.split(line)] for line in lines]
    table = [row[0].split() if len(row) == 1 else row for row in table]
    for number, row in enumerate(table):
        yield Piece(row)
        if len(row) > 1 and (values := _numbers(row)) is not None:
            yield Piece(rows=values[None].astype(np.float32), first=number, bare=False)
    if table and {len(row) for row in table[1:]} == {len(table[0])}:
        for cells in zip(*table, strict=True):
            yield from _of_column(cells if _numbers(cells[:1]) is not None else cells[1:])


def _of_tree(node: Any) -> Iterator[Piece]:
    """All of what JSON, YAML or a column of a parquet file holds: keys too may be ids, and values labels."""
    if isinstance(node, str):
        yield Piece([node])
    elif isinstance(node, Mapping):
        yield Piece([key for key in node if isinstance(key, str)])
        yield from _of_tree(list(node.values()))
    elif isinstance(node, list):
        yield Piece([value for value in node if isinstance(value, str)])
        yield from _of_column(node)
        for value in node:
            if isinstance(value, Mapping | list):
                yield from _of_tree(value)


def _of_column(values: Sequence[Any]) -> Iterator[Piece]:
    if (known := _numbers(values)) is not None:
        yield from _of_numbers(known)


def _of_numbers(values: np.ndarray) -> Iterator[Piece]:
    """Numbers are a vector or a column of labels."""
    yield Piece(rows=values[None].astype(np.float32), bare=False, column=values)


def _numbers(values: Sequence[Any]) -> np.ndarray | None:
    """Values as float64 ``(n,)``, if all are numbers or the text of one."""
    try:
        return np.array([float(value) for value in values], np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
