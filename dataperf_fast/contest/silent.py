"""Tasks of a contest on which every submission would get the same score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dataperf_fast.boards import evaluation
from dataperf_fast.contest.planning import PlannedSet, Silent, Watcher
from dataperf_fast.contest.run import How
from dataperf_fast.files.errors import InputError


def find(plan: list[PlannedSet], how: How, watcher: Watcher) -> Silent:
    """Why tasks say nothing, by their set and their name; what is wrong with data, a check says."""
    found: dict[tuple[str, str | None, str], Mapping[str, str]] = {}
    for work in plan:
        watcher.begin(f"{work.part.board}, {work.tasks.name}: tasks that say nothing", {})
        backend = "cpu" if how.backend.startswith("reference") else how.backend
        with evaluation.open_engine(work.board, work.part.model, backend, how.jobs, how.cache) as engine:
            try:
                found[work.name] = work.board.says_nothing(work.tasks.data, work.part.model, engine)
            except InputError:
                found[work.name] = {}
    return found


def lines(found: Silent) -> Iterator[str]:
    """A line for each of them."""
    for (board, model, tasks), of_set in found.items():
        for task, why in of_set.items():
            yield f"{', '.join(filter(None, (board, model, tasks, task)))}: says nothing: {why}"
