"""The one loop from data and submissions to records: command line, Python, verify, profile and contests all call it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dataperf_fast import boards
from dataperf_fast.boards.board import Benchmark, Result
from dataperf_fast.boards.options import Options
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.finished import ResultCache
from dataperf_fast.files.errors import ArgumentError, InputError, again, kind_of
from dataperf_fast.files.paths import StrPath, listed, path_of, taken_for_one
from dataperf_fast.files.records import Record
from dataperf_fast.models import known_answers
from dataperf_fast.report import tables
from dataperf_fast.report.pictures import drawn
from dataperf_fast.report.progress import Shown, shown
from dataperf_fast.report.terminal import line_of


@dataclass
class Evaluated:
    """What is known of a task: its records, and the files that were ``written`` of them; ``whole`` if all were."""

    records: list[Record]
    written: list[Path] = field(default_factory=list)
    whole: bool = True


@contextmanager
def open_engine(
    board: Benchmark | str | None = None,
    model: str | None = None,
    backend: str = "auto",
    jobs: int | None = None,
    cache: bool = True,
    progress: Shown = None,
) -> Iterator[Engine]:
    """Open an engine for several calls of ``evaluate`` and ``score``: what it has trained once it does not train again.

    Under ``auto`` it begins on the CPU, and goes on there once a GPU pays.

    Args:
        board: the board that it is for, or its name; None for any.
        model: which of the board's models; None for its own.
        backend: auto, cpu, cuda, reference or reference-cuml.
        jobs: how many threads, or processes of the reference; None for one a core.
        cache: whether finished retrains and parsed tables are used and kept on disk too.
        progress: True for a bar on a terminal or in a notebook, elsewhere for a line each half a minute on standard
            error; or a function that is told what is being done, how many retrains of it are done, and how many there
            are to do.

    Returns:
        A context, of the engine.

    Raises:
        InputError: for a board or a backend that is not there, and anything else as ``jobs`` or ``progress``.

    Example:
        >>> with dpf.open_engine(jobs=1) as engine:
        ...     once, again = (dpf.evaluate("debugging", "data/debugging", engine=engine) for _ in range(2))
        >>> [record.score for record in once] == [record.score for record in again]
        True
    """
    if isinstance(board, str):
        board = boards.load(board)
    if board is not None and not isinstance(board, Benchmark):
        raise ArgumentError("board", "is", value=board, expected="a board, its name or None; jobs=2 is two threads")
    if backend == "auto":
        chosen = known_answers.until_it_pays(jobs, "" if board is None else board.without_cuda(model))
    else:
        chosen = backend_of(board, model, backend, jobs)
    store = ResultCache() if cache else None
    try:
        with shown(progress) as told:
            yield Engine(chosen, store, told)
    finally:
        if store is not None:
            store.close()


@contextmanager
def _engine_for(
    board: Benchmark, model: str | None, engine: Engine | None, backend: str, jobs: int | None, cache: bool,
    progress: Shown,
) -> Iterator[Engine]:  # fmt: skip
    """The engine that a caller gave, on the CPU where the model has no CUDA path; or one of the call's own."""
    if engine is None:
        with open_engine(board, model, backend, jobs, cache, progress) as opened:
            yield opened
        return
    if not isinstance(engine, Engine):
        expected = "the one of `with open_engine() as engine`, or None"
        raise ArgumentError("engine", f"is {kind_of(engine)}", expected=expected)
    if (backend, jobs, cache, progress) != ("auto", None, True, None):
        expected = "backend, jobs, cache and progress where it is opened, or in a call without it"
        raise InputError("engine", "has its own", expected=expected)
    of_engine = engine.backend
    if board.without_cuda(model) and (of_engine.name == "cuda" or of_engine.longer is not None):
        engine.backend = backends.choose("cpu", of_engine.threads)
        try:
            yield engine
        finally:
            engine.backend = of_engine
    else:
        yield engine


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
) -> Iterator[Evaluated]:
    """Score submissions task by task, and write each task's official files to ``out``.

    ``submissions`` is one path or several; without any those are scored that come with ``data``. Raises ``InputError``
    where nothing can be scored.
    """
    return _written(board.evaluate(path_of("data", data), listed(submissions), engine, options), engine, out)


def _written(
    made: Iterator[Result],
    engine: Engine,
    out: StrPath | None,
    draw: Callable[[Path, Result], list[Path]] = lambda folder, result: [],
) -> Iterator[Evaluated]:
    for result in made:
        evaluated = Evaluated(result.records)
        if out is not None:
            with engine.stage("write"):
                evaluated.whole = _write(result, Path(out), evaluated.written)
                evaluated.written += drawn(partial(draw, Path(out), result))
        yield evaluated


def with_files(board: Benchmark, made: Iterator[Result], engine: Engine, out: StrPath | None) -> Iterator[Evaluated]:
    """What the board makes task by task, as it is written to ``out``: official files, pictures, at last scores.csv."""
    records: list[Record] = []
    for evaluated in _written(made, engine, out, board.draw):
        records += evaluated.records
        yield evaluated
    if out is not None:
        path = Path(out) / "scores.csv"
        try:
            tables.write_csv(path, records)
            yield Evaluated([], [path])
        except OSError as error:
            warnings.warn(line_of(error), stacklevel=2)
            yield Evaluated([], whole=False)


