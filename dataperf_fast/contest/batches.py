"""What one worker does at a time: score some submissions on one set of tasks. Paths in, records out.

A board scores the submissions of a batch in one plan, so what they share is trained once; what batches share comes from
the cache of finished retrains.
"""

from __future__ import annotations

import socket
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataperf_fast import boards
from dataperf_fast.boards import evaluation
from dataperf_fast.boards.board import Benchmark
from dataperf_fast.boards.options import Options
from dataperf_fast.contest.submissions import text
from dataperf_fast.engine.engine import Engine
from dataperf_fast.files import handed_in
from dataperf_fast.files.errors import InputError, failure
from dataperf_fast.files.records import Record, Status
from dataperf_fast.files.set_folders import OfSet


@dataclass(frozen=True)
class Batch:
    """Submissions' folders, each named as no other of them, to score on the tasks in ``data``, the set ``of_set``.

    ``version`` is what the scores will be kept under (``Benchmark.version_on``). Without ``train`` they are read and
    checked as for a score, and those that could have one are pending.
    """

    board: str
    model: str | None
    of_set: OfSet
    data: Path
    folders: tuple[Path, ...]
    version: str
    curves: bool = False
    backend: str = "auto"
    jobs: int | None = None
    cache: bool = True
    train: bool = True


def score(batch: Batch) -> dict[Path, list[Record]]:
    """The records of each folder, one a task: at least one, whatever is in it.

    Raises ``InputError`` where it is not for a submission to mend: a worker that has no such data, no such board, or
    another version of it, which for a library's scores another machine is too.
    """
    board = boards.load(batch.board)
    for path in (batch.data, *{folder.parent for folder in batch.folders}):
        if not path.exists():
            raise InputError(path, f"is not there on {socket.gethostname()}", expected="what this run's machine has")
    with evaluation.open_engine(board, batch.model, batch.backend, batch.jobs, batch.cache) as engine:
        if (version := board.version_on(batch.model, engine.backend)) != batch.version:
            here = f"{socket.gethostname()}: {batch.board}"
            raise InputError(
                here, "would be scored by the version", value=version, expected=f"this run's, {batch.version}"
            )
        records = _score(board, batch, batch.folders, engine)
    tasks = board.tasks(batch.data)
    return {folder: _complete(board, folder, batch.of_set, of, tasks, engine) for folder, of in records.items()}


def refusals(board: Benchmark, data: Path, name: str, status: Status, error: str) -> list[Record]:
    """The records of a submission that no board has opened: one a task, or one where tasks are ranked apart."""
    better = board.higher_is_better
    return [
        Record(board.name, task, name, status, board.metric, None, better, error=error)
        for task in ([""] if board.ranks_tasks else board.tasks(data))
    ]


def _score(board: Benchmark, batch: Batch, folders: Sequence[Path], engine: Engine) -> dict[Path, list[Record]]:
    """Score folders together; where one stops them all, halves by themselves, down to the one that does."""
    options = Options(batch.model, whole=batch.curves, by_folder=True, tasks=batch.of_set, train=batch.train)
    names = {folder: handed_in.name_of(folder) for folder in folders}
    by_name: dict[str, list[Record]] = {name: [] for name in names.values()}
    try:
        for evaluated in evaluation.results(board, batch.data, folders, engine, options):
            for record in evaluated.records:
                if not record.submission:  # nobody's doing, a rating in the data for instance
                    warnings.warn(text(record.error or ""), stacklevel=1)
                elif record.task != "mean":  # over these tasks only: the contest's is over all
                    by_name[record.submission].append(record)
    except Exception as error:  # whatever a stranger's files make a board do, the others are scored
        if len(folders) > 1:
            half = len(folders) // 2
            return _score(board, batch, folders[:half], engine) | _score(board, batch, folders[half:], engine)
        return {folders[0]: [_stopped(board, folders[0], error, engine)]}
    return {folder: by_name[name] for folder, name in names.items()}


def _stopped(board: Benchmark, folder: Path, error: Exception, engine: Engine) -> Record:
    """Invalid if what is wrong is in the folder; what is wrong elsewhere is ours to mend, and then it is scored."""
    if isinstance(error, InputError) and folder in (error.file, *error.file.parents) and folder.exists():
        return board.invalid("", handed_in.name_of(folder), error, engine)
    record = board.invalid("", handed_in.name_of(folder), failure(folder, error), engine)
    record.status = "failed"
    return record


def _complete(
    board: Benchmark, folder: Path, of_set: OfSet, records: list[Record], tasks: Sequence[str], engine: Engine
) -> list[Record]:
    """Every task has a record: what was refused as a whole is so on each, what is missing is invalid.

    Where tasks are ranked apart nobody need enter all, but what is handed in is for one of them.
    """
    expected: Sequence[str] = tasks
    if board.ranks_tasks:
        expected, records = [], [_ranked(board, folder, record, tasks, engine) for record in records]
    whole = [record for record in records if record.task not in expected] if expected else []
    by_task: dict[str, Record] = {}
    for record in records:
        same = by_task.get(record.task)
        if record not in whole and (same is None or same.status == "ok"):  # two files for a task are none
            by_task[record.task] = record
    name = handed_in.name_of(folder)
    if not by_task and not whole:
        whole = [board.invalid("", name, InputError(folder, "holds no submission to the board"), engine)]
    for task in expected:
        if task not in by_task:
            place = of_set.place(folder)
            lies_there = handed_in.what_lies_in(place)
            missing = InputError(place, f"holds no file for {task}{lies_there}", expected="a file a task")
            by_task[task] = board.invalid(task, name, missing, engine)
            if whole:
                by_task[task].status, by_task[task].error = whole[0].status, whole[0].error
    return list(by_task.values()) or whole


def _ranked(board: Benchmark, folder: Path, record: Record, tasks: Sequence[str], engine: Engine) -> Record:
    """A record, invalid where no leaderboard would show it."""
    if record.status not in ("ok", "pending") or record.task in tasks:
        return record
    error = InputError(folder, "holds a submission for", "", record.task, " or ".join(tasks))
    return board.invalid(record.task, record.submission, error, engine)
