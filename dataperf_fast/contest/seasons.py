"""Seasons: what stood in which one and when, the freeze of the one that is on, the standings of those that are over.

A score belongs to a submission's contents, and to no season: what is handed in again in the next one has its score.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from dataperf_fast import boards
from dataperf_fast.contest import decisions, submissions
from dataperf_fast.contest.manifest import Contest, Manifest
from dataperf_fast.contest.planning import Entrant, PlannedSet, whose_scores
from dataperf_fast.contest.store import Entered, Season, Store, Unit, now
from dataperf_fast.contest.submissions import Submission
from dataperf_fast.files.errors import InputError

_NAMED = 3  # of submissions that came too late


def enter(contest: Contest, plan: list[PlannedSet], store: Store, backend: str) -> None:
    """Keep what stands in the season that is on, and by what tasks; of one that is frozen what stood then is kept."""
    known = of(contest, store)
    sets = [
        {
            "board": work.part.board, "model": work.part.model, "name": work.tasks.name, "version": work.version,
            "digest": work.digest, "holds": list(work.holds),
        } for work in plan
    ]  # fmt: skip
    frozen = known.frozen if known else None
    manifest = contest.manifest.model_dump(mode="json")
    store.keep(Season(contest.name, contest.season, manifest, {whose_scores(backend): sets}, now(), frozen))
    if not frozen:
        store.enter(contest.name, contest.season, list(_standing(contest, plan)))


def _standing(contest: Contest, plan: list[PlannedSet]) -> Iterator[Entered]:
    seen = now()
    for work in plan:
        for entrant in work.entrants:
            unit = entrant.unit
            key = unit.board, unit.model, unit.submission, unit.submission_digest
            yield Entered(contest.name, contest.season, *key, entrant.kind, seen)


def freeze(contest: Contest, plan: list[PlannedSet], store: Store, backend: str, by: str) -> Season:
    """From now on nothing more is taken into the season that is on; what stands there now stays in it."""
    enter(contest, plan, store, backend)
    season = _needed(contest, store, contest.season)
    log = partial(decisions.log, contest=contest, by=by, act="freeze", about=contest.season)
    store.keep(replace(season, frozen=season.frozen or now()), log)
    return _needed(contest, store, contest.season)


def thaw(contest: Contest, store: Store, by: str) -> None:
    """Take what is handed in again; raises ``InputError`` where the season is not frozen."""
    season = of(contest, store)
    if season is None or not season.frozen:
        raise InputError(contest.path, "is not frozen", expected="a season that `organize freeze` has frozen")
    log = partial(decisions.log, contest=contest, by=by, act="thaw", about=contest.season)
    store.keep(replace(season, frozen=None), log)


def of(contest: Contest, store: Store) -> Season | None:
    """The season that is on; None before its first run."""
    return next((one for one in store.seasons(contest.name) if one.season == contest.season), None)


def admitted(contest: Contest, plan: list[PlannedSet], store: Store | None) -> tuple[list[PlannedSet], list[str]]:
    """The plan with those alone that stood when the season was frozen, as they were; and lines about the others.

    Who has changed his files since then keeps the scores that he had; no other can be made of what is not there.
    """
    season = of(contest, store) if store else None
    if season is None or not season.frozen or store is None:
        return plan, []
    finished = store.finished(contest.name)
    stood = [one for one in store.entries(contest.name) if one.season == contest.season and one.gone is None]
    admitted_: list[PlannedSet] = []
    late: list[str] = []
    lost: list[str] = []
    for work in plan:
        here = [one for one in stood if (one.board, one.model) == (work.part.board, work.part.model or "")]
        left = {(one.submission, one.submission_digest): one for one in here}
        entrants = []
        for entrant in work.entrants:
            if left.pop((entrant.unit.submission, entrant.unit.submission_digest), None):
                entrants.append(entrant)
            else:
                late.append(f"{work.part.board}: {entrant.submission.name}")
        for absent in (_without_files(contest.name, work, one) for one in left.values()):
            if absent.unit in finished:
                entrants.append(absent)
            else:
                lost.append(f"{work.part.board}: {absent.submission.name}")
        admitted_.append(replace(work, entrants=entrants))
    problem = f"frozen since {season.frozen}: {{}} handed in or changed later and not scored: {{}}"
    lines = _line(contest, late, problem)
    problem = f"frozen since {season.frozen}: {{}} without a score, whose files of then are gone or changed: {{}}"
    return admitted_, lines + _line(contest, lost, problem, "those files in their places again, and `organize run`")


def _line(contest: Contest, places: Sequence[str], problem: str, expected: str = "") -> list[str]:
    """A line about some submissions, of how many and which ``problem`` tells; none about none."""
    names = list(dict.fromkeys(places))
    told = ", ".join(names[:_NAMED]) + (", .." if len(names) > _NAMED else "")
    return [InputError(contest.path, problem.format(len(names), told), expected=expected).line] if names else []


def _without_files(contest: str, work: PlannedSet, one: Entered) -> Entrant:
    submission = Submission(one.submission, Path(), one.submission_digest, absent=True)
    return Entrant(submission, work.unit(contest, one.submission, one.submission_digest), one.kind, Path())


def past(
    contest: Contest, store: Store, season: str, backend: str, submission: str | None = None
) -> tuple[Contest, list[PlannedSet]]:
    """A season as its last run left it, by the store alone: its manifest, and what stood on which tasks.

    Of what stood one ``submission`` alone, where it is named.

    Raises ``InputError`` where the store has no such season, or no run of it by ``backend``.
    """
    known = _needed(contest, store, season)
    return _past(contest, store, known, whose_scores(backend), submission)


def _past(
    contest: Contest, store: Store, known: Season, whose: str, submission: str | None = None
) -> tuple[Contest, list[PlannedSet]]:
    then = Contest(contest.path, Manifest.model_validate(known.manifest))
    if whose not in known.sets:
        raise InputError(contest.store_named, f"holds no run of the season by the backend, {whose}", value=known.season)
    entries = store.entries(known.contest, submission)
    stood = [one for one in entries if one.season == known.season and one.gone is None]
    sets = {(of["board"], of["model"], of["name"]): of for of in known.sets[whose]}
    plan = []
    for part in then.manifest.boards:
        here = [one for one in stood if (one.board, one.model) == (part.board, part.model or "")]
        for tasks in part.tasks:
            about = sets.get((part.board, part.model, tasks.name))
            if about is None:  # a set that the reference was not run on, for instance
                continue
            work = PlannedSet(
                part, boards.load(part.board), tasks, about["version"], [], about["digest"], tuple(about["holds"])
            )
            work.entrants.extend(_without_files(known.contest, work, one) for one in here)
            plan.append(work)
    return then, plan


def last_units(contest: Contest, name: str, store: Store, backend: str) -> set[Unit]:
    """What stood at the last run of a contest in the store: in the manifest's season, if it is the manifest's."""
    known = [season for season in store.seasons(name) if whose_scores(backend) in season.sets]
    if name == contest.name:
        known = [season for season in known if season.season == contest.season]
    if not known:
        return set()
    _, plan = _past(contest, store, max(known, key=lambda season: season.began), whose_scores(backend))
    return {entrant.unit for work in plan for entrant in work.entrants}


def unchanged(plan: list[PlannedSet]) -> list[PlannedSet]:
    """The sets of a plan whose data are what they were then: those of a season that is over may be gone."""
    return [work for work in plan if _digest(work) == work.digest]


def _digest(work: PlannedSet) -> str:
    try:
        return submissions.digest(work.board.inputs(work.tasks.data))
    except (InputError, OSError):
        return ""


def _needed(contest: Contest, store: Store, season: str) -> Season:
    known = {one.season: one for one in store.seasons(contest.name)}
    if season not in known:
        expected = " or ".join(map(repr, known)) or "one that `organize run` has scored"
        raise InputError(contest.store_named, f"holds no season of {contest.name!r} named", "", season, expected)
    return known[season]
