"""Where a contest stands: the store's scores as the leaderboard's settings and entries."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import mean, pstdev

from dataperf_fast.boards.board import Benchmark
from dataperf_fast.contest import history, views
from dataperf_fast.contest.manifest import Contest, ContestBoard, TaskSet
from dataperf_fast.contest.planning import PlannedSet, Silent
from dataperf_fast.contest.store import Score, Store
from dataperf_fast.contest.views import View
from dataperf_fast.files.paths import write_text
from dataperf_fast.files.records import decimal
from dataperf_fast.report.ranks import Earlier, Entry, Part, Setting

_NAMED = 3  # of submissions without a score


def current(plan: list[PlannedSet], store: Store) -> list[Score]:
    """The scores of what is there now, in the order of their arrival.

    Not those of files, data and versions that were replaced, nor of a participant who has left.
    """
    units = {entrant.unit for work in plan for entrant in work.entrants}
    contests = {unit.contest for unit in units}
    return [score for name in contests for score in store.scores(name) if score.unit in units]


def without_score(plan: list[PlannedSet], store: Store) -> list[str]:
    """A line for each board and set of tasks on which some submission, as it is now, has no score."""
    contests = {entrant.unit.contest for work in plan for entrant in work.entrants}
    stored = {unit for name in contests for unit in store.units(name)}
    lines = []
    for work in plan:
        lacking = [entrant for entrant in work.entrants if entrant.unit not in stored]
        if not lacking:
            continue
        names = ", ".join(entrant.submission.name for entrant in lacking[:_NAMED])
        more = ", .." if len(lacking) > _NAMED else ""
        units = {entrant.unit for entrant in lacking}
        others = {unit.version for unit in stored if replace(unit, version=work.version) in units}
        had = f" (but by {'; '.join(sorted(others))})" if others else ""
        place = ", ".join(filter(None, (work.part.board, work.part.model, work.tasks.name)))
        lines.append(
            f"{place}: {len(lacking)} of {len(work.entrants)} submissions have no score by {work.version}{had}: {names}"
            f"{more}; `organize run` by the same backend makes them"
        )
    return lines


def settings(
    contest: Contest,
    plan: list[PlannedSet],
    scores: list[Score],
    before: Sequence[Score] = (),
    silent: Silent | None = None,
    view: View | None = None,
) -> list[Setting]:
    """A setting a board, or a task where the board ranks its tasks apart, of the ``current`` scores.

    ``before`` are those of ``history.of_standing``, where each entry is to have the scores that it had before;
    ``silent`` are tasks that say nothing, of which a page says so. ``view`` is what may be seen, all if none is given.
    """
    view = view or View()
    plan = views.of_plan(plan, view)
    scores, before = views.of_scores(scores, plan), views.of_scores(before, plan)
    scores = views.with_reasons(scores, plan, view)
    folder = f"{contest.path.parent}/"  # of no interest to a page's readers
    scores = [replace(score, error=score.error and score.error.replace(folder, "")) for score in scores]
    works: dict[int, list[PlannedSet]] = {}
    for work in plan:
        works.setdefault(id(work.part), []).append(work)
    found = []
    for of_part in works.values():
        part, board = of_part[0].part, of_part[0].board
        of_board, earlier = (
            [score for score in of if (score.board, score.model) == (part.board, part.model or "")]
            for of in (scores, before)
        )
        if not board.ranks_tasks:
            found.append(_setting(part, board, part.tasks, of_board, earlier, "", silent or {}, view))
            continue
        holding: dict[str, list[TaskSet]] = {}  # the sets that hold a task: not each holds all
        for work in of_part:
            for task in work.holds:
                holding.setdefault(task, []).append(work.tasks)
        for task, sets in holding.items():
            there = {tasks.name for tasks in sets}
            of_task = [score for score in of_board if score.dataset in there and score.task in (task, "")]
            entered = {score.submission for score in of_task if score.task == task}
            # A folder that no board could open stands on each of them, one that enters other tasks does not.
            others = {score.submission for score in of_board if score.task} - entered
            of_task = [score for score in of_task if score.submission not in others]
            of_earlier = [score for score in earlier if score.dataset in there and score.task in (task, "")]
            found.append(_setting(part, board, sets, of_task, of_earlier, task, silent or {}, view))
    return found


def _setting(
    part: ContestBoard,
    board: Benchmark,
    sets: list[TaskSet],
    scores: list[Score],
    earlier: list[Score],
    task: str,
    silent: Silent,
    view: View,
) -> Setting:
    by_submission: dict[str, list[tuple[Score, Fraction | None]]] = {}
    for score, exact in zip(scores, board.exact(scores), strict=True):
        by_submission.setdefault(score.submission, []).append((score, exact))
    hidden = {tasks.name for tasks in sets if tasks.hidden} or {tasks.name for tasks in sets}
    entries = [_entry(name, of, hidden, len(sets) > 1, part) for name, of in by_submission.items()]
    before: dict[str, list[Score]] = {}
    for score in earlier:
        before.setdefault(score.submission, []).append(score)
    entries = [
        replace(
            entry, earlier=_earlier(part, board, hidden, [score for score, _ in of], before.get(entry.submission, []))
        )
        for entry, of in zip(entries, by_submission.values(), strict=True)
    ]
    details = [next((s.details for s, _ in of if s.dataset in hidden), {}) for of in by_submission.values()]
    entries = [replace(entry, details=notes) for entry, notes in zip(entries, board.beside(task, details), strict=True)]
    entries = views.of_entries(entries, part, board.higher_is_better, view)
    if part.published and board.model_named(part.model) in ("", *board.models[:1]):
        for method in board.published.values():
            tasks = {name: score for name, score in method.scores.items() if task in ("", name)}
            if tasks:
                parts = [Part(name, decimal(score)) for name, score in tasks.items()]
                exact = mean(part.exact for part in parts)
                entries.append(Entry(method.name, "paper", float(exact), tasks=tasks, parts=parts, exact=exact))
    title = ", ".join(filter(None, (part.title or part.board.capitalize(), task and board.title_of(task), part.model)))
    kind = "hidden" if any(tasks.hidden for tasks in sets) else "public"
    description = f"The score is the mean over the {kind} tasks." if not task else ""
    metric = next((score.metric for score in scores if score.task), board.metric)
    slug = re.sub("[^a-z0-9]+", "-", f"{part.board} {task} {part.model or ''}".lower()).strip("-")
    return Setting(
        slug,
        title,
        metric.replace("_", " "),
        board.higher_is_better,
        description,
        *board.curve_labels,
        entries,
        board.metric_means.get(metric, ""),
        [
            _named(tasks.name, of, len(sets) > 1) + views.reason(why, part, tasks.name, view)
            for tasks in sets
            for of, why in silent.get((part.board, part.model, tasks.name), {}).items()
            if task in ("", of) and not views.all_withheld(part, view)
        ],
        part.digits,
    )


def _entry(
    name: str, scored: list[tuple[Score, Fraction | None]], hidden: set[str], several: bool, part: ContestBoard
) -> Entry:
    """One submission's line: the mean over the hidden tasks, if every one of them has a score."""
    scores = [score for score, _ in scored]
    counting = [score for score in scores if score.dataset in hidden]
    expected = hidden - {score.dataset for score in counting}
    bad = next((score for score in counting if score.status != "ok"), None)
    status = bad.status if bad else "pending" if expected else "ok"
    values = [exact for score, exact in scored if score.dataset in hidden and exact is not None]
    exact = mean(values) if status == "ok" and len(values) == len(counting) else None
    by_task = {_place(score, several): None if of is None else float(of) for score, of in scored if score.task}
    spread = scores[0].details.get("spread") if len(scores) == 1 else float(pstdev(values)) if len(values) > 1 else None
    kind = "baseline" if name in part.baselines else "submission"
    return Entry(
        name, kind,
        None if exact is None else float(exact), status, spread,
        max(score.finished for score in scores),
        sum(score.seconds for score in scores),
        sum(score.retrains for score in scores),
        by_task,
        {_place(s, several): s.details["curve"] for s in scores if s.details.get("curve")},
        (bad.error or "") if bad else f"not yet scored on {', '.join(sorted(expected))}" if expected else "",
        parts=[
            Part(_place(score, several), of, score.dataset in hidden)
            for score, of in scored
            if score.task and of is not None
        ],
        exact=exact,
    )  # fmt: skip


