"""The commands ``submit``, ``status`` and ``board``: a participant's, of a contest that is served somewhere."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dataperf_fast.boards.options import some_path
from dataperf_fast.commands import arguments
from dataperf_fast.files.errors import InputError, install
from dataperf_fast.report.terminal import BAD_INPUT, FAILURE, OK, complain, harmless

if TYPE_CHECKING:
    from dataperf_fast.server.client import Client

EXAMPLE = "submit https://contest.example.org spring-2026 orders/*.txt --board debugging --method 'by hand'"
KEEPS = False


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    add_contest(command)
    command.add_argument(
        "files", type=some_path, nargs="+", metavar="FILE", help="official files, a folder of them, or a zip"
    )
    command.add_argument("--board", metavar="NAME", help="which board, as addresses have it [the contest's only one]")
    command.add_argument("--method", default="", metavar="TEXT", help="the method's name, which is public")
    command.add_argument("--description", default="", metavar="TEXT", help="what it does, likewise")
    command.add_argument("--link", default="", metavar="URL", help="where it can be read about, likewise")
    command.add_argument(
        "--algorithm", action="store_true", help="the files are an algorithm's (algorithm.yaml), which the server runs"
    )
    command.add_argument("--no-wait", action="store_true", help="end once it is taken: do not wait for the scores")
    arguments.add_format(command, "the submission as one object")


def add_contest(command: argparse.ArgumentParser, token: bool = True) -> None:
    """Where, and whether a token is needed."""
    command.add_argument("url", metavar="URL", help="the server's address, https://contest.example.org")
    command.add_argument("contest", metavar="CONTEST", help="the contest's name, as addresses have it: spring-2026")
    if token:
        command.epilog = f"{command.epilog}\n\nDATAPERF_FAST_TOKEN holds a token, which the page of your account makes."


def run(options: argparse.Namespace) -> int:
    """Hand in, and wait for the scores."""
    with connected(options) as client:
        board = options.board or _only_board(client)
        about = {"method": options.method, "description": options.description, "link": options.link}
        kind = "algorithm" if options.algorithm else "files"
        found, new = client.submit(board, options.files, about, kind)
        print(
            f"{'handed in' if new else 'handed in before'} as {found['submission']}: {found['page']}", file=sys.stderr
        )
        if not options.no_wait:
            found = client.wait(found["id"], _told())
    return print_one(found, options.format)


def _told() -> Callable[[dict[str, Any]], None]:
    said = ""

    def told(found: dict[str, Any]) -> None:
        nonlocal said
        line = found.get("line") or {}
        seconds = line.get("seconds")
        about = f", about {seconds:.0f} s" if seconds else ""
        now = f"waiting: {line.get('before', 0)} before it{about}"
        if now.split(",", maxsplit=1)[0] != said:
            print(now, file=sys.stderr, flush=True)
            said = now.split(",", maxsplit=1)[0]

    return told


def print_one(found: dict[str, Any], output: str) -> int:
    """Print a submission and what came of it; the exit status."""
    if output == "json":
        print(json.dumps(found))
    else:
        print(harmless(f"{found['submission']}: {found.get('state', 'waiting')}"))
        for score in found.get("scores", []):
            value = "" if score["score"] is None else f" {score['score']:.4f}"
            reason = f": {score['error']}" if score["error"] else ""
            print(harmless(f"  {score['set']}, {score['task'] or 'all tasks'}: {score['status']}{value}{reason}"))
    return {"invalid": BAD_INPUT, "failed": FAILURE}.get(found.get("state", ""), OK)


def _only_board(client: Client) -> str:
    names = [board["board"] for board in client.about()["boards"]]
    if len(names) > 1:
        raise InputError("--board", "is not given", expected=" or ".join(names))
    return str(names[0])


@contextmanager
def connected(options: argparse.Namespace) -> Iterator[Client]:
    """A client; what the server refuses is said in its lines."""
    try:
        from dataperf_fast.server.client import Client, RefusedError
    except ModuleNotFoundError as error:
        raise InputError(options.command, f"needs the package {error.name}", expected=install("server")) from error
    client = Client(options.url, options.contest)
    try:
        yield client
    except RefusedError as error:
        for line in error.lines[:-1]:
            complain(harmless(line))
        raise InputError(options.url, harmless(error.lines[-1])) from error
    finally:
        client.close()
