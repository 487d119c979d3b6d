"""The actions of ``organize`` on what the store holds: ``export`` and ``logs``."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from dataperf_fast.commands import arguments
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.store import Store
from dataperf_fast.report import tables
from dataperf_fast.report.terminal import OK


def add_export(command: argparse.ArgumentParser) -> None:
    """Where to."""
    command.add_argument(
        "--parquet", type=Path, default=Path("scores.parquet"), metavar="FILE", help="the file to write [%(default)s]"
    )


def export(contest: Contest, options: argparse.Namespace) -> int:
    """Write scores to a parquet file."""
    with closing(Store(contest.store, contest.store_named)) as store:
        count = store.export(options.parquet)
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
