"""The commands ``organize`` and ``leaderboard``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import dataperf_fast
from dataperf_fast.contest import databases, manifest, planning, problems, standings
from dataperf_fast.contest import run as running
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.problems import Problem
from dataperf_fast.contest.store import Score, Store, beside
from dataperf_fast.files.errors import InputError
from dataperf_fast.report import leaderboard as pages
from dataperf_fast.report import tables
from dataperf_fast.report.progress import ContestBar
from dataperf_fast.report.terminal import BAD_INPUT, FAILURE, OK, complain, show_warning


def organize(options: argparse.Namespace) -> int:
    """Check, score or export a contest, or show what its algorithms printed."""
    action = {"check": _check, "run": _run, "export": _export, "logs": _logs}[options.action]
    return action(manifest.read(options.manifest), options)


def _export(contest: Contest, options: argparse.Namespace) -> int:
    with closing(Store(contest.store, contest.store_named)) as store:
        count = store.export(options.parquet)
    print(f"wrote {options.parquet}, {count} scores", file=sys.stderr)
    return OK


def _logs(contest: Contest, options: argparse.Namespace) -> int:
    with closing(Store(contest.store, contest.store_named)) as store:
        runs = store.runs(contest.name)
    for ran in runs:
        tables.print_log(asdict(ran), sys.stdout, options.format)
    if not runs:
        print(f"{contest.name}: no algorithm has run", file=sys.stderr)
    return OK


def _check(contest: Contest, options: argparse.Namespace) -> int:
    others: list[str] = []
    store = None
    try:
        store = Store.before_making(contest.store, contest.store_named)
    except InputError as error:
        others.append(error.line)
    how = _how(options)
    with ContestBar() as bar, closing(store) if store else nullcontext():
        plan = planning.read(contest, bar, options.backend)
        of_data = list(problems.of_data(plan, how, bar))
        scores = running.check(contest, plan, store, how, bar)
    of_scores = problems.of_scores(scores)
    others += planning.strangers(contest, plan)
    _complain(of_scores + of_data, others)
    entrants = {(work.part.board, entrant.submission.name) for work in plan for entrant in work.entrants}
    wrong = len({(one.board, one.submission) for one in of_scores})
    counts = f"boards: {len(contest.manifest.boards)}, sets of tasks: {len(plan)}, submissions: {len(entrants)}"
    elsewhere = len(others) + len(problems.lines(of_data))
    verdict = f"{wrong or 'none'} wrong" + (f"; manifest and data: {elsewhere} wrong" if elsewhere else "")
    print(f"{contest.name}: {counts}, {verdict if wrong or elsewhere else 'nothing wrong'}", file=sys.stderr)
    return _status(scores, bool(elsewhere))


def _run(contest: Contest, options: argparse.Namespace) -> int:
    if store := Store.before_making(contest.store, contest.store_named):  # or say why not, before all that is read
        store.close()
    with ContestBar() as bar:
        plan = planning.read(contest, bar, options.backend)
        with closing(Store(contest.store, contest.store_named, make=True)) as store:
            if store.made:
                _say_made(contest)
            new = running.run(contest, plan, store, _how(options), bar)
            scores = standings.current(plan, store)
    print(f"{new} were left to score, by submission and set of tasks", file=sys.stderr)
    tables.print_standings(standings.settings(contest, plan, scores), sys.stdout, options.format)
    strangers = planning.strangers(contest, plan)
    _complain(problems.of_scores(scores), strangers)
    return _status(scores, bool(strangers))


def _how(options: argparse.Namespace) -> running.How:
    return running.How(options.backend, options.jobs, not options.no_cache, options.cluster)


def _say_made(contest: Contest) -> None:
    """A new store may be one too many: the key mistyped, or the old one moved."""
    print(f"made a new store: {databases.shown(contest.store)}", file=sys.stderr)
    if others := beside(contest.store):
        show_warning(f"{contest.store_named}: is new; beside it lies {' and '.join(others)}")
    folder = contest.path.parent
    for index in sorted(folder.glob("*/index.html")):
        name, count = pages.lying_in(index.parent)
        if name == contest.name and count:
            show_warning(
                f"{contest.store_named}: is new; the pages in {index.parent} show {count} scores of an old one"
            )


def _complain(found: Sequence[Problem], others: Sequence[str]) -> None:
    for line in [*sorted(others), *problems.lines(found)]:
        complain(line)


def _status(scores: Sequence[Score], more: bool) -> int:
    statuses = {score.status for score in scores} - {"ok", "pending"}
    return FAILURE if "failed" in statuses else BAD_INPUT if statuses or more else OK


def leaderboard(options: argparse.Namespace) -> int:
    """Write a contest's pages."""
    contest = manifest.read(options.manifest)
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, dataperf-fast {dataperf_fast.__version__}"
    with closing(Store(contest.store, contest.store_named)) as store, ContestBar() as bar:
        plan = planning.read(contest, bar, options.backend)
        scores = standings.current(plan, store)
        known = store.contests()
        lacking = standings.without_score(plan, store)
    settings = standings.settings(contest, plan, scores)
    shown = pages.scores_in(settings)
    _compare(options.out, shown, "" if shown else _empty(contest, known, bool(scores)))
    for line in [*lacking, *planning.strangers(contest, plan)]:
        show_warning(line)
    written = pages.write(options.out, contest.name, settings, made)
    if options.dynabench is not None:
        written += standings.write_dynabench(options.dynabench, contest, scores)
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    return OK


def _empty(contest: Contest, known: Sequence[str], of_some: bool) -> str:
    """Why a store has nothing to show; it may have something ``of_some`` tasks of the files as they are."""
    problem, expected = f"holds no score of {contest.name!r}", " or ".join(map(repr, known))
    if of_some:
        problem, expected = "holds no submission's scores on all tasks that count", "one that is valid on each of them"
    elif contest.name in known:
        problem = "holds no score of the files as they are now"
        expected = "`organize run` after data, submissions or versions have changed"
    return InputError(contest.store_named, problem, expected=expected).line


def _compare(out: Path, count: int, empty: str) -> None:
    """Say what new pages lose of those that lie there; an ``empty`` board, with why, replaces none that show scores."""
    _, before = pages.lying_in(out)
    if empty and before != 0:
        expected = "another --out, or no pages there, for an empty board"
        shows = "holds pages of an earlier version" if before is None else f"shows {before} scores"
        raise InputError(out, f"{shows} and stays as it is ({empty})", expected=expected)
    if empty:
        show_warning(f"{empty}; the board is empty")
    elif count < (before or 0):
        show_warning(f"{out}: showed {before} scores, and now {count}")
