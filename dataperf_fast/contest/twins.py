"""Teams that have handed in the same files, which an organizer may want to ask about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from dataperf_fast.contest.planning import Entrant, PlannedSet
from dataperf_fast.contest.views import team_of

_NAMED = 3  # groups of a board
_OF_NOTHING = hashlib.sha256().hexdigest()


def lines(plan: list[PlannedSet]) -> Iterator[str]:
    """A line for each board on which submissions of more than one team are the same files, of what is no baseline."""
    of_part = {id(work.part): work for work in plan}
    for work in of_part.values():
        by_digest: dict[str, list[Entrant]] = {}
        for one in work.entrants:
            if one.kind == "submission" and not one.submission.problem and one.unit.submission_digest != _OF_NOTHING:
                by_digest.setdefault(one.unit.submission_digest, []).append(one)
        names = [[one.submission.name for one in of] for of in by_digest.values()]
        told = [" and ".join(of) for of in names if len(set(map(team_of, of))) > 1]
        if told:
            more = "; .." if len(told) > _NAMED else ""
            place = ", ".join(filter(None, (work.part.board, work.part.model)))
            yield f"{place}: of several teams, and the same files: {'; '.join(told[:_NAMED])}{more}"
