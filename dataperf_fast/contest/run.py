"""A contest's run: what is to be scored, what already is, and the rest in batches, kept as they come.

It may be stopped at any point: finished retrains are in their cache, finished scores in the store, and the next run
does what is left. A check goes the same way, but for what it runs and trains, and keeps nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dataperf_fast import sandbox
from dataperf_fast.contest import algorithms, standings, submissions
from dataperf_fast.contest.batches import Batch, refusals
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.planning import Entrant, PlannedSet, Watcher
from dataperf_fast.contest.store import Score, Store, Unit, now
from dataperf_fast.contest.submissions import text
from dataperf_fast.contest.workers import everywhere, software
from dataperf_fast.files.errors import InputError, failure
from dataperf_fast.files.handed_in import name_of
from dataperf_fast.files.records import Record, Status

_SECONDS_PER_BATCH = 15.0
_FIRST_BATCH, _LARGEST_BATCH = 8, 500


@dataclass(frozen=True)
class How:
    """Where and how batches are scored: ``cluster`` is a Dask scheduler's address, empty for this machine's threads.

    ``train`` is as ``Options`` has it.
    """

    backend: str = "auto"
    jobs: int | None = None
    cache: bool = True
    cluster: str = ""
    train: bool = True


def run(contest: Contest, plan: list[PlannedSet], store: Store, how: How, watcher: Watcher) -> int:
    """Score every pair of submission and set of tasks that has no score yet; returns how many there were."""
    plan = _left(plan, store.finished(contest.name))
    plan = [replace(work, entrants=_answered(contest, work, store, watcher)) for work in plan]
    for rows in _scored(plan, how, watcher):
        store.add(rows)
    return sum(len(work.entrants) for work in plan)


def check(contest: Contest, plan: list[PlannedSet], store: Store | None, how: How, watcher: Watcher) -> list[Score]:
    """The scores that a run would leave, as far as they are known before it runs an algorithm or trains a model.

    What has its scores in the store has those; of the others what could have a score is pending.
    """
    finished = store.finished(contest.name) if store else set()
    known = [score for score in standings.current(plan, store) if score.unit in finished] if store else []
    plan = _left(plan, finished)
    plan = [replace(work, entrants=list(_readable(contest, work))) for work in plan]
    reading = replace(how, cluster="", train=False)
    return known + [row for rows in _scored(plan, reading, watcher) for row in rows]


def _left(plan: list[PlannedSet], finished: set[Unit]) -> list[PlannedSet]:
    """Without the entrants that have their scores."""
    return [replace(work, entrants=[one for one in work.entrants if one.unit not in finished]) for work in plan]


def _scored(plan: list[PlannedSet], how: How, watcher: Watcher) -> Iterator[list[Score]]:
    """The scores of all entrants, of those that are refused at once, of the others batch by batch."""
    left: dict[str, int] = {}
    for work in plan:
        left[work.part.board] = left.get(work.part.board, 0) + len(work.entrants)
    watcher.begin("scoring" if how.train else "checking", left)
    for work in plan:
        refused = [entrant for entrant in work.entrants if entrant.submission.problem]
        for entrant in refused:
            status: Status = "failed" if entrant.failed else "invalid"
            one = entrant.submission
            yield _rows(entrant, refusals(work.board, work.tasks.data, one.name, status, one.problem), software())
        watcher.done(work.part.board, len(refused))
    pace: dict[str, float] = {}  # seconds a submission, as last measured, by board
    entrants = {(work.name, entrant.folder): entrant for work in plan for entrant in work.entrants}
    for batch, records, seconds, made_by in everywhere(_batches(plan, how, pace), how.cluster):
        if seconds:  # none are known of what ended its worker
            pace[batch.board] = seconds / len(batch.folders)
        place = batch.board, batch.model, batch.of_set.name
        of_batch = [(entrants[place, folder], folder) for folder in batch.folders]
        yield [row for entrant, folder in of_batch for row in _rows(entrant, records[folder], made_by)]
        watcher.done(batch.board, len(batch.folders))


def _readable(contest: Contest, work: PlannedSet) -> Iterator[Entrant]:
    """The entrants whose files lie there, and the algorithms that could not be run, each with why."""
    challenges = work.board.challenges(work.tasks.data)
    for entrant in work.entrants:
        if not _runs(entrant):
            yield entrant
            continue
        try:
            algorithms.ready(contest, work.part, challenges, entrant.submission)
        except Exception as error:  # as of a run
            yield _refused(entrant, error)


def _answered(contest: Contest, work: PlannedSet, store: Store, watcher: Watcher) -> list[Entrant]:
    """Run the algorithms among the entrants, and put the folders of their answers in the place of their own."""
    part, tasks = work.part, work.tasks
    challenges = work.board.challenges(tasks.data)
    answered = [entrant for entrant in work.entrants if not _runs(entrant)]
    to_run = [entrant for entrant in work.entrants if _runs(entrant)]
    label = f"{part.board}, {tasks.name}: algorithms"
    if to_run:
        watcher.begin(label, {label: len(to_run) * len(challenges)})
    digest = functools.cache(submissions.digest)  # for these algorithms only: data may change until the next run
    for entrant in to_run:
        try:
            folder, problems = algorithms.run(
                contest, part, tasks.name, challenges, entrant.submission, store, digest, lambda: watcher.done(label, 1)
            )
            answered.append(replace(entrant, folder=folder, problems=problems))
        except Exception as error:  # a stranger's folder costs itself, whatever is in it
            answered.append(_refused(entrant, error))
    return answered


def _runs(entrant: Entrant) -> bool:
    return entrant.submission.is_algorithm and not entrant.submission.problem


def _refused(entrant: Entrant, error: Exception) -> Entrant:
    ours = isinstance(error, sandbox.UnavailableError) or not isinstance(error, InputError)
    problem = text(failure(entrant.submission.path, error).line)
    return replace(entrant, submission=replace(entrant.submission, problem=problem), failed=ours)


def _batches(plan: list[PlannedSet], how: How, pace: dict[str, float]) -> Iterator[Batch]:
    """Batches of some seconds each by the pace so far, none with two folders of one name (``anna/v1``, ``bert/v1``)."""
    for work, entrants in [(planned, of) for planned in plan for of in _by_turns(planned.entrants)]:
        part, position = work.part, 0
        while position < len(entrants):
            seconds = pace.get(part.board)
            size = _FIRST_BATCH if seconds is None else int(_SECONDS_PER_BATCH / max(seconds, 1e-6))
            some = entrants[position : position + min(max(size, _FIRST_BATCH), _LARGEST_BATCH)]
            position += len(some)
            yield Batch(
                part.board, part.model, work.of_set, work.tasks.data, tuple(entrant.folder for entrant in some),
                work.version, part.curves, how.backend, how.jobs, how.cache, how.train,
            )  # fmt: skip


def _by_turns(entrants: Sequence[Entrant]) -> list[list[Entrant]]:
    """Those that can be scored: the first of each folder's name, then the second of each, and so on."""
    turns: list[list[Entrant]] = []
    count: dict[str, int] = {}
    for entrant in entrants:
        if not entrant.submission.problem:
            name = name_of(entrant.folder)
            turn = count[name] = count.get(name, -1) + 1
            turns += [[]] if turn == len(turns) else []
            turns[turn].append(entrant)
    return turns


def _rows(entrant: Entrant, records: list[Record], made_by: dict[str, str]) -> list[Score]:
    """What is stored of an entrant's records; where its algorithm left no answer, why is said in the record's place."""
    finished = now()
    rows = []
    for record in [*_kept(entrant, records), *_unanswered(entrant, records[0])]:
        passed_over = ("benchmark", "submission", "arithmetic")
        values = {name: value for name, value in vars(record).items() if name not in passed_over}
        of_record = made_by | {"arithmetic": record.arithmetic}
        values["error"] = None if record.error is None else text(record.error)
        rows.append(Score(**vars(entrant.unit), **values, kind=entrant.kind, finished=finished, software=of_record))
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
