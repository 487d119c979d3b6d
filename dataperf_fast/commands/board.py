"""The command ``board``: who stands where in a contest that is served."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from dataperf_fast.commands import arguments, submit
from dataperf_fast.report.terminal import OK, harmless

EXAMPLE = "board https://contest.example.org spring-2026 debugging"
KEEPS = False


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    submit.add_contest(command, token=False)
    command.add_argument("page", nargs="?", metavar="BOARD", help="a board, as its page's address has it [all]")
    arguments.add_format(command, "one entry a line")


def run(options: argparse.Namespace) -> int:
    """Print the entries."""
    with submit.connected(options) as client:
        pages = [options.page] if options.page else client.about()["pages"]
        boards = {page: client.board(page) for page in pages}
    for page, entries in boards.items():
        for entry in entries:
            if options.format == "json":
                print(json.dumps({"board": page, **entry}))
            else:
                value = "" if entry["score"] is None else f"{entry['score']:.4f}"
                rank = "" if entry["rank"] is None else entry["rank"]
                kind = "" if entry["kind"] == "submission" else f"  ({entry['kind']})"
                state = "" if entry["status"] == "ok" else f"  {entry['status']}"
                print(harmless(f"{page}  {rank:>4}  {value:>7}  {entry['submission']}{kind}{state}"))
    return OK
