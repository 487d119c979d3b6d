"""A contest's run: what is to be scored, what already is, and the rest in batches, kept as they come.

It may be stopped at any point: finished retrains are in their cache, finished scores in the store, and the next run
does what is left.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import dataperf_fast
from dataperf_fast import backend as backends
from dataperf_fast import benchmarks, sandbox
from dataperf_fast.benchmarks.common import Benchmark
from dataperf_fast.formats.errors import InputError
from dataperf_fast.organize import algorithms, submissions
from dataperf_fast.organize.batches import Batch, refusals
from dataperf_fast.organize.manifest import Board, Contest, TaskSet
from dataperf_fast.organize.submissions import Submission, text
from dataperf_fast.organize.workers import everywhere
from dataperf_fast.results import Record, Status
from dataperf_fast.store import Score, Store, Unit

_SECONDS_PER_BATCH = 15.0
_FIRST_BATCH, _LARGEST_BATCH = 8, 500


class Watcher(Protocol):
    """Told how a contest goes; ``report.progress.ContestBar`` shows it."""

    def begin(self, label: str, left: dict[str, int]) -> None:
        """Name what comes next, and how many of it are left, by board."""
        ...

    def done(self, board: str, count: int) -> None:
        """Count what is done of a board."""
        ...


@dataclass(frozen=True)
class Entrant:
    """A submission on a set of tasks: the folder of its files, and what is already known to be wrong, by task."""

    submission: Submission
    unit: Unit
    kind: str
    folder: Path
    problems: dict[str, str] = field(default_factory=dict)
    failed: bool = False  # by our doing: to be tried again


@dataclass(frozen=True)
class Work:
    """A board on a set of tasks, and the entrants whose scores are not there."""

    part: Board
    board: Benchmark
    tasks: TaskSet
    entrants: list[Entrant]

    @property
    def name(self) -> tuple[str, str | None, str]:
        """What no other work of the contest has in common with it: board, model and set of tasks."""
        return self.part.board, self.part.model, self.tasks.name


@dataclass(frozen=True)
class How:
    """Where and how batches are scored: ``cluster`` is a Dask scheduler's address, empty for this machine's threads."""

    backend: str = "auto"
    jobs: int | None = None
    cache: bool = True
    cluster: str = ""


def run(contest: Contest, store: Store, how: How, watcher: Watcher) -> int:
    """Score every pair of submission and set of tasks that has no score yet; returns how many there were."""
    plan = [work for part in contest.manifest.boards for work in _plan(contest, part, store, watcher)]
    left: dict[str, int] = {}
    for work in plan:
        left[work.part.board] = left.get(work.part.board, 0) + len(work.entrants)
    watcher.begin("scoring", left)
    software = backends.versions() | {"dataperf-fast": dataperf_fast.__version__}
    for work in plan:
        refused = [entrant for entrant in work.entrants if entrant.submission.problem]
        for entrant in refused:
            status: Status = "failed" if entrant.failed else "invalid"
            one = entrant.submission
            refused_records = refusals(work.board, work.tasks.data, one.name, status, one.problem)
            store.add(_rows(entrant, refused_records, software))
        watcher.done(work.part.board, len(refused))
    pace: dict[str, float] = {}  # seconds a submission, as last measured, by board
    entrants = {(work.name, entrant.folder): entrant for work in plan for entrant in work.entrants}
    for batch, records, seconds in everywhere(_batches(plan, how, pace), how.cluster):
        pace[batch.board] = seconds / len(batch.folders)
        of_batch = [(entrants[(batch.board, batch.model, batch.tasks), folder], folder) for folder in batch.folders]
        store.add([row for entrant, folder in of_batch for row in _rows(entrant, records[folder], software)])
        watcher.done(batch.board, len(batch.folders))
    return sum(left.values())


def _plan(contest: Contest, part: Board, store: Store, watcher: Watcher) -> Iterator[Work]:
    board = benchmarks.load(part.board)
    largest = part.largest_submission_mib << 20
    watcher.begin(f"{part.board}: reading submissions", {})
    found = submissions.find(part.submissions, largest)
    taken = {one.name for one in found}
    for one in submissions.find(part.algorithms, largest, algorithms=True):
        found.append(replace(one, name=f"{one.name} (algorithm)") if one.name in taken else one)
    finished = store.finished(contest.name)
    for tasks in part.tasks:
        watcher.begin(f"{part.board}, {tasks.name}: reading data", {})
        data = submissions.digest(board.inputs(tasks.data))
        entrants = []
        for one in found:
            identity = algorithms.identity(one, part) if one.is_algorithm else one.digest
            unit = Unit(
                contest.name,
                part.board,
                part.model or "",
                board.version(part.model),
                tasks.name,
                data,
                one.name,
                identity,
            )
            if unit not in finished:
                kind = "baseline" if one.name in part.baselines else "submission"
                entrants.append(Entrant(one, unit, kind, one.path))
        yield Work(part, board, tasks, _answer(contest, part, board, tasks, entrants, store, watcher))


def _answer(
    contest: Contest,
    part: Board,
    board: Benchmark,
    tasks: TaskSet,
    entrants: list[Entrant],
    store: Store,
    watcher: Watcher,
) -> list[Entrant]:
    """Run the algorithms among the entrants, and put the folders of their answers in the place of their own."""
    challenges = board.challenges(tasks.data)
    answered: list[Entrant] = []
    to_run: list[Entrant] = []
    for entrant in entrants:
        runs = entrant.submission.is_algorithm and not entrant.submission.problem
        (to_run if runs else answered).append(entrant)
    label = f"{part.board}, {tasks.name}: algorithms"
    if to_run:
        watcher.begin(label, {label: len(to_run) * len(challenges)})
    digest = functools.cache(submissions.digest)  # for these algorithms only: data may change until the next run
    for entrant in to_run:
        one = entrant.submission
        try:
            answers = algorithms.run(
                contest, part, tasks.name, challenges, one, store, digest, lambda: watcher.done(label, 1)
            )  # fmt: skip
            answered.append(replace(entrant, folder=answers.folder, problems=answers.problems))
        except Exception as error:  # a stranger's folder costs itself, whatever is in it
            line = (
                error.line if isinstance(error, InputError) else f"{one.path}: failed: {type(error).__name__}: {error}"
            )
            ours = isinstance(error, sandbox.UnavailableError) or not isinstance(error, InputError)
            answered.append(replace(entrant, submission=replace(one, problem=text(line)), failed=ours))
    return answered


def _batches(plan: list[Work], how: How, pace: dict[str, float]) -> Iterator[Batch]:
    """Batches of some seconds each by the pace so far."""
    for work in plan:
        part, entrants = work.part, [entrant for entrant in work.entrants if not entrant.submission.problem]
        position = 0
        while position < len(entrants):
            seconds = pace.get(part.board)
            size = _FIRST_BATCH if seconds is None else int(_SECONDS_PER_BATCH / max(seconds, 1e-6))
            some = entrants[position : position + min(max(size, _FIRST_BATCH), _LARGEST_BATCH)]
            position += len(some)
            yield Batch(
                part.board, part.model, work.tasks.name, work.tasks.data, tuple(entrant.folder for entrant in some),
                part.curves, how.backend, how.jobs, how.cache,
            )  # fmt: skip


def _rows(entrant: Entrant, records: list[Record], software: dict[str, str]) -> list[Score]:
    """What is stored of an entrant's records; where its algorithm left no answer, the error is why."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    rows = []
    for record in records:
        error = None if record.error is None else text(record.error)
        if record.status != "ok":
            error = entrant.problems.get(record.task, error)
        values = {name: value for name, value in vars(record).items() if name not in ("benchmark", "submission")}
        values |= {"error": error, "kind": entrant.kind, "finished": now, "software": software}
        rows.append(Score(**vars(entrant.unit), **values))
    return rows
