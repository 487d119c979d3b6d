"""What of a contest's standings is seen: which of a team's submissions count, and what of hidden sets is shown.

What is withheld does not come near a page: scores of hidden sets, and all that scores could be told by (retrains of a
debugging task are its score), go before anything is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from dataperf_fast.contest.decisions import Decisions
from dataperf_fast.contest.history import Place
from dataperf_fast.contest.manifest import ContestBoard
from dataperf_fast.contest.planning import Entrant, PlannedSet
from dataperf_fast.contest.rules import Seen
from dataperf_fast.contest.store import Score
from dataperf_fast.contest.submissions import text
from dataperf_fast.report.ranks import Entry, rounded_entry

_LINE = re.compile(r"(?:line|row) [0-9]+\b")
WITHHELD, WITHDRAWN = "withheld", "withdrawn"


@dataclass(frozen=True)
class View:
    """Who looks, and when: ``notes`` are why submissions have no score, which is between them and the organizer.

    ``strangers`` are told where in its own files a submission is wrong, and of hidden sets not why: a reason may quote
    a word, a size or a name of what is hidden.
    """

    decisions: Decisions = field(default_factory=Decisions)
    hidden: Seen = "shown"
    digits: int = 15
    notes: bool = True
    strangers: bool = False


def is_hidden(part: ContestBoard, dataset: str) -> bool:
    """Whether a set of tasks is hidden: where none is, none."""
    return any(tasks.hidden for tasks in part.tasks if tasks.name == dataset)


def of_plan(plan: list[PlannedSet], view: View) -> list[PlannedSet]:
    """The sets that are seen: without the hidden ones where those are withheld, and a board has others."""
    if view.hidden != "withheld":
        return plan
    parts = {id(work.part): work.part for work in plan}
    seen = {key: [tasks for tasks in part.tasks if not tasks.hidden] for key, part in parts.items()}
    public = {key: part.model_copy(update={"tasks": seen[key]}) for key, part in parts.items() if seen[key]}
    return [
        replace(work, part=public.get(id(work.part), work.part))
        for work in plan
        if not (work.tasks.hidden and id(work.part) in public)
    ]


def with_reasons(scores: Sequence[Score], plan: list[PlannedSet], view: View) -> list[Score]:
    """Scores with why there is none as far as it is told: strangers get, of hidden sets, file and line alone."""
    if not view.strangers:
        return list(scores)
    hidden = {
        entrant.unit: entrant for work in plan if is_hidden(work.part, work.tasks.name) for entrant in work.entrants
    }
    return [
        replace(score, error=_place_in(score.error, hidden[score.unit])) if score.unit in hidden else score
        for score in scores
    ]


def _place_in(error: str | None, entrant: Entrant) -> str | None:
    """The file and the line that an error begins with, where they are a submission's own; else nothing."""
    whose = f"{text(str(entrant.submission.path))}/"
    if error is None or entrant.submission.absent or not error.startswith(whose):
        return None
    file, _, more = error.removeprefix(whose).partition(": ")
    line = _LINE.match(more)
    return f"{file}: {line[0]}" if line else file


def reason(why: str, part: ContestBoard, dataset: str, view: View) -> str:
    """Why a task says nothing, after its name; of a hidden set strangers are not told."""
    return "" if view.strangers and is_hidden(part, dataset) else f": {why}"


def all_withheld(part: ContestBoard, view: View) -> bool:
    """Whether nothing of a board's scores is seen: all its sets are hidden."""
    return view.hidden == "withheld" and all(tasks.hidden for tasks in part.tasks)


def of_entries(entries: Sequence[Entry], part: ContestBoard, higher_is_better: bool, view: View) -> list[Entry]:
    """Those that are shown of a board's entries, as they are shown."""
    seen = [_masked(entry, part, view) for entry in entries]
    judged = [one for entry in seen if (one := _judged(entry, part, view)) is not None]
    if part.counts == "all":
        return judged
    teams: dict[str, list[Entry]] = {}
    for entry in judged:
        key = entry.submission if entry.kind == "baseline" else team_of(entry.submission)
        teams.setdefault(key, []).append(entry)
    chosen = {place for place in view.decisions.chosen if place[:2] == (part.board, part.model or "")}
    counting = [_counting(of, part, higher_is_better, chosen) for of in teams.values()]
    return [
        replace(entry, submission=team, which=entry.submission) for team, entry in zip(teams, counting, strict=True)
    ]


def team_of(submission: str) -> str:
    """Whose a submission is, by its name: ``anna/v1`` is anna's."""
    return submission.removesuffix(" (algorithm)").partition("/")[0]


def _masked(entry: Entry, part: ContestBoard, view: View) -> Entry:
    names_hidden = view.strangers and entry.status == "pending" and any(tasks.hidden for tasks in part.tasks)
    if names_hidden or not view.notes:
        entry = replace(entry, note="")
    if all_withheld(part, view):
        status = entry.status if entry.status in ("invalid", "failed", "pending") else WITHHELD
        return Entry(entry.submission, entry.kind, None, status, date=entry.date, note=entry.note)
    if view.hidden == "rounded" and any(tasks.hidden for tasks in part.tasks):
        bare = replace(entry, spread=None, seconds=None, retrains=None, curves={}, details={}, earlier=())
        return rounded_entry(bare, view.digits)
    return entry


def _judged(entry: Entry, part: ContestBoard, view: View) -> Entry | None:
    """An entry on which nothing was decided; one that is disqualified without its score; None where it is withdrawn."""
    ruling = view.decisions.rulings.get((part.board, part.model or "", entry.submission))
    if ruling is None:
        return entry
    if ruling.kind == WITHDRAWN:
        return None
    return Entry(entry.submission, entry.kind, None, ruling.kind, date=ruling.since, note=ruling.reason)


def _counting(of_team: list[Entry], part: ContestBoard, higher_is_better: bool, chosen: set[Place]) -> Entry:
    """Which of a team's submissions, in the order of their names, counts; one without a score only where all are."""
    of_team = sorted(of_team, key=lambda entry: entry.submission)
    usable = [entry for entry in of_team if entry.status in ("ok", WITHHELD)] or of_team
    if part.counts == "chosen":
        usable = [
            entry for entry in usable if (part.board, part.model or "", entry.submission) in chosen
        ] or usable  # nothing chosen: the last
    if part.counts == "best" and usable[0].score is not None:
        sign = 1 if higher_is_better else -1
        # Of equal ones the first: whoever hands in the same again has not got worse.
        return max(usable, key=lambda entry: sign * (entry.exact if entry.exact is not None else Fraction(0)))
    return usable[-1]


def of_scores(scores: Sequence[Score], plan: list[PlannedSet]) -> list[Score]:
    """The scores on the sets of a plan."""
    seen = {(work.part.board, work.part.model or "", work.tasks.name) for work in plan}
    return [score for score in scores if (score.board, score.model, score.dataset) in seen]
