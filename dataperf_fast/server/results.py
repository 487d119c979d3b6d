"""What came of an upload, as far as whoever asks may see it: its scores, why it has none, its place in line."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sql

from dataperf_fast.contest import history, rules, seasons, standings, views
from dataperf_fast.contest import schema as of_store
from dataperf_fast.contest.decisions import Ruling
from dataperf_fast.contest.manifest import ContestBoard
from dataperf_fast.contest.store import Run, Score
from dataperf_fast.contest.views import View
from dataperf_fast.files.errors import InputError
from dataperf_fast.report import leaderboard
from dataperf_fast.report.ranks import Setting
from dataperf_fast.report.rounding import rounded
from dataperf_fast.server import schema, states
from dataperf_fast.server.arrivals import Upload
from dataperf_fast.server.formats import OURS
from dataperf_fast.server.hall import Hall

_RECENT = 50  # scores by which the time of the next is judged


@dataclass(frozen=True)
class Line:
    """Where a waiting upload stands: how many come before it, about how many seconds it takes if that is known."""

    before: int
    seconds: float | None
    scoring: bool  # whether anything is being scored at all


@dataclass
class Result:
    """An upload's state: ``waiting``, ``scored``, ``invalid``, ``failed``, ``withdrawn`` or ``disqualified``.

    ``scores``: a dict a task, with ``set``, ``task``, ``status``, ``score`` (None where that is withheld) and
    ``error``. ``reason``: why it does not stand.
    """

    state: str
    scores: list[dict[str, Any]] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    line: Line | None = None
    reason: str = ""

    def articles(self) -> str:
        """Curves and parts, as pages show them (HTML)."""
        return "".join(leaderboard.articles(setting) for setting in self.settings)


def of(hall: Hall, upload: Upload, private: bool, organizes: bool) -> Result:
    """What is to be seen of an upload: by its team and organizers, ``private``, or by all."""
    part = hall.contest.part_of(upload.board, upload.model)
    made, standing = hall.decided()
    if part is None:
        return Result("withdrawn", reason="its board is in the contest no more")
    view = View(made) if organizes else View(made, standing.hidden, standing.digits, notes=private)
    store = hall.database.store
    try:
        then, plan = seasons.past(hall.contest, store, upload.season, "auto", upload.submission)
    except InputError:  # the dispatcher has not seen the season yet
        then, plan = hall.contest, []
    plan = [work for work in plan if (work.part.board, work.part.model or "") == (upload.board, upload.model)]
    units = {entrant.unit for work in plan for entrant in work.entrants}
    stored = store.scores(hall.contest.name, upload.submission)
    now = [score for score in stored if score.unit in units]
    before = history.of_standing(then.name, then.season, plan, store, upload.submission) if plan else []
    ruling = made.rulings.get(upload.place)
    result = Result(_state(upload, now, ruling), reason=ruling.reason if ruling else "")
    result.scores = [shown(score, part, view) for score in now if not _unseen(score, part, view)]
    result.settings = standings.settings(then, plan, now, before, view=view)
    if private:
        result.runs = runs_of(hall, upload, organizes)
    if result.state == "waiting":
        result.line = _line(hall, upload)
    return result


def shown(score: Score, part: ContestBoard, view: View) -> dict[str, Any]:
    """A score as it may be seen."""
    hidden = views.is_hidden(part, score.dataset)
    value: float | None = score.score
    if hidden and view.hidden == "withheld":
        value = None
    elif hidden and view.hidden == "rounded" and value is not None:
        value = float(rounded(value, view.digits))
    return {
        "set": score.dataset, "task": score.task, "status": score.status, "metric": score.metric, "score": value,
        "error": told(score, view) if view.notes else "", "finished": score.finished,
    }  # fmt: skip


def told(score: Score, view: View) -> str:
    """Why a score is none, for its team; what is ours to mend is not for it."""
    if score.status == "failed" and view.hidden != "shown":
        return OURS
    return score.error or ""


def _unseen(score: Score, part: ContestBoard, view: View) -> bool:
    """Hidden sets have no names before their time, except where something is wrong with one's own files."""
    return views.is_hidden(part, score.dataset) and view.hidden == "withheld" and score.status == "ok"


def _state(upload: Upload, now: list[Score], ruling: Ruling | None) -> str:
    if ruling:
        return ruling.kind
    if upload.settled is None and not any(score.status == "failed" for score in now):
        return "waiting"
    wrong = {score.status for score in now} & {"invalid", "failed"}
    return "failed" if "failed" in wrong else "invalid" if wrong else "scored"


def _line(hall: Hall, upload: Upload) -> Line:
    of_uploads, table = schema.uploads.c, of_store.scores.c
    with hall.database.reading() as connection:
        waiting = sql.select(sql.func.count()).select_from(schema.uploads)
        before = connection.execute(
            waiting.where(of_uploads.contest == upload.contest, of_uploads.settled.is_(None), of_uploads.id < upload.id)
        ).scalar_one()
        recent = (
            sql.select(table.seconds)
            .where(table.contest == upload.contest, table.board == upload.board)
            .order_by(table.id.desc())
            .limit(_RECENT)
        )
        seconds = [row[0] for row in connection.execute(recent)]
        state = states.read(connection, upload.contest, states.DISPATCHER)
    part = hall.contest.part_of(upload.board, upload.model)
    sets = len(part.tasks) if part else 1
    expected = (before + 1) * sets * sum(seconds) / len(seconds) if seconds else None
    return Line(before, expected, bool(state) and not state.get("problem"))


def status_of(rules_now: rules.Standing) -> dict[str, Any]:
    """How the contest stands, for programs."""
    phase = rules_now.phase
    return {
        "phase": phase.name if phase else None,
        "ends": phase.end.isoformat() if phase else None,
        "opens": rules_now.coming.start.isoformat() if rules_now.coming else None,
        "closed": rules_now.closed,
        "hidden_scores": rules_now.hidden,
    }


def runs_of(hall: Hall, upload: Upload, organizes: bool) -> list[Run]:
    """What its algorithm's runs came to; an algorithm that stands beside files of one name is called so.

    An algorithm can print what it is shown: of hidden sets that is for organizers until their scores are seen. What
    went wrong there is told.
    """
    names = upload.submission, f"{upload.submission} (algorithm)"
    runs = hall.database.store.runs(hall.contest.name, names)
    part, (_, standing) = hall.contest.part_of(upload.board, upload.model), hall.decided()
    if organizes or standing.hidden == "shown" or part is None:
        return runs
    hidden = {id(run) for run in runs if views.is_hidden(part, run.dataset)}
    return [replace(run, log="") if id(run) in hidden else run for run in runs if id(run) not in hidden or run.problem]
