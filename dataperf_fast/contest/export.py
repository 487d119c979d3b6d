"""A store's scores as a parquet file."""

from __future__ import annotations

import json
from collections.abc import Container
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from dataperf_fast.contest import schema
from dataperf_fast.contest.store import Store, Unit, unit_of
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import whole_file


def write(path: Path, store: Store, contest: str | None, current: Container[Unit]) -> int:
    """Write the scores of a contest, or of all, to a parquet file; returns their number.

    Columns are those of the table ``scores``, with ``details`` and ``software`` as JSON, and ``finished`` as
    timestamp[us, UTC]; ``current`` says of each whether it is among those units, and ``seasons`` in which its
    submission has stood, the first one first. Raises ``InputError`` rather than write none over a file that is there.
    """
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {sql.Integer: pa.int64(), sql.Double: pa.float64(), sql.Boolean: pa.bool_()}
    columns = {column.name: kinds.get(type(column.type), pa.string()) for column in schema.scores.columns}
    columns |= {"finished": pa.timestamp("us", "UTC"), "current": pa.bool_(), "seasons": pa.list_(pa.string())}
    seasons = _seasons(store)
    count = 0
    with whole_file(path) as aside, parquet.ParquetWriter(aside, pa.schema(list(columns.items()))) as writer:
        for rows in store.score_rows(contest):
            for row in rows:
                stood = seasons.get(tuple(row[name] for name in _STANDING), [])
                row |= {
                    "details": json.dumps(row["details"]), "software": json.dumps(row["software"]),
                    "finished": datetime.fromisoformat(row["finished"]),
                    "current": unit_of(row) in current, "seasons": stood,
                }  # fmt: skip
            writer.write_table(pa.Table.from_pylist(rows, schema=writer.schema))
            count += len(rows)
        if not count and path.exists():
            raise InputError(path, "stays as it is: the store holds no score to export")
    return count


_STANDING = ("contest", "board", "model", "submission", "submission_digest")


def _seasons(store: Store) -> dict[tuple[Any, ...], list[str]]:
    """The seasons in which each has stood."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for contest in store.contests():
        for one in store.entries(contest):
            of = found.setdefault(tuple(getattr(one, name) for name in _STANDING), [])
            if one.season not in of:
                of.append(one.season)
    return found
