"""What became of submissions: the states that their scores went through, and what a date parts from what came later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from dataperf_fast.contest.planning import PlannedSet
from dataperf_fast.contest.store import Entered, Score, Store, Unit

Place = tuple[str, str, str]  # board, model, submission


@dataclass(frozen=True)
class Change:
    """What happened to a submission on a board and when: it was new, changed, withdrawn or rescored, and why."""

    when: str
    what: str
    board: str
    model: str
    submission: str
    why: str = ""


def place_of(one: Unit | Entered) -> Place:
    """Whose it is, and where."""
    return one.board, one.model, one.submission


def of_standing(
    contest: str, season: str, plan: list[PlannedSet], store: Store, submission: str | None = None
) -> list[Score]:
    """The scores of those who stand in a season now, in the order of their arrival, with those that are replaced.

    Of files that stood in the season, and by us or by the reference as the plan has it; of one ``submission`` alone,
    where it is named.
    """
    if not plan:
        return []
    by_reference = is_by_reference(plan[0].version)
    here = {place_of(entrant.unit) for work in plan for entrant in work.entrants}
    entered = [one for one in store.entries(contest, submission) if one.season == season]
    scores = [score for score in store.scores(contest, submission) if place_of(score) in here]
    return [score for score in of_season(scores, entered) if is_by_reference(score.version) == by_reference]


def of_season(scores: Iterable[Score], entered: Iterable[Entered]) -> list[Score]:
    """The scores that were made in a season, of what had ``entered`` it."""
    began: dict[tuple[str, ...], str] = {}
    for one in entered:
        began.setdefault(one.standing, one.seen)
    keyed = [(score, (*place_of(score), score.submission_digest)) for score in scores]
    return [score for score, key in keyed if key in began and score.finished >= began[key]]


def is_by_reference(version: str) -> bool:
    """Whether scores of a version are the reference's (``Benchmark.version_on``)."""
    return ", reference " in version


def states(scores: Iterable[Score]) -> list[list[Score]]:
    """The scores that one submission had on a board, state after state, given them in the order of their arrival.

    Other files or another version begin a state anew, other data replace what they are of.
    """
    found: list[list[Score]] = []
    now: dict[str, list[Score]] = {}
    for _, of_unit in groupby(scores, lambda score: score.unit):
        rows = list(of_unit)
        first = rows[0]
        before = next(iter(now.values()), [first])[0]
        other = (before.submission_digest, before.version) != (first.submission_digest, first.version)
        if other or first.dataset in now:
            found.append([score for of in now.values() for score in of])
        now = ({} if other else now) | {first.dataset: rows}
    return [*found, [score for of in now.values() for score in of]] if now else found


def why(before: Sequence[Score], after: Sequence[Score]) -> str:
    """What the scores of one state are of, that those of another, a later one, are not."""
    if before[0].submission_digest != after[0].submission_digest:
        return "other files"
    return "another version" if before[0].version != after[0].version else "other data"


def since(contest: str, season: str, when: str, store: Store) -> list[Change]:
    """What runs saw of a season from a time on, in its order; ``when`` as stores keep times."""
    entries: dict[Place, list[Entered]] = {}
    for one in store.entries(contest):
        if one.season == season:
            entries.setdefault(place_of(one), []).append(one)
    scores: dict[Place, list[Score]] = {}
    for score in store.scores(contest):
        if place_of(score) in entries:
            scores.setdefault(place_of(score), []).append(score)
    changes = []
    for place, stood in entries.items():
        for number, one in enumerate(stood):
            if one.seen >= when:
                changes.append(Change(one.seen, "changed" if number else "new", *place))
        if stood[-1].gone and stood[-1].gone >= when:
            changes.append(Change(stood[-1].gone, "withdrawn", *place))
        changes += _rescored(place, stood, scores.get(place, []), when)
    return sorted(changes, key=lambda change: (change.when, change.board, change.submission))


def _rescored(place: Place, stood: Sequence[Entered], scores: Sequence[Score], when: str) -> list[Change]:
    """Of other data, or by another version, and the same files, which had a score in the season."""
    digest = stood[-1].submission_digest
    same = [score for score in of_season(scores, stood) if score.submission_digest == digest]
    found: dict[str, Change] = {}
    for by_reference in (False, True):
        of_kind = states(score for score in same if is_by_reference(score.version) == by_reference)
        for before, after in pairwise(of_kind):
            finished = max(score.finished for score in after)
            if finished >= when:
                reason = why(before, after)
                found[reason] = Change(finished, "rescored", *place, reason)
    return list(found.values())
