"""All that a contest knows of one participant: files, reasons, scores, earlier ones, what its algorithm printed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dataperf_fast.contest import decisions, history, run, seasons, standings
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.planning import Entrant, PlannedSet, Watcher
from dataperf_fast.contest.run import How
from dataperf_fast.contest.store import Entered, Run, Score, Store
from dataperf_fast.contest.submissions import text
from dataperf_fast.contest.views import View
from dataperf_fast.files import handed_in
from dataperf_fast.files.archives import is_archive, unpacked
from dataperf_fast.files.errors import InputError, meant
from dataperf_fast.files.names import spelled
from dataperf_fast.report.ranks import rows_of
from dataperf_fast.report.rounding import shown_score

_MOST_FILES = 1000  # that are told


@dataclass
class Shown:
    """A submission on a board.

    ``files``: by the task that each is for; ``passed_over``: what else lies there. ``since`` and ``gone``: from when on
    a run saw what lies there, and to when what lay there. ``note``: why what lies there is not what is scored.
    ``scores`` of what lies there, or of what lay there at a freeze, pending where a run has still to come, ``earlier``
    states of the season, the newest first. ``posted``: of each page its title, and the ``score`` and ``rank`` there, as
    they are shown, ``of`` how many.
    """

    board: str
    model: str
    submission: str
    kind: str
    path: str = ""
    since: str | None = None
    gone: str | None = None
    note: str = ""
    files: dict[str, str] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    posted: list[dict[str, str | int | None]] = field(default_factory=list)
    earlier: list[list[Score]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


def show(
    contest: Contest, plan: list[PlannedSet], store: Store | None, team: str, how: How, watcher: Watcher
) -> tuple[list[Shown], list[str]]:
    """What is known of a participant, and of each of several submissions of his, board by board.

    ``plan`` is of what lies there; also returns what ``seasons.admitted`` says of it. Trains and runs nothing. Raises
    ``InputError`` where neither the folders nor a season know the name.
    """
    ever = store.entries(contest.name) if store else []
    entered = [one for one in ever if one.season == contest.season]
    names = {one.submission for one in ever} | {e.submission.name for work in plan for e in work.entrants}
    team = _named(contest, team, names)
    stored = store.scores(contest.name) if store else []
    runs = store.runs(contest.name) if store else []
    found = _lying(plan, team)
    admitted, lines = seasons.admitted(contest, plan, store)
    of_team = [_only(work, team) for work in admitted]
    for score in run.check(contest, of_team, store, how, watcher):
        found.setdefault(history.place_of(score), Shown(*history.place_of(score), score.kind)).scores.append(score)
    if store:
        view = View(decisions.read(contest, store))
        _add_posted(found, contest, admitted, standings.current(admitted, store), view)
    for one in entered:
        if _is_of(team, one.submission):
            there = found.setdefault(history.place_of(one), Shown(*history.place_of(one), one.kind))
            there.since, there.gone = one.seen, one.gone
    if store and (season := seasons.of(contest, store)) and season.frozen:
        _add_notes(found, plan, entered)
    found = found or _of_other_seasons([one for one in ever if _is_of(team, one.submission)])
    for place, one_ in found.items():
        _add_history(one_, [score for score in stored if history.place_of(score) == place], entered)
        one_.runs = [ran for ran in runs if (ran.board, ran.submission) == (one_.board, one_.submission)]
    return list(found.values()), lines


def _named(contest: Contest, given: str, names: Collection[str]) -> str:
    """Whose name was given: it may be that of a file, ``anna.zip``, or its path."""
    path = Path(given)
    for team in spelled(list(dict.fromkeys((given, path.name, path.stem))), sorted(names)):
        if any(_is_of(team, name) for name in names):
            return team
    expected = meant(given, names) or "a folder's name, or one of an earlier run"
    raise InputError(contest.path, "no submission is named", "", given, expected)


def _lying(plan: list[PlannedSet], team: str) -> dict[history.Place, Shown]:
    """What lies there of a participant's, with its files."""
    found: dict[history.Place, Shown] = {}
    for work in plan:
        for entrant in work.entrants:
            if _is_of(team, entrant.submission.name):
                place = history.place_of(entrant.unit)
                if place not in found:
                    found[place] = Shown(*place, entrant.kind, text(str(entrant.submission.path)))
                _add_files(found[place], work, entrant)
    return found


