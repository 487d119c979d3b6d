"""Parquet files of image embeddings, columns ImageID and embedding: a few of many rows read, without the others.

Source: CoactiveAI/dataperf-vision-selection, ``eval.py``, whose pool is one such file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import whole_file
from dataperf_fast.files.vectors import readable, vector_column, vector_lists

IMAGE_ID, VECTOR = "ImageID", "embedding"

_STREAM = 1 << 20  # bytes of a column read from disk at once
_BATCH = 1024  # rows decoded at once
_ROW_GROUP = 16_384  # rows; small enough that a pool's groups can be read side by side
_TEXT = ("string", "large_string", "string_view")


def read_embeddings(
    path: Path, ids: Iterable[str], dimension: int, threads: int = 1
) -> tuple[dict[str, int], np.ndarray]:
    """Read the vectors of ``ids`` from a parquet file of the columns ImageID and embedding.

    Returns each id's row and the features ``(n, dimension)`` float32, C-contiguous, in order of first mention; ids that
    the file lacks have no row. The file is streamed, a few thousand rows in memory a thread, and row groups without any
    of the ids are skipped. Raises ``InputError`` for a file or column that is missing or broken and, with the file's
    row, for a wanted id that is there twice or whose vector does not fit.
    """
    what = f"the embeddings: a parquet file with the columns {IMAGE_ID} and {VECTOR}"
    with readable(path, what):
        place_of, metadata = _find_rows(path, dict.fromkeys(ids), what)
        features = np.empty((len(place_of), dimension), dtype=np.float32)
        places = np.fromiter(place_of.values(), dtype=np.int64, count=len(place_of))
        order = np.argsort(places)
        counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        bounds = np.searchsorted(places[order], starts)

        def read(group: int) -> None:
            rows = order[bounds[group] : bounds[group + 1]]
            if len(rows):
                with _open(path, metadata) as file:
                    batches = file.iter_batches(_BATCH, row_groups=[group], columns=[VECTOR], use_threads=False)
                    _fill(features, batches, rows, places[rows], int(starts[group]), path)

        with ThreadPoolExecutor(max(1, threads)) as pool:
            list(pool.map(read, range(len(counts))))
    return {name: row for row, name in enumerate(place_of)}, features


def read_image_ids(path: Path) -> list[str]:
    """Read every ImageID of a parquet file of embeddings, in the file's order, and no vector."""
    what = f"the embeddings: a parquet file with the columns {IMAGE_ID} and {VECTOR}"
    names: list[str] = []
    with readable(path, what), _open(path) as file:
        _check_columns(path, file.schema_arrow, what)
        for batch in file.iter_batches(16 * _BATCH, columns=[IMAGE_ID], use_threads=False):
            names += batch.column(0).to_pylist()
    return names


def _open(path: Path, metadata: Any = None) -> parquet.ParquetFile:
    # Else Arrow holds every byte of a row group, and those of all groups before the first batch.
    return parquet.ParquetFile(path, metadata=metadata, buffer_size=_STREAM, pre_buffer=False)


def _find_rows(path: Path, wanted: dict[str, None], what: str) -> tuple[dict[str, int], Any]:
    """The file's row of each wanted id that it holds, in the order of ``wanted``, and the file's metadata."""
    found: dict[str, int] = {}
    start = 0
    with _open(path) as file:
        _check_columns(path, file.schema_arrow, what)
        for batch in file.iter_batches(16 * _BATCH, columns=[IMAGE_ID], use_threads=False):
            for row, name in enumerate(batch.column(0).to_pylist(), start):
                if name in wanted and (first := found.setdefault(name, row)) != row:
                    raise InputError(path, f"repeats row {first}'s {IMAGE_ID}", f"row {row}", name, "each image once")
            start += len(batch)
        return {name: found[name] for name in wanted if name in found}, file.metadata


def _check_columns(path: Path, schema: Any, what: str) -> None:
    for column in (IMAGE_ID, VECTOR):
        if (count := schema.names.count(column)) != 1:
            problem = f"has {count} columns" if count else "has no column"
            raise InputError(path, problem, value=column, expected=what)
    kind = schema.field(IMAGE_ID).type
    if str(kind.value_type if pa.types.is_dictionary(kind) else kind) not in _TEXT:
        raise InputError(path, f"column {IMAGE_ID} holds {kind}", expected="strings")


def _fill(features: np.ndarray, batches: Any, rows: np.ndarray, places: np.ndarray, start: int, path: Path) -> None:
    """Write the vectors at ``places`` in the file, which ascend, to ``rows`` of ``features``; batches begin there."""
    for batch in batches:
        first, last = np.searchsorted(places, (start, start + len(batch)))
        if last > first:
            features[rows[first:last]] = _vectors(batch, places[first:last] - start, start, path, features.shape[1])
        start += len(batch)
        if last == len(places):
            return


def _vectors(batch: Any, rows: np.ndarray, start: int, path: Path, dimension: int) -> np.ndarray:
    # Slices, not take(): that imports pyarrow.compute, 0.07 s of a user's waiting time.
    runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
    table = pa.Table.from_batches([batch.slice(int(run[0]), len(run)) for run in runs])
    with np.errstate(over="ignore"):  # float64 too big for float32 becomes infinite, and is refused
        try:
            return vector_column(table, VECTOR, path, dimension)
        except InputError:
            vector_column(table.slice(0, 0), VECTOR, path, dimension)  # refuses again if the column's type is wrong
            # It counted the slices' rows; users want those of the file.
            for row, vector in zip((rows + start).tolist(), table[VECTOR].to_pylist(), strict=True):
                _check_vector(vector, f"row {row}", path, dimension)
            raise


def _check_vector(vector: list[Any] | None, place: str, path: Path, dimension: int) -> None:
    if vector is None or len(vector) != dimension:
        found = "no vector" if vector is None else f"a vector of length {len(vector)}"
        raise InputError(path, f"column {VECTOR} holds {found}", place, expected=f"length {dimension}")
    values = np.array(vector, dtype=np.float32)  # null elements become NaN
    if not np.isfinite(values).all():
        at = int(np.argmin(np.isfinite(values)))
        place = f"{place}, element {at}"
        raise InputError(path, f"column {VECTOR} holds", place, float(values[at]), "a finite number")


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
