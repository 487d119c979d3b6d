"""The one loop from data and submissions to records: command line, Python, verify, profile and contests all call it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dataperf_fast import boards
from dataperf_fast.boards.board import Benchmark, Result
from dataperf_fast.boards.options import Options
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.engine import Engine, Progress
from dataperf_fast.engine.finished import ResultCache
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import StrPath, listed, taken_for_one
from dataperf_fast.files.records import Record
from dataperf_fast.models import known_answers
from dataperf_fast.report.pictures import drawn
from dataperf_fast.report.terminal import line_of


@dataclass
class Evaluated:
    """What is known of a task: its records, and the files that were ``written`` of them; ``whole`` if all were."""

    records: list[Record]
    written: list[Path] = field(default_factory=list)
    whole: bool = True


@contextmanager
def open_engine(
    board: Benchmark,
    model: str | None = None,
    backend: str = "auto",
    jobs: int | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> Iterator[Engine]:
    """An engine where ``backend_of`` says, with the user's finished retrains unless ``cache`` is False.

    Under ``auto`` it begins on the CPU, and goes on there once a GPU pays.
    """
    if backend == "auto":
        chosen = known_answers.until_it_pays(jobs, board.without_cuda(model))
    else:
        chosen = backend_of(board, model, backend, jobs)
    store = ResultCache() if cache else None
    try:
        yield Engine(chosen, store, progress)
    finally:
        if store is not None:
            store.close()


def backend_of(
    board: Benchmark | None = None, model: str | None = None, name: str = "auto", jobs: int | None = None
) -> Backend:
    """Where a model of the board is trained: on a GPU only if it has a CUDA path, and the device gave known answers.

    Without a board, where what has a CUDA path is.
    """
    return known_answers.choose(name, jobs, "" if board is None else board.without_cuda(model))


def results(
    board: Benchmark,
    data: StrPath,
    submissions: StrPath | Sequence[StrPath] | None,
    engine: Engine,
    options: Options,
    out: StrPath | None = None,
    pictures: bool = False,
) -> Iterator[Evaluated]:
    """Score submissions task by task, and write each task's official files to ``out``, with ``pictures`` if asked for.

    ``submissions`` is one path or several; without any those are scored that come with ``data``. Raises ``InputError``
    where nothing can be scored.
    """
    for result in board.evaluate(Path(data), listed(submissions), engine, options):
        evaluated = Evaluated(result.records)
        if out is not None:
            with engine.stage("write"):
                evaluated.whole = _write(result, Path(out), evaluated.written)
                evaluated.written += drawn(partial(board.draw, Path(out), result)) if pictures else []
        yield evaluated


def _write(result: Result, out: Path, written: list[Path]) -> bool:
    """Add a result's files to those ``written``; whether all are there, of which a full disk, say, costs a warning."""
    try:
        written += result.write(out)
    except OSError as error:
        warnings.warn(line_of(error), stacklevel=3)
        return False
    for paths in taken_for_one(written):
        names = " and ".join(str(path.relative_to(out)) for path in paths)
        warnings.warn(f"{out}: takes {names} for one file: the last one's is there", stacklevel=3)
        return False
    return True


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
    own: Mapping[str, Any] | None = None,
) -> list[Record]:
    """Score submissions as ``dataperf-fast evaluate`` does.

    Args:
        benchmark: the board's name, one of ours or of an installed package's.
        data: the official folder, or its set-up file.
        submissions: one path or several, files or folders; None for those that come with ``data``.
        backend: auto, cpu, cuda, reference or reference-cuml.
        jobs: how many threads, or processes of the reference; None for one a core.
        out: a folder for the official result files; None writes none. Where one cannot be written, a warning says so.
        curve: whether all is wanted that files and pictures show, the debugging board's whole curves; None wants it if
            ``out`` is given.
        model: logistic-regression, nearest-neighbours or boosted-stumps (acquisition), linear-net, logistic-optimum,
            support-vectors, neighbour-votes or boosted-trees (debugging), majority or dawid-skene (nibbler), or a short
            name: lr, knn, rf, logistic, svc, xgb. None for the board's own.
        cache: whether finished retrains and parsed tables are used and kept.
        own: options of the board by name, ``{"embedding": function}`` (nibbler) say.

    Returns:
        A record for each submission on each task, and one for the mean of several tasks. A submission that cannot be
        read has the status "invalid" and no score.

    Raises:
        InputError: where nothing can be scored.

    Example:
        >>> records = dpf.evaluate("debugging", "data/debugging", model="knn")
        >>> [(record.task, record.submission, record.score) for record in records][:2]
        [('digits38-flipped', 'consecutive', 0.45), ('digits38-flipped', 'random', 0.325)]
    """
    board = boards.load(benchmark)
    options = Options(model, own or {}, out is not None if curve is None else curve)
    require_own(board, options.own)
    records: list[Record] = []
    with open_engine(board, model, backend, jobs, cache) as engine:
        for evaluated in results(board, data, submissions, engine, options, out):
            records += evaluated.records
    return records


def require_own(board: Benchmark, own: Mapping[str, Any]) -> None:
    """Raise ``InputError`` where an option is none of the board's."""
    keys = {option.key for option in board.options}
    for name in own:
        if name not in keys:
            raise InputError(name, f"has no meaning for {board.name}", expected=" or ".join(sorted(keys)))
