"""The command line: parses, calls, prints. Each command imports what it needs when it runs."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import dataperf_fast
from dataperf_fast import boards
from dataperf_fast.commands import arguments as taken
from dataperf_fast.commands import process
from dataperf_fast.engine import clock
from dataperf_fast.engine.without_pandas import start_without_pandas
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import has_place
from dataperf_fast.report.terminal import BAD_INPUT, FAILURE, INTERRUPTED, complain, line_of, show_warning

_LONG_TO_COMPILE = 2.0  # seconds: loading what is compiled already takes less
_COMMANDS = {
    "demo": "build a small suite from real images, score it, draw it",
    "evaluate": "score submissions",
    "verify": "compare backends on the same files, rung by rung",
    "profile": "say where an evaluation's time goes",
    "baselines": "write what the paper compares with",
    "synth": "write made-up tasks in the official format",
    "organize": "score a contest: every submission on every hidden task, kept in a store, stopped and resumed at will",
    "leaderboard": "write a contest's standings as pages that open without a network",
    "serve": "put a contest online: people hand in, scores come, boards change (docs/serve.md)",
    "submit": "hand in to a contest that is served, and wait for the scores",
    "status": "show what your team has handed in to a contest that is served, and what came of it",
    "board": "show who stands where in a contest that is served",
    "info": "show versions, backends and what is missing for what",
}
_EXAMPLES = """examples:
  dataperf-fast demo
  dataperf-fast evaluate debugging path/to/data
  dataperf-fast evaluate speech path/to/data --submissions teams/*
  dataperf-fast evaluate vision path/to/data --submissions teams/*
  dataperf-fast evaluate acquisition path/to/data --submissions teams/* --model knn
  dataperf-fast evaluate nibbler path/to/round
  dataperf-fast evaluate debugging path/to/data --submissions mine/ --out results/ --format json
  dataperf-fast organize run contest.yaml
  dataperf-fast leaderboard contest.yaml --out site/
"""
_STATUSES = (
    "exit status: 0 all is well, 1 a failure of ours or no room (verify: something differs), 2 usage or invalid input, "
    "128 + n\n  ended by signal n; docs/scoring.md has them by command"
)


def _summaries() -> dict[str, str]:
    """What each command does, ours first; a board of ours may have one, ``command.py`` in its room."""
    of_boards = {name: getattr(import_module(f"dataperf_fast.boards.{name}"), "COMMAND", "") for name in boards.NAMES}
    return _COMMANDS | {name: summary for name, summary in of_boards.items() if summary}


def _command(name: str) -> Any:
    """A command's module."""
    return import_module(f"dataperf_fast.{f'commands.{name}' if name in _COMMANDS else f'boards.{name}.command'}")


def parser(only: str | None = None, named: Sequence[str] = boards.NAMES) -> argparse.ArgumentParser:
    """What ``dataperf-fast`` takes; the name of the command is ``command``.

    ``only`` is the command whose arguments are wanted, and ``named`` are the boards whose own options are, which saves
    loading the others.
    """
    whole = argparse.ArgumentParser(
        prog="dataperf-fast",
        description="Score DataPerf submissions: fast, and with the reference's own results.",
        epilog=f"{_EXAMPLES}\n{_STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"dataperf-fast {dataperf_fast.__version__}")
    places = whole.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, summary in _summaries().items():
        command = places.add_parser(
            name, help=summary, description=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if only in (None, name):
            command.epilog = f"example:\n  dataperf-fast {_command(name).EXAMPLE}\n\n{_STATUSES}"
            command.add_argument("--debug", action="store_true", help="show the traceback of an error")
            _command(name).add(command, named)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 all scored, 1 a failure of ours, 2 usage or bad input.

    Without arguments, those that this process was started with; its streams and signals are then put in order, and it
    starts without pandas.
    """
    if arguments is None:
        start_without_pandas()
        return process.as_its_own(lambda: _run(sys.argv[1:]))
    return _run(list(arguments))


def _run(given: list[str]) -> int:
    warnings.showwarning = show_warning
    command, debug, private = None, "--debug" in given, False
    try:
        try:
            options = _parsed(given)
        finally:
            sys.stdout.flush()  # help is printed there, and ends this
        command, debug = _command(options.command), options.debug
        private = getattr(command, "PRIVATE", False) or taken.is_private(options)
        _require_places(options)
        before = clock.stood_still()
        status: int = command.run(options)
        sys.stdout.flush()
        compiling = clock.stood_still() - before
        if compiling > _LONG_TO_COMPILE and sys.stderr.isatty():
            print(f"compiling took {compiling:.1f} s, which no seconds count", file=sys.stderr)
        return status
    except KeyboardInterrupt as stopped:
        keeps = command is not None and getattr(command, "KEEPS", True)
        complain(f"stopped{'; finished retrains are kept, the same command goes on from there' if keeps else ''}")
        return getattr(stopped, "status", INTERRUPTED)
    except Exception as error:
        return _failed(error, debug, private)


def _failed(error: Exception, debug: bool, private: bool = False) -> int:
    """Say what ended a command, or with ``debug`` raise it; the exit status."""
    if debug:
        raise error
    bad_input = isinstance(error, InputError)
    no_room = isinstance(error, OSError) and error.filename is not None
    complain(line_of(error, private) + ("" if bad_input or no_room else " (--debug shows where)"))
    return BAD_INPUT if bad_input else FAILURE


def _parsed(given: Sequence[str]) -> argparse.Namespace:
    """What was given: with the named board's own options, and where that is not all with those of ours too."""
    only = next((word for word in given if not word.startswith("-")), "")
    named = [name for name in boards.names() if name in given]
    if named:
        options, others = parser(only, named).parse_known_args(given)
        if not others:
            return options
    return parser(only, list(dict.fromkeys([*boards.NAMES, *named]))).parse_args(given)


def _require_places(options: argparse.Namespace) -> None:
    """Refuse what cannot be made or written, before any work is done for it."""
    for name in ("out", "dynabench"):
        if (folder := getattr(options, name, None)) is not None:
            _require_place(folder)
    for file in filter(None, (getattr(options, name, None) for name in ("junit", "parquet", "backup"))):
        if file.is_dir():
            raise InputError(file, "is a folder", expected="a file, or a place for one")
        _require_place(file.parent)


def _require_place(out: Path) -> None:
    if not has_place(out):
        raise InputError(out, "cannot be written", expected="a folder, or a place for one")


if __name__ == "__main__":
    sys.exit(main())