def _earlier(
    part: ContestBoard, board: Benchmark, hidden: set[str], now: list[Score], scores: list[Score]
) -> list[Earlier]:
    """The states that a submission's ``scores`` went through before those that it has ``now``, the newest first."""
    name, units = now[0].submission, {score.unit for score in now}
    found = []
    for state in history.states(scores):
        if not {score.unit for score in state} <= units:
            entry = _entry(name, list(zip(state, board.exact(state), strict=True)), hidden, False, part)
            found.append(Earlier(entry.date, entry.score, entry.status, history.why(state, now)))
    return found[::-1]


def _place(score: Score, several: bool) -> str:
    return _named(score.dataset, score.task, several)


def _named(dataset: str, task: str, several: bool) -> str:
    return f"{dataset}, {task}" if several else task


def write_dynabench(folder: Path, contest: Contest, scores: list[Score]) -> list[Path]:
    """Write what ``POST /post_dataperf_response`` of Dynabench takes, a file a score of a submission with a model id.

    The endpoint (mlcommons/dynabench, ``evaluate_dataperf_decentralized``) reads one data set a request and one key,
    ``fraction_fixes``, whatever the board.
    """
    ids = {(part.board, part.model or ""): part.dynabench for part in contest.manifest.boards}
    written = []
    for score in scores:
        of_board = ids.get((score.board, score.model), {})
        if score.score is not None and score.submission in of_board:
            model = of_board[score.submission]
            place = "-".join(map(_safe, (score.board + score.model, score.dataset, score.task)))
            path = folder / f"{place}-{model}.json"
            results = {score.task: {"auc_score": {str(model): {"fraction_fixes": score.score}}}}
            response = {"response": {"model_id": model, "results": results}}
            write_text(path, json.dumps(response, indent=1) + "\n")
            written.append(path)
    return written


def _safe(name: str) -> str:
    return re.sub("[^A-Za-z0-9.]+", "_", name)
