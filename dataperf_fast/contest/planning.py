"""What a contest's files are now: every submission on every set of tasks, and what tells each pair from any other.

A run scores what of it has no score yet; the standings are its scores, and no others that the store may hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from dataperf_fast import boards
from dataperf_fast.boards.board import Benchmark
from dataperf_fast.contest import algorithms, submissions
from dataperf_fast.contest.manifest import Contest, ContestBoard, TaskSet
from dataperf_fast.contest.sharing import Sharing
from dataperf_fast.contest.store import Unit
from dataperf_fast.contest.submissions import Submission
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.backend import Backend
from dataperf_fast.files.errors import InputError, meant
from dataperf_fast.files.names import spelled
from dataperf_fast.files.set_folders import OfSet
from dataperf_fast.files.setup_file import place

# Why tasks say nothing of submissions, by board, model and set, and by task.
Silent = Mapping[tuple[str, str | None, str], Mapping[str, str]]


class Watcher(Protocol):
    """Told how a contest goes; ``report.progress.ContestBar`` shows it."""

    def begin(self, label: str, left: dict[str, int]) -> None:
        """Name what comes next, and how many of it are left, by board."""

    def done(self, board: str, count: int) -> None:
        """Count what is done of a board."""


@dataclass(frozen=True)
class Entrant:
    """A submission on a set of tasks: the folder of its files, and what is already known to be wrong, by task.

    Of one that is ``absent`` the folder is none either.
    """

    submission: Submission
    unit: Unit
    kind: str
    folder: Path
    problems: dict[str, str] = field(default_factory=dict)
    failed: bool = False  # by our doing: to be tried again


@dataclass(frozen=True)
class PlannedSet:
    """A board on a set of tasks, which it ``holds``, by what ``version`` scores are kept apart, and its entrants."""

    part: ContestBoard
    board: Benchmark
    tasks: TaskSet
    version: str
    entrants: list[Entrant]
    digest: str  # of the data
    holds: tuple[str, ...]

    def unit(self, contest: str, submission: str, submission_digest: str) -> Unit:
        """What is stored of a submission on it."""
        place = contest, self.part.board, self.part.model or "", self.version, self.tasks.name, self.digest
        return Unit(*place, submission, submission_digest)

    @property
    def of_set(self) -> OfSet:
        """The set of tasks, among those that folders of submissions may be named after."""
        return OfSet(self.tasks.name, self.part.names_of_sets)

    @property
    def name(self) -> tuple[str, str | None, str]:
        """What no other work of the contest has in common with it: board, model and set of tasks."""
        return self.part.board, self.part.model, self.tasks.name


def read(contest: Contest, watcher: Watcher, backend: str = "auto") -> list[PlannedSet]:
    """Read every submission and all data of a contest; raises ``InputError`` where data is not there.

    The reference's scores are none of ours. ``backend`` says whose are meant; which one of ours does not matter.
    """
    whose = backends.choose(backend if whose_scores(backend) == "reference" else "cpu")
    sharing = Sharing(contest)
    return [work for part in contest.manifest.boards for work in _of_board(contest, part, watcher, whose, sharing)]


def whose_scores(backend: str) -> str:
    """Whose scores a backend makes: the reference's, or ours."""
    return "reference" if backend.startswith("reference") else "ours"


def _of_board(
    contest: Contest, part: ContestBoard, watcher: Watcher, whose: Backend, sharing: Sharing
) -> Iterator[PlannedSet]:
    board = boards.load(part.board)
    largest = part.largest_submission_mib << 20
    watcher.begin(f"{part.board}: reading submissions", {})
    others = sharing.of_others(part)
    found = submissions.find(part.submissions, largest, several=part.several, sets=part.names_of_sets, but=others)
    found = [one for one in found if not sharing.is_anothers(part, one)]
    taken = {one.name for one in found}
    for one in submissions.find(part.algorithms, largest, algorithms=True, several=part.several):
        found.append(replace(one, name=f"{one.name} (algorithm)") if one.name in taken else one)
    names = [one.name for one in found]
    part.baselines = spelled(part.baselines, names)
    part.dynabench = dict(zip(spelled(list(part.dynabench), names), part.dynabench.values(), strict=True))
    version = board.version_on(part.model, whose)
    # An algorithm's asks podman for its image: once, whatever the tasks.
    digests = [algorithms.identity(one, part) if one.is_algorithm else one.digest for one in found]
    for tasks in part.tasks:
        watcher.begin(f"{part.board}, {tasks.name}: reading data", {})
        data = submissions.digest(board.inputs(tasks.data))
        work = PlannedSet(part, board, tasks, version, [], data, tuple(board.tasks(tasks.data)))
        for one, of_one in zip(found, digests, strict=True):
            kind = "baseline" if one.name in part.baselines else "submission"
            work.entrants.append(Entrant(one, work.unit(contest.name, one.name, of_one), kind, one.path))
        yield work


def strangers(contest: Contest, plan: list[PlannedSet]) -> list[str]:
    """A line for each name that the manifest gives as a baseline, or an id on Dynabench, and no submission has.

    Nobody may have handed it in yet; or it is mistyped, and the name that was probably meant is told.
    """
    lines = []
    for number, part in enumerate(contest.manifest.boards):
        known = {entrant.submission.name for work in plan if work.part is part for entrant in work.entrants}
        given: list[tuple[str, int | str, str]] = [("baselines", at, name) for at, name in enumerate(part.baselines)]
        given += [("dynabench", name, name) for name in part.dynabench]
        for field_name, at, name in given:
            if name not in known:
                where = place(contest.path, ("boards", number, field_name, at))
                lines.append(InputError(contest.path, "no submission is named", where, name, meant(name, known)).line)
    return lines
