"""Parquet files of image embeddings, columns ImageID and embedding: a few of many rows read, without the others.

Source: CoactiveAI/dataperf-vision-selection, ``eval.py``, whose pool is one such file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from dataperf_fast.files.errors import InputError, require_columns
from dataperf_fast.files.paths import whole_file
from dataperf_fast.files.vectors import parts_of, readable, repeated, vector_lists, vector_matrix

IMAGE_ID, VECTOR = "ImageID", "embedding"

_STREAM = 1 << 20  # bytes of a column read from disk at once
_BATCH = 1024  # rows decoded at once
_ROW_GROUP = 16_384  # rows; small enough that a pool's groups can be read side by side
_TEXT = ("string", "large_string", "string_view")
_WHAT = f"the embeddings: a parquet file with the columns {IMAGE_ID} and {VECTOR}"


@dataclass(frozen=True)
class _Part:
    """One of the pool's parquet files: its metadata, read once, and its first row's number in the whole pool."""

    path: Path
    metadata: Any
    start: int


def read_embeddings(
    path: Path, ids: Iterable[str], dimension: int, threads: int = 1
) -> tuple[dict[str, int], np.ndarray]:
    """Read the vectors of ``ids`` from a parquet file, or a folder of parts, of the columns ImageID and embedding.

    Returns each id's row and the features ``(n, dimension)`` float32, C-contiguous, in order of first mention; ids that
    the file lacks have no row. The file is streamed, a few thousand rows in memory a thread, and row groups without any
    of the ids are skipped. Raises ``InputError`` for a file or column that is missing or broken and, with the file's
    row, for a wanted id that is there twice or whose vector does not fit.
    """
    place_of, parts = _find_rows(path, dict.fromkeys(ids))
    features = np.empty((len(place_of), dimension), dtype=np.float32)
    places = np.fromiter(place_of.values(), dtype=np.int64, count=len(place_of))
    order = np.argsort(places)
    groups = [(part, number) for part in parts for number in range(part.metadata.num_row_groups)]
    counts = [part.metadata.row_group(number).num_rows for part, number in groups]
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    bounds = np.searchsorted(places[order], starts)

    def read(group: int) -> None:
        rows = order[bounds[group] : bounds[group + 1]]
        part, number = groups[group]
        if len(rows):
            with readable(part.path, _WHAT), _open(part.path, part.metadata) as file:
                batches = file.iter_batches(_BATCH, row_groups=[number], columns=[VECTOR], use_threads=False)
                _fill(features, batches, rows, places[rows] - part.start, int(starts[group]) - part.start, part.path)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        list(pool.map(read, range(len(groups))))
    return {name: row for row, name in enumerate(place_of)}, features


def read_image_ids(path: Path) -> list[str]:
    """Read every ImageID of a parquet file or folder of embeddings, in the file's order, and no vector."""
    names: list[str] = []
    for part in parts_of(path, _WHAT):
        with readable(part, _WHAT), _open(part) as file:
            for some in _image_ids(part, file):
                names += some
    return names


def _open(path: Path, metadata: Any = None) -> parquet.ParquetFile:
    # Else Arrow holds every byte of a row group, and those of all groups before the first batch.
    return parquet.ParquetFile(path, metadata=metadata, buffer_size=_STREAM, pre_buffer=False)


def _image_ids(path: Path, file: parquet.ParquetFile) -> Iterator[list[str]]:
    require_columns(path, file.schema_arrow.names, (IMAGE_ID, VECTOR), _WHAT)
    kind = file.schema_arrow.field(IMAGE_ID).type
    if str(kind.value_type if pa.types.is_dictionary(kind) else kind) not in _TEXT:
        raise InputError(path, f"column {IMAGE_ID} holds {kind}", expected="strings")
    for batch in file.iter_batches(16 * _BATCH, columns=[IMAGE_ID], use_threads=False):
        yield batch.column(0).to_pylist()


def _find_rows(path: Path, wanted: dict[str, None]) -> tuple[dict[str, int], list[_Part]]:
    """The row of each wanted id that the pool holds, in the order of ``wanted``, and the pool's parts."""
    found: dict[str, int] = {}
    parts: list[_Part] = []
    start = 0
    for part in parts_of(path, _WHAT):
        with readable(part, _WHAT), _open(part) as file:
            parts.append(_Part(part, file.metadata, start))
            for names in _image_ids(part, file):
                for row, name in enumerate(names, start):
                    if name in wanted and (first := found.setdefault(name, row)) != row:
                        places = _place(parts, first), _place(parts, row)
                        raise repeated(IMAGE_ID, name, *places, "each image once")
                start += len(names)
    return {name: found[name] for name in wanted if name in found}, parts


def _place(parts: Sequence[_Part], row: int) -> tuple[Path, int]:
    """The part that a row of the whole pool is in, and its row there."""
    part = next(part for part in reversed(parts) if part.start <= row)
    return part.path, row - part.start


def _fill(features: np.ndarray, batches: Any, rows: np.ndarray, places: np.ndarray, start: int, path: Path) -> None:
    """Write the vectors at ``places`` in the file, which ascend, to ``rows`` of ``features``; batches begin there."""
    for batch in batches:
        first, last = np.searchsorted(places, (start, start + len(batch)))
        if last > first:
            wanted = places[first:last]
            # Slices, not take(): that imports pyarrow.compute, 0.07 s of a user's waiting time.
            runs = np.split(wanted - start, np.flatnonzero(np.diff(wanted) != 1) + 1)
            slices = pa.chunked_array([batch.column(0).slice(int(run[0]), len(run)) for run in runs])
            features[rows[first:last]] = vector_matrix(slices, VECTOR, path, features.shape[1], wanted.tolist())
        start += len(batch)
        if last == len(places):
            return


def write_embeddings(path: Path, ids: Sequence[str], features: np.ndarray) -> None:
    """Write an embedding file: ids, and vectors ``(n, d)`` as lists of float32; equal input gives equal bytes."""
    starts = range(0, max(len(ids), 1), _ROW_GROUP)
    write_embedding_blocks(path, ((ids[at : at + _ROW_GROUP], features[at : at + _ROW_GROUP]) for at in starts))


def write_embedding_blocks(path: Path, blocks: Iterable[tuple[Sequence[str], np.ndarray]]) -> None:
    """Write an embedding file, a row group for each block of ids and vectors; holds one block at a time."""
    schema = pa.schema([(IMAGE_ID, pa.string()), (VECTOR, pa.list_(pa.float32()))])
    # No dictionaries: hardly any value comes twice.
    with whole_file(path) as aside, parquet.ParquetWriter(aside, schema, use_dictionary=False) as writer:
        for ids, features in blocks:
            columns = {IMAGE_ID: pa.array(ids, type=pa.string()), VECTOR: vector_lists(features)}
            writer.write_table(pa.table(columns, schema=schema))
