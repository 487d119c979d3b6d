"""One file a board: official files -> plan -> score. ``evaluate`` scores submissions from Python.

Boards of other packages are found through the entry points ``dataperf_fast.benchmarks``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataperf_fast.boards.board import Benchmark
    from dataperf_fast.engine.engine import Engine, Progress
    from dataperf_fast.files.paths import StrPath
    from dataperf_fast.files.records import Record

TRAINING = ("speech", "vision", "debugging", "acquisition")  # boards that retrain a model
NAMES = (*TRAINING, "nibbler")  # ours; others come through entry points
GROUP = "dataperf_fast.benchmarks"


def names() -> list[str]:
    """Every board that is installed, ours first."""
    found = {point.name for point in entry_points(group=GROUP)}
    return [*NAMES, *sorted(found - set(NAMES))]


def load(benchmark: str) -> Benchmark:
    """The board of that name, ours or one that another package names in its entry points."""
    from dataperf_fast.boards.board import Benchmark
    from dataperf_fast.files.errors import InputError

    if benchmark in NAMES:  # without a look at every installed package
        ours: Benchmark = importlib.import_module(f"dataperf_fast.boards.{benchmark}.board").BOARD
        return ours
    points = list(entry_points(group=GROUP, name=benchmark))
    if not points:
        raise InputError("BENCHMARK", "is", value=benchmark, expected=" or ".join(names()))
    made = points[0].load()
    if not (isinstance(made, type) and issubclass(made, Benchmark)):
        raise InputError(points[0].value, "is no board", value=made, expected="a subclass of Benchmark")
    return made()


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
    from dataperf_fast.engine import backend as backends
    from dataperf_fast.engine.engine import Engine
    from dataperf_fast.engine.finished import ResultCache

    chosen = backends.choose(backend, jobs, without_cuda)
    store = ResultCache() if cache else None
    try:
        yield Engine(chosen, store, progress)
    finally:
        if store is not None:
            store.close()


def paths(submissions: StrPath | Sequence[StrPath] | None) -> list[Path] | None:
    """What a caller names as submissions, one path or several; None, as it is, for those that come with the data."""
    if submissions is None:
        return None
    if isinstance(submissions, (str, os.PathLike)):
        return [Path(submissions)]
    return [Path(path) for path in submissions]


def evaluate(
    benchmark: str,
    data: StrPath,
    submissions: StrPath | Sequence[StrPath] | None = None,
    *,
    backend: str = "auto",
    jobs: int | None = None,
    out: StrPath | None = None,
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
    from dataperf_fast.boards.board import Options

    board = load(benchmark)
    options = Options(out is not None if curve is None else curve, model)
    records: list[Record] = []
    with open_engine(backend, jobs, cache, None, board.without_cuda(model)) as engine:
        for result in board.evaluate(Path(data), paths(submissions), engine, options):
            records += result.records
            if out is not None:
                result.write(Path(out))
    return records
