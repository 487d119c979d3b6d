"""The command ``organize``: score a contest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path

from dataperf_fast.commands import arguments
from dataperf_fast.contest import databases, manifest, planning, problems, standings
from dataperf_fast.contest import run as running
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.problems import Fault
from dataperf_fast.contest.store import Score, Store, beside
from dataperf_fast.files.errors import InputError
from dataperf_fast.report import leaderboard as pages
from dataperf_fast.report import tables
from dataperf_fast.report.progress import ContestBar
from dataperf_fast.report.terminal import BAD_INPUT, FAILURE, OK, complain, show_warning

EXAMPLE = "organize run contest.yaml --cluster tcp://scheduler:8786"


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    command.add_argument(
        "action", choices=("run", "check", "export", "logs"), help="run: score what has no score yet; check: say what "
        "run will find wrong, training and running nothing; export: write every score of the store to a parquet file; "
        "logs: what algorithms printed",
    )  # fmt: skip
    command.add_argument("manifest", type=Path, metavar="MANIFEST", help="the contest's YAML file (docs/organize.md)")
    arguments.add_backend(command)
    arguments.add_jobs(command, "threads of a worker")
    command.add_argument(
        "--cluster", default="", metavar="ADDRESS", help="send batches to the Dask scheduler there, tcp://host:8786; "
        "its workers must see the same paths",
    )  # fmt: skip
    command.add_argument("--no-cache", action="store_true", help="neither read nor keep finished retrains and tables")
    arguments.add_format(command, "one standing a line")
    command.add_argument(
        "--parquet", type=Path, default=Path("scores.parquet"), metavar="FILE", help="export: where to [%(default)s]"
    )


def run(options: argparse.Namespace) -> int:
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


def _complain(found: Sequence[Fault], others: Sequence[str]) -> None:
    for line in [*sorted(others), *problems.lines(found)]:
        complain(line)


def _status(scores: Sequence[Score], more: bool) -> int:
    statuses = {score.status for score in scores} - {"ok", "pending"}
    return FAILURE if "failed" in statuses else BAD_INPUT if statuses or more else OK
