"""A contest's run: what is to be scored, what already is, and the rest in batches, kept as they come.

It may be stopped at any point: finished retrains are in their cache, finished scores in the store, and the next run
does what is left.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dataperf_fast
from dataperf_fast import backend as backends
from dataperf_fast import sandbox
from dataperf_fast.formats.errors import InputError
from dataperf_fast.organize import algorithms, submissions
from dataperf_fast.organize.batches import Batch, refusals
from dataperf_fast.organize.manifest import Contest
from dataperf_fast.organize.planning import Entrant, Watcher, Work
from dataperf_fast.organize.submissions import text
from dataperf_fast.organize.workers import everywhere
from dataperf_fast.results import Record, Status
from dataperf_fast.store import Score, Store

_SECONDS_PER_BATCH = 15.0
_FIRST_BATCH, _LARGEST_BATCH = 8, 500


@dataclass(frozen=True)
class How:
    """Where and how batches are scored: ``cluster`` is a Dask scheduler's address, empty for this machine's threads."""

    backend: str = "auto"
    jobs: int | None = None
    cache: bool = True
    cluster: str = ""


def run(contest: Contest, plan: list[Work], store: Store, how: How, watcher: Watcher) -> int:
    """Score every pair of submission and set of tasks that has no score yet; returns how many there were."""
    finished = store.finished(contest.name)
    plan = [replace(work, entrants=[one for one in work.entrants if one.unit not in finished]) for work in plan]
    plan = [replace(work, entrants=_answered(contest, work, store, watcher)) for work in plan]
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
            store.add(_rows(entrant, refusals(work.board, work.tasks.data, one.name, status, one.problem), software))
        watcher.done(work.part.board, len(refused))
    pace: dict[str, float] = {}  # seconds a submission, as last measured, by board
    entrants = {(work.name, entrant.folder): entrant for work in plan for entrant in work.entrants}
    for batch, records, seconds in everywhere(_batches(plan, how, pace), how.cluster):
        if seconds:  # none are known of what ended its worker
            pace[batch.board] = seconds / len(batch.folders)
        of_batch = [(entrants[(batch.board, batch.model, batch.tasks), folder], folder) for folder in batch.folders]
        store.add([row for entrant, folder in of_batch for row in _rows(entrant, records[folder], software)])
        watcher.done(batch.board, len(batch.folders))
    return sum(left.values())


def _answered(contest: Contest, work: Work, store: Store, watcher: Watcher) -> list[Entrant]:
    """Run the algorithms among the entrants, and put the folders of their answers in the place of their own."""
    part, tasks = work.part, work.tasks
    challenges = work.board.challenges(tasks.data)
    answered: list[Entrant] = []
    to_run: list[Entrant] = []
    for entrant in work.entrants:
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
    """What is stored of an entrant's records; where its algorithm left no answer, why is said in the record's place."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    rows = []
    for record in [*_kept(entrant, records), *_unanswered(entrant, records[0])]:
        passed_over = ("benchmark", "submission", "arithmetic")
        values = {name: value for name, value in vars(record).items() if name not in passed_over}
        made_by = software | {"arithmetic": record.arithmetic}
        values["error"] = None if record.error is None else text(record.error)
        rows.append(Score(**vars(entrant.unit), **values, kind=entrant.kind, finished=now, software=made_by))
    return rows


def _kept(entrant: Entrant, records: list[Record]) -> list[Record]:
    """Without those of tasks that have no answer, and, where some have none, what a board says of a whole folder."""
    if not entrant.problems:
        return records
    return [r for r in records if r.task not in entrant.problems and (r.task or r.status == "failed")]


def _unanswered(entrant: Entrant, like: Record) -> list[Record]:
    board, name, metric, better = like.benchmark, like.submission, like.metric, like.higher_is_better
    return [
        Record(board, task, name, "invalid", metric, None, better, error=line)
        for task, line in entrant.problems.items()
    ]
