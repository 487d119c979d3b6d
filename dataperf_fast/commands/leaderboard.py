"""The command ``leaderboard``: write a contest's pages."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dataperf_fast
from dataperf_fast.boards.options import some_path
from dataperf_fast.contest import decisions, history, manifest, planning, seasons, silent, standings
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.run import How
from dataperf_fast.contest.store import Store
from dataperf_fast.contest.views import View
from dataperf_fast.engine.backend import NAMES as BACKENDS
from dataperf_fast.files.errors import InputError
from dataperf_fast.report import leaderboard as pages
from dataperf_fast.report.progress import ContestBar
from dataperf_fast.report.terminal import OK, show_warning

EXAMPLE = "leaderboard contest.yaml --out site/"


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    command.add_argument(
        "manifest", type=some_path, nargs="?", default=Path("contest.yaml"), metavar="MANIFEST", help="[%(default)s]"
    )
    command.add_argument("--out", type=some_path, required=True, metavar="DIR", help="folder for the pages")
    command.add_argument(
        "--season",
        metavar="NAME",
        help="one that is over, as its last run left it, of the store alone [the one on]",
    )
    command.add_argument(
        "--backend", default="auto", choices=BACKENDS, help="whose scores: the reference's, or ours [%(default)s: ours]"
    )
    command.add_argument(
        "--dynabench",
        type=some_path,
        metavar="DIR",
        help="also write what Dynabench's endpoint takes, a JSON file a score",
    )


def run(options: argparse.Namespace) -> int:
    """Write a contest's pages."""
    contest = manifest.read(options.manifest, there=options.season is None)
    for out in filter(None, (options.out, options.dynabench)):
        manifest.require_elsewhere(contest, out)
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, dataperf-fast {dataperf_fast.__version__}"
    with closing(Store(contest.store, contest.store_named)) as store, ContestBar() as bar:
        if options.season is None:
            plan, late = seasons.admitted(contest, planning.read(contest, bar, options.backend), store)
        else:
            (contest, plan), late = seasons.past(contest, store, options.season, options.backend), []
        scores = standings.current(plan, store)
        before = history.of_standing(contest.name, contest.season, plan, store)
        known = store.contests()
        lacking = standings.without_score(plan, store)
        there = plan if options.season is None else seasons.unchanged(plan)
        view = View(decisions.read(contest, store), strangers=True)
        nothing = silent.find(there, How(options.backend), bar)
    settings = standings.settings(contest, plan, scores, before, nothing, view)
    shown = pages.scores_in(settings)
    _compare(options.out, shown, "" if shown else _empty(contest, known, bool(scores)))
    for line in [*late, *lacking, *planning.strangers(contest, plan)]:
        show_warning(line)
    written = pages.write(options.out, contest.title, settings, made, view.decisions.frozen or "")
    if options.dynabench is not None:
        standing = [score for score in scores if history.place_of(score) not in view.decisions.rulings]
        written += standings.write_dynabench(options.dynabench, contest, standing)
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
