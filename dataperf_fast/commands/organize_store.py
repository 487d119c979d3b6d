"""The actions of ``organize`` on what the store holds: export, logs, freeze, backup and restore."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from dataperf_fast.boards.options import some_path
from dataperf_fast.commands import arguments
from dataperf_fast.contest import backup as copying
from dataperf_fast.contest import export as exporting
from dataperf_fast.contest import manifest, planning, seasons
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.store import Store
from dataperf_fast.report import tables
from dataperf_fast.report.progress import ContestBar
from dataperf_fast.report.terminal import OK, show_warning


def add_export(command: argparse.ArgumentParser) -> None:
    """Where to, and what."""
    command.add_argument(
        "--parquet",
        type=some_path,
        default=Path("scores.parquet"),
        metavar="FILE",
        help="the file to write [%(default)s]",
    )
    command.add_argument("--all", action="store_true", help="every contest of the store [the manifest's]")
    arguments.add_backend(command)


def export(contest: Contest, options: argparse.Namespace) -> int:
    """Write scores to a parquet file."""
    manifest.require_elsewhere(contest, options.parquet)
    with closing(Store(contest.store, contest.store_named)) as store:
        names = store.contests() if options.all else [contest.name]
        current = set().union(*(seasons.last_units(contest, name, store, options.backend) for name in names))
        count = exporting.write(options.parquet, store, None if options.all else contest.name, current)
    if not current:
        show_warning(f"{contest.store_named}: knows of no run which scores are current; `organize run` keeps it")
    print(f"wrote {options.parquet}, {count} scores", file=sys.stderr)
    return OK


def add_logs(command: argparse.ArgumentParser) -> None:
    """How to print."""
    arguments.add_format(command, "one run of an algorithm a line")


def logs(contest: Contest, options: argparse.Namespace) -> int:
    """Show what algorithms printed."""
    with closing(Store(contest.store, contest.store_named)) as store:
        runs = store.runs(contest.name)
    for ran in runs:
        tables.print_log(asdict(ran), sys.stdout, options.format)
    if not runs:
        print(f"{contest.name}: no algorithm has run", file=sys.stderr)
    return OK


def add_freeze(command: argparse.ArgumentParser) -> None:
    """Whether to, or to take it back."""
    command.add_argument("--lift", action="store_true", help="take what is handed in again")
    arguments.add_backend(command)


def freeze(contest: Contest, options: argparse.Namespace) -> int:
    """Take nothing more into the season that is on, or take again what is handed in."""
    with closing(Store(contest.store, contest.store_named, make=True)) as store, ContestBar() as bar:
        if options.lift:
            seasons.thaw(contest, store, arguments.who())
            print(f"{contest.title}: takes what is handed in again", file=sys.stderr)
            return OK
        season = seasons.freeze(
            contest, planning.read(contest, bar, options.backend), store, options.backend, arguments.who()
        )
    print(f"{contest.title}: frozen since {season.frozen}", file=sys.stderr)
    return OK


def add_backup(command: argparse.ArgumentParser) -> None:
    """Where to."""
    command.add_argument("backup", type=some_path, metavar="FILE", help="the file to write")


def backup(contest: Contest, options: argparse.Namespace) -> int:
    """Copy the store to a file."""
    manifest.require_elsewhere(contest, options.backup)
    count = copying.write(contest.store, contest.store_named, options.backup)
    print(f"wrote {options.backup}, {count} scores, checked", file=sys.stderr)
    return OK


def add_restore(command: argparse.ArgumentParser) -> None:
    """What from."""
    command.add_argument("restored", type=some_path, metavar="FILE", help="what `organize backup` has written")


def restore(contest: Contest, options: argparse.Namespace) -> int:
    """Put a backup in the store's place."""
    count, kept = copying.restore(contest.store, contest.store_named, options.restored)
    print(f"restored {count} scores from {options.restored}", file=sys.stderr)
    if kept:
        print(f"the store that was there is {kept}", file=sys.stderr)
    return OK