def _add_notes(found: Mapping[history.Place, Shown], plan: list[PlannedSet], entered: Sequence[Entered]) -> None:
    """Say of a season that is frozen where what lies there is not what stood then."""
    lying = {history.place_of(one.unit): one.unit.submission_digest for work in plan for one in work.entrants}
    stood = {history.place_of(one): one.submission_digest for one in entered if one.gone is None}
    for place, one in found.items():
        if place not in stood:
            one.note = "handed in after the freeze, and not scored" if place in lying else ""
        elif place not in lying:
            one.note = "its files of the freeze are no longer there"
        elif lying[place] != stood[place]:
            one.note = "changed since the freeze: what lies there now is not scored"


def _of_other_seasons(entered: Sequence[Entered]) -> dict[history.Place, Shown]:
    """Of who does not stand in this season in which ones he did."""
    found: dict[history.Place, Shown] = {}
    for one in entered:
        place = history.place_of(one)
        names = dict.fromkeys(other.season for other in entered if history.place_of(other) == place)
        told = " and ".join(name or "(the one without a name)" for name in names)
        found[place] = Shown(*place, one.kind, note=f"stood in season {told}, and not in this one")
    return found


def _is_of(team: str, name: str) -> bool:
    return name in (team, f"{team} (algorithm)") or name.startswith(f"{team}/")


def _add_posted(
    found: Mapping[history.Place, Shown],
    contest: Contest,
    plan: list[PlannedSet],
    current: list[Score],
    view: View,
) -> None:
    """Where submissions stand on the pages, of all that are there."""
    for part in {id(work.part): work.part for work in plan}.values():
        of_part = [work for work in plan if work.part is part]
        for setting in standings.settings(contest, of_part, current, view=view):
            rows = rows_of(setting)
            most = sum(row.rank is not None for row in rows)
            for row in rows:
                if (
                    one := found.get((part.board, part.model or "", row.entry.which or row.entry.submission))
                ) and row.entry.kind != "paper":
                    score = row.entry.status if row.exact is None else shown_score(row.exact, setting.digits)
                    one.posted.append({"page": setting.title, "score": score, "rank": row.rank, "of": most})


def _only(work: PlannedSet, team: str) -> PlannedSet:
    return replace(work, entrants=[one for one in work.entrants if _is_of(team, one.submission.name)])


def _add_history(one: Shown, stored: Sequence[Score], entered: Sequence[Entered]) -> None:
    """States of the season that are none of what lies there now."""
    current = {score.unit for score in one.scores}
    for state in history.states(history.of_season(stored, entered)):
        if not {score.unit for score in state} <= current:
            one.earlier.insert(0, state)


def _add_files(one: Shown, work: PlannedSet, entrant: Entrant) -> None:
    """What lies there: by task what is read, and what is passed over."""
    path, recognize = entrant.submission.path, work.board.recognizer(work.tasks.data)
    taken: dict[str, Path] = {}
    try:
        top = unpacked(path) if is_archive(path) else path
        if recognize and not (entrant.submission.problem or entrant.submission.is_algorithm):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                [handed], _ = handed_in.find([path], recognize, "", by_path=True, tasks=work.of_set)
            where = f"{work.tasks.name}, " if len(work.of_set.among) > 1 else ""
            taken = {f"{where}{task}": file for task, file in handed.files.items()}
    except InputError:  # which the scores say
        top = path
    every = [top]
    if top.is_dir():
        every = [Path(folder, name) for folder, _, names in os.walk(top) for name in names]
    shown = {file: text(str(file.relative_to(top) if file != top else file.name)) for file in every[:_MOST_FILES]}
    one.files |= {task: shown.get(file, file.name) for task, file in taken.items()}
    one.passed_over = sorted(set(shown.values()) - set(one.files.values()))
