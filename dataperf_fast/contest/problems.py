"""What is wrong in a contest, each thing once and in the same words, whoever says it: a run, or a check before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataperf_fast.boards import evaluation
from dataperf_fast.contest.planning import PlannedSet, Watcher
from dataperf_fast.contest.run import How
from dataperf_fast.contest.store import Score
from dataperf_fast.contest.submissions import text
from dataperf_fast.files.errors import failure


@dataclass(frozen=True)
class Fault:
    """What is wrong on a board and a set of tasks: with a submission, or, where it has no name, with the data.

    ``status`` is that of the score, ``task`` whose it is; nothing for what is wrong with all of a submission.
    """

    board: str
    tasks: str
    submission: str
    task: str
    status: str
    line: str


def of_scores(scores: Iterable[Score]) -> list[Fault]:
    """Those of scores that are none."""
    bad = [score for score in scores if score.status not in ("ok", "pending")]
    return [
        Fault(score.board, score.dataset, score.submission, score.task, score.status, score.error or score.status)
        for score in bad
    ]


def of_data(plan: list[PlannedSet], how: How, watcher: Watcher) -> Iterator[Fault]:
    """Those of the data, which is read as for a score, whether or not there is a submission."""
    for work in plan:
        part, data = work.part, work.tasks.data
        with evaluation.open_engine(work.board, part.model, how.backend, how.jobs, how.cache) as engine:
            readings = work.board.readings(data, part.model, engine)
            watcher.begin(f"{part.board}, {work.tasks.name}: checking data", {part.board: len(readings)})
            for read in readings:
                try:
                    read()
                except Exception as error:  # as in a run: what nobody had thought of stops nothing else
                    yield Fault(part.board, work.tasks.name, "", "", "invalid", text(failure(data, error).line))
                watcher.done(part.board, 1)


def lie_in_data(plan: list[PlannedSet], scores: Iterable[Score]) -> bool:
    """Whether what is wrong with a score lies in the data, and so is not its submission's to mend."""
    known = {entrant.unit: (work, entrant) for work in plan for entrant in work.entrants}
    for score in scores:
        if score.error and score.unit in known:
            work, entrant = known[score.unit]
            data = [work.tasks.data, *work.board.inputs(work.tasks.data)]
            own = [] if entrant.submission.absent else [entrant.submission.path, entrant.folder]
            if _begins(score.error, data) and not _begins(score.error, own):
                return True
    return False


def _begins(line: str, paths: Sequence[Path]) -> bool:
    """Whether what a line is about is one of these paths, or below it."""
    return any(line.startswith((f"{text(str(path))}/", f"{text(str(path))}:")) for path in paths)


def lines(problems: Iterable[Fault]) -> list[str]:
    """A line for each thing that is wrong, with the sets of tasks on which it is."""
    sets: dict[tuple[str, str], set[str]] = {}
    for one in problems:
        sets.setdefault((one.board, one.line), set()).add(one.tasks)
    return sorted(f"{board}, {', '.join(sorted(tasks))}: {line}" for (board, line), tasks in sets.items())
