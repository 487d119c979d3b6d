"""Where an evaluation's time goes: stages by the clock, kernels by their threads, against this machine's ceilings.

The engine is the real one; while the profile is taken, it looks at the clock around its stages, and around functions
that are ``watched``. Seconds of a stage are wall time, less what compiling takes, and add up to the whole; seconds of a
kernel are those of the threads that called it, together.
"""

from __future__ import annotations

import threading
import time
import timeit
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from dataperf_fast import boards
from dataperf_fast.boards import evaluation
from dataperf_fast.boards.options import Options
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import clock
from dataperf_fast.engine.engine import Engine, Outcomes, Progress
from dataperf_fast.engine.plan import Plan, Trainer
from dataperf_fast.files.paths import StrPath
from dataperf_fast.kernels.watched import watch
from dataperf_fast.report.progress import Shown, shown

STAGES = ("read", "plan", "share", "train", "certify", "score", "write")


class Count(NamedTuple):
    """What a call has to do at least: arithmetic operations, and bytes that it must move to or from where they are.

    ``threads``: how many it works on by itself; ``cached``: whether the bytes stay in a core's own cache.
    """

    operations: float
    moved: float
    threads: int = 1
    cached: bool = False


def _linear_net(
    start: Any, features: np.ndarray, evaluation: np.ndarray, labels: np.ndarray, threads: int, sample: Any = None
) -> Count:
    """A step reads W1 twice, M and V once, writes the three; its logits and s are 4 operations a feature and row."""
    nets, rows = labels.shape
    width, size = features.shape[1], start.hidden.itemsize
    steps = 20 * -(-rows // 64)
    state = 128 * width
    return Count(
        nets * (steps * 18.0 * state + 20 * 4.0 * rows * width + 2.0 * (rows + len(evaluation)) * width),
        nets * steps * 7.0 * state * size,
        min(threads, nets),
        cached=True,
    )


def _products(trainer: Any, fits: list[Any]) -> Count:
    """Dot products of the fits' rows with every evaluation row; at most, since rows already multiplied are kept."""
    rows, width = trainer._evaluation.shape
    used = len(np.unique(np.concatenate([fit.rows for fit in fits])))
    return Count(2.0 * used * rows * width, 4.0 * (rows * width + used * rows), trainer._threads)


def _exact_votes(svc: Any, features: np.ndarray, rows: np.ndarray) -> Count:
    """A difference and a dot product for every pair of rows."""
    return Count(3.0 * len(rows) * features.size, 8.0 * (features.size + rows.size))


def _nearest(features: np.ndarray, queries: np.ndarray, neighbours: int, threads: int = 1) -> Count:
    return Count(2.0 * len(queries) * features.size, 8.0 * len(queries) * len(features))


def _vote(features: np.ndarray, labels: Any, classes: int, evaluation: np.ndarray, neighbours: int) -> Count:
    return Count(2.0 * len(evaluation) * features.size, 16.0 * len(evaluation) * len(features))


def _average(scores: np.ndarray, positive: np.ndarray) -> Count:
    return Count(len(scores) * np.log2(max(2, len(scores))), 16.0 * len(scores))


# The titles of watched functions in the order of the list, and what a call must do, where that is known.
WORK: dict[str, Callable[..., Count] | None] = {
    "linear net": _linear_net,
    "thresholds and accuracies": None,
    "support vectors and sigmoids": None,
    "multinomial logistic regression": None,
    "products with evaluation rows": _products,
    "float32 votes": None,
    "float64 votes of rows in doubt": _exact_votes,
    "macro F1": None,
    "binary logistic regression": None,
    "boosted stumps": None,
    "votes of neighbours": _vote,
    "nearest neighbours": _nearest,
    "logistic regression in the dual": None,
    "support vectors, warm": None,
    "average precision": _average,
}


@dataclass
class Spent:
    """A kernel's calls, seconds and counts.

    ``at_the_ceiling``: the seconds that it would take where each call goes as fast as the nearer of its two ceilings.
    """

    title: str
    calls: int = 0
    seconds: float = 0.0
    operations: float | None = None
    moved: float | None = None
    at_the_ceiling: float | None = None

    def add(self, work: Count, limits: dict[str, float]) -> None:
        """Take in a call's work."""
        moving = limits["cached bytes a second" if work.cached else "bytes a second"]
        least = max(work.operations / limits["float32 operations a second"], work.moved / moving) / work.threads
        self.operations = (self.operations or 0.0) + work.operations
        self.moved = (self.moved or 0.0) + work.moved
        self.at_the_ceiling = (self.at_the_ceiling or 0.0) + least


@dataclass
class Profile:
    """An evaluation's time.

    Attributes:
        benchmark: the board's name.
        backend: where it was scored.
        threads: how many of the CPU's it took, or of the reference's processes.
        seconds: wall time, less what compiling takes.
        retrains: how many were asked for.
        distinct: how many of them were trained.
        rechecked: how many of them were run again on the exact path.
        stages: the seconds of each of ``STAGES``, which add up to the whole.
        kernels: the seconds, and the work, of each kernel that was called.
        ceilings: one thread's operations a second in float32 and float64 products, and bytes a second of copies, within
            memory and within a core's own cache.
        invalid: a line for each submission that could not be scored.

    Example:
        >>> found = dpf.profile("debugging", "data/debugging", model="knn", jobs=1)
        >>> list(found.stages)
        ['read', 'plan', 'share', 'train', 'certify', 'score', 'write']
    """

    benchmark: str
    backend: str
    threads: int
    seconds: float
    retrains: int
    distinct: int
    rechecked: int
    stages: dict[str, float]
    kernels: list[Spent]
    ceilings: dict[str, float]
    invalid: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The backend, and what ran side by side: threads, or the reference's processes."""
        processes = self.backend.startswith("reference")
        return f"{self.backend}, {self.threads} {'processes of 1 thread' if processes else 'threads'}"

    def as_dict(self) -> dict[str, Any]:
        """The profile for JSON."""
        return asdict(self)


class _Timed(Engine):
    """An engine that tells its stages apart."""

    def __init__(self, backend: backends.Backend, progress: Progress | None):
        super().__init__(backend, None, progress)
        self.stages = dict.fromkeys(STAGES, 0.0)
        self.retrains = self.distinct = self.rechecked = 0
        self._open: list[float] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Book the time within, less that of stages within it."""
        started, inner = clock.now(), len(self._open)
        self._open.append(0.0)
        try:
            yield
        finally:
            seconds = clock.now() - started
            self.stages[name] += seconds - self._open.pop()
            if inner:
                self._open[-1] += seconds

    def run(self, plan: Plan, matters: Callable[[np.ndarray], np.ndarray] | None = None) -> Outcomes:
        with self.stage("plan"):
            known = len(set(plan.keys) - set(self._known))
            outcomes = super().run(plan, matters)
        self.retrains += len(plan)
        self.distinct += known
        self.rechecked += int(outcomes.rechecked.sum())
        return outcomes

    def _bind(self, plan: Plan) -> Trainer:
        with self.stage("share"):
            return super()._bind(plan)

    def _train(self, plan: Plan, places: dict[bytes, int], exact: bool) -> None:
        with self.stage("certify" if exact else "train"):
            super()._train(plan, places, exact)


def profile(
    benchmark: str,
    data: StrPath,
    submissions: StrPath | Sequence[StrPath] | None = None,
    *,
    backend: str = "auto",
    model: str | None = None,
    curve: bool = False,
    jobs: int | None = None,
    out: StrPath | None = None,
    progress: Shown = None,
) -> Profile:
    """Score as ``evaluate`` does, without the cache of finished retrains, and say where the time went.

    Everything is compiled beforehand, by scoring once without looking.

    Args:
        benchmark: the board's name.
        data: the official folder, or its set-up file.
        submissions: one path or several; None for those that come with ``data``.
        backend: as ``evaluate`` takes it.
        model: as ``evaluate`` takes it.
        curve: whether all is wanted that files and pictures show.
        jobs: how many threads; None for one a core.
        out: a folder for the official result files; None writes none.
        progress: as ``evaluate`` takes it.

    Returns:
        The seconds of stages and kernels, and how far these are from what this machine can do.

    Raises:
        InputError: where nothing can be scored.

    Example:
        >>> found = dpf.profile("debugging", "data/debugging", model="knn", jobs=1)
        >>> found.retrains > found.distinct > 0
        True
    """
    board, options = boards.load(benchmark), Options(model, whole=curve)
    chosen = evaluation.backend_of(board, model, backend, jobs)

    with shown(progress) as told:
        list(evaluation.results(board, data, submissions, Engine(chosen, None, told), options))
        engine = _Timed(chosen, told)
        limits = ceilings()
        with _watch_kernels(limits) as spent:
            started = clock.now()
            with engine.stage("score"):
                evaluated = list(evaluation.results(board, data, submissions, engine, options, out))
            seconds = clock.now() - started
    bad = [record for of_task in evaluated for record in of_task.records if record.status != "ok"]
    return Profile(
        benchmark, chosen.name, chosen.threads, seconds, engine.retrains, engine.distinct, engine.rechecked,
        engine.stages, [kernel for kernel in spent if kernel.calls], limits,
        list(dict.fromkeys(record.error or record.status for record in bad)),
    )  # fmt: skip


@contextmanager
def _watch_kernels(limits: dict[str, float]) -> Iterator[list[Spent]]:
    """Time every watched function while open."""
    spent, lock = {title: Spent(title) for title in WORK}, threading.Lock()

    def timed(title: str, function: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        started = clock.now()
        found = function(*given, **named)
        seconds = clock.now() - started
        with lock:
            of_kernel, work = spent[title], WORK[title]
            of_kernel.calls += 1
            of_kernel.seconds += seconds
            if work is not None:
                of_kernel.add(work(*given, **named), limits)
        return found

    with watch(timed):
        yield list(spent.values())


def ceilings() -> dict[str, float]:
    """What one thread of this machine does at best: the fastest of five products and copies."""
    from dataperf_fast.kernels import threads

    found = {}
    with threads.one_for_blas():
        for dtype in (np.float32, np.float64):
            square = np.ones((768, 768), dtype)
            seconds = _fastest(partial(np.matmul, square, square))
            found[f"{np.dtype(dtype).name} operations a second"] = 2 * 768.0**3 / seconds
    for name, size in (("bytes a second", 1 << 24), ("cached bytes a second", 1 << 14)):
        source, target = np.ones(size), np.empty(size + 8)[8:]  # not a power of two apart, which caches dislike
        times = max(1, (1 << 21) // size)
        found[name] = 2.0 * times * source.nbytes / _fastest(partial(np.copyto, target, source), times)
    return found


def _fastest(run: Callable[[], Any], times: int = 1) -> float:
    """The least seconds that it took to run so many times."""
    return min(timeit.repeat(run, timer=time.perf_counter, repeat=15, number=times))
