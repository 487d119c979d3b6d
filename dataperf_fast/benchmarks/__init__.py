"""One file a benchmark: official files -> plan -> score. ``evaluate`` scores submissions from Python."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataperf_fast.engine import Engine, Progress
    from dataperf_fast.results import Record

NAMES = ("speech", "vision", "debugging", "acquisition")


def load(benchmark: str) -> Any:
    """Import a benchmark's module."""
    from dataperf_fast.formats.errors import InputError

    if benchmark not in NAMES:
        raise InputError("BENCHMARK", "is", value=benchmark, expected=" or ".join(NAMES))
    return importlib.import_module(f"dataperf_fast.benchmarks.{benchmark}")


def without_cuda(benchmark: str, model: str | None) -> str:
    """What of a benchmark has no CUDA path yet, by name; nothing if it has one."""
    if benchmark == "debugging":
        return "" if model in (None, "linear-net", "knn") else f"debugging by {model}"
    return "" if benchmark == "speech" else benchmark


@contextmanager
def open_engine(
    backend: str = "auto",
    jobs: int | None = None,
    cache: bool = True,
    progress: Progress | None = None,
    without_cuda: str = "",
) -> Iterator[Engine]:
    """An engine on the backend of that name, with the user's finished retrains unless ``cache`` is False.

    ``without_cuda`` names what is to run if it has no CUDA path.
    """
    from dataperf_fast import backend as backends
    from dataperf_fast.engine import Engine
    from dataperf_fast.results import ResultCache

    chosen = backends.choose(backend, jobs, without_cuda)
    store = ResultCache() if cache else None
    try:
        yield Engine(chosen, store, progress)
    finally:
        if store is not None:
            store.close()


def evaluate(
    benchmark: str,
    data: str | Path,
    submissions: str | Path | Sequence[str | Path] | None = None,
    *,
    backend: str = "auto",
    jobs: int | None = None,
    out: str | Path | None = None,
    curve: bool | None = None,
    model: str | None = None,
    cache: bool = True,
) -> list[Record]:
    """Score submissions as ``dataperf-fast evaluate`` does, and return its records.

    ``data`` is the official folder or its set-up file; without ``submissions`` those that come with it are scored. With
    ``out`` result files are written there. ``curve`` (debugging) None asks for whole curves only if ``out`` is given;
    ``model`` is lr, knn or rf (acquisition) or linear-net, logistic, svc, knn or xgb (debugging), None the board's own.
    Raises ``InputError`` where nothing can be scored; a single bad submission becomes a record with status "invalid".
    """
    from dataperf_fast.benchmarks.common import Options

    board = load(benchmark)
    options = Options(out is not None if curve is None else curve, model)
    if isinstance(submissions, (str, Path)):
        submissions = [submissions]
    paths = None if submissions is None else [Path(path) for path in submissions]
    records: list[Record] = []
    with open_engine(backend, jobs, cache, None, without_cuda(benchmark, model)) as engine:
        for result in board.evaluate(Path(data), paths, engine, options):
            records += result.records
            if out is not None:
                result.write(Path(out))
    return records
