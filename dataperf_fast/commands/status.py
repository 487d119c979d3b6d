"""The command ``status``: what a team has handed in to a contest that is served, and what came of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from dataperf_fast.commands import arguments, submit
from dataperf_fast.report.terminal import OK, harmless

EXAMPLE = "status https://contest.example.org spring-2026"
KEEPS = False


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    submit.add_contest(command)
    command.add_argument("number", type=int, nargs="?", metavar="ID", help="one of them, as `submit` gave it [all]")
    arguments.add_format(command, "one submission a line")


def run(options: argparse.Namespace) -> int:
    """Print them."""
    with submit.connected(options) as client:
        if options.number is not None:
            return submit.print_one(client.submission(options.number), options.format)
        found = client.submissions()
    for one in found:
        if options.format == "json":
            print(json.dumps(one))
        else:
            state = "scored" if one["settled"] else "waiting"
            line = f"{one['id']}: {one['submission']}, {one['board']}, {one['received']}: {state} {one['method']}"
            print(harmless(line.rstrip()))
    return OK
