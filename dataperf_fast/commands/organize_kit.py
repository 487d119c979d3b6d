"""The action ``organize kit``: write the folder that participants get."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dataperf_fast.boards.options import some_path
from dataperf_fast.contest import clashes, kit, manifest
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.report.terminal import OK, show_warning


def add(command: argparse.ArgumentParser) -> None:
    """Where to, and what may be in it."""
    command.add_argument("--out", type=some_path, default=Path("kit"), metavar="DIR", help="a new folder [%(default)s]")
    command.add_argument(
        "--reveal", nargs="+", default=[], metavar="SET", help="hidden sets of tasks whose inputs participants get"
    )


def write(contest: Contest, options: argparse.Namespace) -> int:
    """Write it, a folder a board."""
    manifest.require_elsewhere(contest, options.out)
    for folder in kit.write(contest, options.out, options.reveal):
        print(f"wrote {folder}, searched for what is secret: none", file=sys.stderr)
    for line in clashes.lines(contest):
        show_warning(line)
    return OK
