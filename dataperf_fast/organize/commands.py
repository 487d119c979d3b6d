"""The commands ``organize`` and ``leaderboard``."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime

import dataperf_fast
from dataperf_fast.organize import manifest, planning, standings
from dataperf_fast.organize import run as running
from dataperf_fast.organize.manifest import Contest
from dataperf_fast.organize.planning import Work
from dataperf_fast.report import leaderboard as pages
from dataperf_fast.report import tables
from dataperf_fast.report.progress import ContestBar
from dataperf_fast.report.terminal import BAD_INPUT, FAILURE, OK, complain, show_warning
from dataperf_fast.store import Store, Unit


def organize(options: argparse.Namespace) -> int:
    """Check, score or export a contest, or show what its algorithms printed."""
    contest = manifest.read(options.manifest)
    if options.action == "check":
        return _check_contest(contest)
    with closing(Store(contest.store)) as store:
        if options.action == "export":
            count = store.export(options.parquet)
            print(f"wrote {options.parquet}, {count} scores", file=sys.stderr)
            return OK
        if options.action == "logs":
            for ran in store.runs(contest.name):
                tables.print_log(asdict(ran), sys.stdout, options.format)
            return OK
        how = running.How(options.backend, options.jobs, not options.no_cache, options.cluster)
        with ContestBar() as bar:
            plan = planning.read(contest, bar, options.backend)
            new = running.run(contest, plan, store, how, bar)
        print(f"{new} were left to score, by submission and set of tasks", file=sys.stderr)
        return _report_contest(contest, plan, store, options.format)


def _check_contest(contest: Contest) -> int:
    with ContestBar() as bar:
        plan = planning.read(contest, bar)
    entrants = {(work.part.board, entrant.submission) for work in plan for entrant in work.entrants}
    lines = [f"{board}: {one.problem}" for board, one in entrants if one.problem]
    lines += planning.strangers(plan)
    for line in sorted(lines):
        complain(line)
    boards = len(contest.manifest.boards)
    counts = f"boards: {boards}, sets of tasks: {len(plan)}, submissions: {len(entrants)}"
    print(f"{contest.name}: {counts}, {len(lines) or 'nothing'} wrong", file=sys.stderr)
    return BAD_INPUT if lines else OK


def _report_contest(contest: Contest, plan: list[Work], store: Store, output: str) -> int:
    scores = standings.current(plan, store)
    tables.print_standings(standings.settings(contest, plan, scores), sys.stdout, output)
    for line in planning.strangers(plan):
        show_warning(line)
    bad = [score for score in scores if score.status not in ("ok", "pending")]
    lines: dict[Unit, list[str]] = {}
    for score in bad:
        lines.setdefault(score.unit, []).append(f"{score.board}, {score.dataset}: {score.error}")
    for of_unit in lines.values():  # one line a submission, whatever is wrong with it
        more = len(set(of_unit)) - 1
        complain(of_unit[0] + (f" (and {more} more)" if more else ""))
    statuses = {score.status for score in bad}
    return FAILURE if "failed" in statuses else BAD_INPUT if statuses else OK


def leaderboard(options: argparse.Namespace) -> int:
    """Write a contest's pages."""
    contest = manifest.read(options.manifest)
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, dataperf-fast {dataperf_fast.__version__}"
    with ContestBar() as bar:
        plan = planning.read(contest, bar, options.backend)
    with closing(Store(contest.store)) as store:
        scores = standings.current(plan, store)
        otherwise = standings.made_otherwise(plan, store)
    for line in otherwise:
        show_warning(line)
    written = pages.write(options.out, contest.name, standings.settings(contest, plan, scores), made)
    if options.dynabench is not None:
        written += standings.write_dynabench(options.dynabench, contest, scores)
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    return OK