def _records(
    benchmark: str,
    make: Callable[[Benchmark, Engine], Iterator[Result]],
    options: Options,
    out: StrPath | None,
    engine: Engine | None,
    *of_engine: Any,
) -> list[Record]:
    """The records of what the board is to ``make``, which is written to ``out``; ``of_engine`` as ``_engine_for``'s."""
    board = boards.load(benchmark)
    require_own(board, options.own)
    folder = None if out is None else path_of("out", out, "a folder's path")
    with _engine_for(board, options.model, engine, *of_engine) as opened:
        made = with_files(board, make(board, opened), opened, folder)
        return [record for evaluated in made for record in evaluated.records]


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
    progress: Shown = None,
    engine: Engine | None = None,
) -> list[Record]:
    """Score submissions as ``dataperf-fast evaluate`` does.

    Args:
        benchmark: the board's name, one of ours or of an installed package's.
        data: the official folder, or its set-up file.
        submissions: one path or several, files or folders; None for those that come with ``data``.
        backend: auto, cpu, cuda, reference or reference-cuml.
        jobs: how many threads, or processes of the reference; None for one a core.
        out: a folder for what the command line's ``--out`` writes: official result files, pictures, ``scores.csv``;
            None writes none. Where one cannot be written, a warning says so.
        curve: whether all is wanted that files and pictures show, the debugging board's whole curves; None wants it if
            ``out`` is given.
        model: logistic-regression, nearest-neighbours or boosted-stumps (acquisition), linear-net, logistic-optimum,
            support-vectors, neighbour-votes or boosted-trees (debugging), majority or dawid-skene (nibbler), or a short
            name: lr, knn, rf, logistic, svc, xgb. None for the board's own.
        cache: whether finished retrains and parsed tables are used and kept.
        own: options of the board by name, ``{"embedding": function}`` (nibbler) say.
        progress: True for a bar on a terminal or in a notebook, elsewhere for a line each half a minute on standard
            error; or a function that is told what is being done, how many retrains of it are done, and how many there
            are to do.
        engine: one of ``open_engine``, for several calls, in the place of ``backend``, ``jobs``, ``cache`` and
            ``progress``.

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
    options = Options(model, own or {}, out is not None if curve is None else curve)
    folder, paths = path_of("data", data), listed(submissions)
    return _records(
        benchmark, lambda board, opened: board.evaluate(folder, paths, opened, options),
        options, out, engine, backend, jobs, cache, progress,
    )  # fmt: skip


def score(
    benchmark: str,
    data: Any,
    submissions: Mapping[str, Any] | None = None,
    *,
    backend: str = "auto",
    jobs: int | None = None,
    out: StrPath | None = None,
    curve: bool | None = None,
    model: str | None = None,
    cache: bool = True,
    own: Mapping[str, Any] | None = None,
    progress: Shown = None,
    engine: Engine | None = None,
) -> list[Record]:
    """Score what is in memory as ``evaluate`` scores files: the same checks, the same scores.

    docs/notebook.md says what each board takes. A table is a mapping of columns, a data frame, an Arrow table, or a
    tuple of its columns.

    Args:
        benchmark: the board's name, one of ours or of an installed package's.
        data: the board's data, by the names of its official files.
        submissions: by name, what each submits for each task, by the task's name. None, where the board's data hold
            submissions (nibbler), for these.
        backend: as ``evaluate`` takes it.
        jobs: as ``evaluate`` takes it.
        out: as ``evaluate`` takes it.
        curve: as ``evaluate`` takes it.
        model: as ``evaluate`` takes it.
        cache: as ``evaluate`` takes it.
        own: as ``evaluate`` takes it.
        progress: as ``evaluate`` takes it.
        engine: as ``evaluate`` takes it.

    Returns:
        The records, as ``evaluate`` returns them of the same in files. An error names the argument in the place of the
        file, ``submissions['mine']['digits49']`` for instance.

    Raises:
        InputError: where nothing can be scored or ``data`` cannot be used, and for a board that takes files alone.

    Example:
        >>> train, test, order = (train_X, train_y), (val_X, val_y), np.arange(40)
        >>> task = {"train": train, "ground_truth": train_y, "test": test}
        >>> [record] = dpf.score("debugging", {"made": task}, {"in-order": {"made": order}}, model="logistic")
        >>> record.submission, record.score
        ('in-order', 0.0)
    """
    options = Options(model, own or {}, out is not None if curve is None else curve)
    return _records(
        benchmark, lambda board, opened: map(_of_good_data, board.score(data, submissions, opened, options)),
        options, out, engine, backend, jobs, cache, progress,
    )  # fmt: skip


def _of_good_data(result: Result) -> Result:
    """A result as it is; raises ``InputError`` where a submission has no score for what is wrong with ``data``."""
    for record in result.records:
        of_mean = "tasks" in record.details  # whose error begins with the submission's name, whatever that is
        if record.submission and record.error and record.error.startswith("data[") and not of_mean:
            raise again("data", record.error)
    return result


def require_own(board: Benchmark, own: Mapping[str, Any]) -> None:
    """Raise ``InputError`` where an option is none of the board's."""
    keys = sorted({option.key for option in board.options})
    if not isinstance(own, Mapping):
        raise ArgumentError("own", f"is {kind_of(own)}", expected="a mapping from options to values")
    for name in own:
        if name not in keys:
            expected = " or ".join(keys) or "none: the board has no options"
            raise ArgumentError(f"own[{name!r}]", f"has no meaning for {board.name}", expected=expected)
