"""The actions ``run`` and ``check`` of ``organize``: score a contest, or say what a run will find wrong."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext

from dataperf_fast.commands import arguments
from dataperf_fast.contest import clashes, databases, decisions, planning, problems, seasons, silent, standings, twins
from dataperf_fast.contest import run as running
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.planning import PlannedSet
from dataperf_fast.contest.problems import Fault
from dataperf_fast.contest.store import Score, Store, beside
from dataperf_fast.contest.views import View
from dataperf_fast.files.errors import InputError
from dataperf_fast.report import leaderboard as pages
from dataperf_fast.report import tables
from dataperf_fast.report.progress import ContestBar
from dataperf_fast.report.terminal import BAD_INPUT, FAILURE, OK, complain, show_warning

_SAID = ("boards", "sets of tasks", "submissions")  # of a check's counts, in words
_COUNTED = ("boards", "sets", "submissions", "wrong_submissions", "wrong_elsewhere")


def add(command: argparse.ArgumentParser) -> None:
    """How to score."""
    _add(command, "one standing a line")


def add_check(command: argparse.ArgumentParser) -> None:
    """How a run would score; a check goes the same way."""
    _add(command, "one fault a line, and their counts")


def _add(command: argparse.ArgumentParser, json_means: str) -> None:
    arguments.add_backend(command)
    arguments.add_jobs(command, "threads of a worker")
    command.add_argument(
        "--cluster", default="", metavar="ADDRESS", help="send batches to the Dask scheduler there, tcp://host:8786; "
        "its workers must see the same paths",
    )  # fmt: skip
    command.add_argument("--no-cache", action="store_true", help="neither read nor keep finished retrains and tables")
    arguments.add_format(command, json_means)
    command.add_argument(
        "--strict", action="store_true", help="exit with 2 where a submission is invalid [it costs itself alone: 0]"
    )


def check(contest: Contest, options: argparse.Namespace) -> int:
    """Say what a run would find wrong."""
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
        plan, late = seasons.admitted(contest, plan, store)
        scores = running.check(contest, plan, store, how, bar)
        nothing = silent.find(plan, how, bar)
    of_scores = problems.of_scores(scores)
    _warn([*_doubts(contest, plan), *late, *silent.lines(nothing)])
    _complain(of_scores + of_data, others)
    entrants = {(work.part.board, entrant.submission.name) for work in plan for entrant in work.entrants}
    wrong = len({(one.board, one.submission) for one in of_scores})
    elsewhere = len(others) + len(problems.lines(of_data))
    numbers = len(contest.manifest.boards), len(plan), len(entrants), wrong, elsewhere
    if options.format == "json":
        _print_faults([*(Fault("", "", "", "", "invalid", line) for line in sorted(others)), *of_data, *of_scores])
        print(json.dumps({"kind": "counts", "contest": contest.name, **dict(zip(_COUNTED, numbers, strict=True))}))
    counts = ", ".join(f"{name}: {number}" for name, number in zip(_SAID, numbers, strict=False))
    verdict = f"{wrong or 'none'} wrong" + (f"; manifest and data: {elsewhere} wrong" if elsewhere else "")
    print(f"{contest.name}: {counts}, {verdict if wrong or elsewhere else 'nothing wrong'}", file=sys.stderr)
    return _status(scores, bool(elsewhere) or problems.lie_in_data(plan, scores), options.strict)


def run(contest: Contest, options: argparse.Namespace) -> int:
    """Score what has no score yet, and print the standings."""
    if store := Store.before_making(contest.store, contest.store_named):  # or say why not, before all that is read
        store.close()
    with ContestBar() as bar:
        plan = planning.read(contest, bar, options.backend)
        with closing(Store(contest.store, contest.store_named, make=True)) as store:
            if store.made:
                _say_made(contest)
            seasons.enter(contest, plan, store, options.backend)
            plan, late = seasons.admitted(contest, plan, store)
            new = running.run(contest, plan, store, _how(options), bar)
            scores = standings.current(plan, store)
            view = View(decisions.read(contest, store))
    print(f"{new} were left to score, by submission and set of tasks", file=sys.stderr)
    tables.print_standings(standings.settings(contest, plan, scores, view=view), sys.stdout, options.format)
    _warn([*_doubts(contest, plan), *late])
    _complain(problems.of_scores(scores), [])
    return _status(scores, problems.lie_in_data(plan, scores), options.strict)


def _print_faults(found: Sequence[Fault]) -> None:
    """A line of JSON each; what has no name is null, of what is wrong with more than a task, a submission or a set."""
    for one in found:
        named = {"board": one.board, "set": one.tasks, "submission": one.submission, "task": one.task}
        shown = {name: value or None for name, value in named.items()}
        print(json.dumps({"kind": "fault", **shown, "status": one.status, "line": one.line}))


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
        if name == contest.title and count:
            show_warning(
                f"{contest.store_named}: is new; the pages in {index.parent} show {count} scores of an old one"
            )


def _doubts(contest: Contest, plan: list[PlannedSet]) -> list[str]:
    """What an organizer may want to look at, whatever is scored."""
    return [*clashes.lines(contest), *twins.lines(plan), *planning.strangers(contest, plan)]


def _warn(lines: Sequence[str]) -> None:
    for line in lines:
        show_warning(line)


def _complain(found: Sequence[Fault], others: Sequence[str]) -> None:
    for line in [*sorted(others), *problems.lines(found)]:
        complain(line)


def _status(scores: Sequence[Score], elsewhere: bool, strict: bool) -> int:
    """That of a run whose scores these are; ``elsewhere``: something is wrong in the manifest or the data.

    Who reads it is cron: an invalid submission is the participant's to mend, and no broken run.
    """
    statuses = {score.status for score in scores} - {"ok", "pending"}
    if "failed" in statuses:
        return FAILURE
    return BAD_INPUT if elsewhere or (strict and statuses) else OK
