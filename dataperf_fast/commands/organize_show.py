"""The actions ``show`` and ``diff`` of ``organize``: what is known of a participant, and what has changed."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from dataclasses import asdict
from datetime import datetime

from dataperf_fast.commands import arguments
from dataperf_fast.contest import history, planning, shown
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.rules import in_utc
from dataperf_fast.contest.run import How
from dataperf_fast.contest.store import Store
from dataperf_fast.report import looked_up
from dataperf_fast.report.progress import ContestBar
from dataperf_fast.report.terminal import OK, show_warning

_DATE = "2026-05-01, or with a time, 2026-05-01T12:00+02:00"


def add_show(command: argparse.ArgumentParser) -> None:
    """Whom, and how to print."""
    command.add_argument("team", metavar="TEAM", help="a participant: the name of a folder, zip or file")
    arguments.add_backend(command)
    arguments.add_format(command, "one board a line")


def show(contest: Contest, options: argparse.Namespace) -> int:
    """Show what is known of a participant."""
    with ContestBar() as bar:
        store = Store.before_making(contest.store, contest.store_named)
        try:
            plan = planning.read(contest, bar, options.backend)
            found, late = shown.show(contest, plan, store, options.team, How(options.backend), bar)
        finally:
            if store:
                store.close()
    for line in late:
        show_warning(line)
    for one in found:
        if options.format == "json":
            print(json.dumps(asdict(one)))
        else:
            looked_up.print_submission(asdict(one), sys.stdout)
    return OK


def add_diff(command: argparse.ArgumentParser) -> None:
    """From when on, and how to print."""
    command.add_argument(
        "--since", type=_time, required=True, metavar="DATE", help=f"{_DATE}; in UTC where it says no other"
    )  # fmt: skip
    arguments.add_format(command, "one change a line")


def diff(contest: Contest, options: argparse.Namespace) -> int:
    """Show what was new, changed, withdrawn or rescored since a date, as runs saw it."""
    with closing(Store(contest.store, contest.store_named)) as store:
        changes = [asdict(one) for one in history.since(contest.name, contest.season, options.since, store)]
    if options.format == "json":
        for change in changes:
            print(json.dumps(change))
    else:
        looked_up.print_changes(changes, sys.stdout)
    if not changes:
        print(f"{contest.name}: nothing has changed since {options.since}", file=sys.stderr)
    return OK


def _time(given: str) -> str:
    """A time as stores keep it."""
    try:
        return in_utc(datetime.fromisoformat(given)).isoformat(timespec="seconds")
    except ValueError:
        raise argparse.ArgumentTypeError(f"is {given!r}; expected {_DATE}") from None
