"""One file a benchmark: official files -> plan -> score. ``evaluate`` scores submissions from Python."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataperf_fast.results import Record

NAMES = ("debugging",)


def load(benchmark: str) -> Any:
    """Import a benchmark's module."""
    from dataperf_fast.formats.errors import InputError

    if benchmark not in NAMES:
        raise InputError("BENCHMARK", "is", value=benchmark, expected=" or ".join(NAMES))
    return importlib.import_module(f"dataperf_fast.benchmarks.{benchmark}")


def evaluate(
    benchmark: str,
    data: str | Path,
    submissions: Sequence[str | Path] | None = None,
    *,
    backend: str = "auto",
    jobs: int | None = None,
    out: str | Path | None = None,
    curve: bool | None = None,
    cache: bool = True,
) -> list[Record]:
    """Score submissions as ``dataperf-fast evaluate`` does, and return its records.

    ``data`` is the official folder or its set-up file; without ``submissions`` those that the set-up names are scored.
    With ``out`` the official result files are written there. ``curve`` None asks for whole curves only if ``out`` is
    given. Raises ``InputError`` where nothing can be scored; a single bad submission becomes a record with status
    "invalid".
    """
    from dataperf_fast import backend as backends
    from dataperf_fast.engine import Engine
    from dataperf_fast.results import ResultCache

    board = load(benchmark)
    store = ResultCache() if cache else None
    engine = Engine(backends.choose(backend, jobs), store)
    paths = None if submissions is None else [Path(path) for path in submissions]
    records: list[Record] = []
    for result in board.evaluate(Path(data), paths, engine, out is not None if curve is None else curve):
        records += result.records
        if out is not None:
            result.write(Path(out))
    if store is not None:
        store.close()
    return records
