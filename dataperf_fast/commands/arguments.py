"""What several commands take, and the options that boards have of their own."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dataperf_fast import boards
from dataperf_fast.boards.options import OptionError, number_from, positive, some_path
from dataperf_fast.engine.backend import NAMES as BACKENDS
from dataperf_fast.files.errors import InputError

if TYPE_CHECKING:
    from dataperf_fast.boards.board import Benchmark
    from dataperf_fast.boards.options import Option

_OWN = "own "  # before the names of boards' options, which could be those of arguments
_Options = Callable[["Benchmark"], Sequence["Option"]]


def add_benchmark(command: argparse.ArgumentParser) -> None:
    """The board."""
    names = boards.names()
    command.add_argument("benchmark", choices=names, metavar="BENCHMARK", help=", ".join(names))


def add_data(command: argparse.ArgumentParser) -> None:
    """The board's data."""
    command.add_argument("data", type=some_path, metavar="DATA", help="the official folder, or its set-up file")


def add_submissions(command: argparse.ArgumentParser) -> None:
    """What is handed in."""
    command.add_argument(
        "--submissions", type=some_path, nargs="+", metavar="PATH", help="files or folders [those that come with DATA]"
    )


def add_backend(command: argparse.ArgumentParser) -> None:
    """Where to train."""
    command.add_argument("--backend", default="auto", choices=BACKENDS)


def add_jobs(command: argparse.ArgumentParser, what: str = "threads") -> None:
    """How many threads."""
    command.add_argument("--jobs", type=positive, metavar="N", help=f"{what} [one a core]")


def add_format(command: argparse.ArgumentParser, meaning: str) -> None:
    """How to print."""
    command.add_argument("--format", choices=("table", "json"), default="table", help=f"json: {meaning}")


def add_own(command: argparse.ArgumentParser, named: Sequence[str], of: _Options) -> None:
    """Options that the named boards have of their own."""
    given: dict[str, list[tuple[str, Option]]] = {}
    for name in named:
        for option in of(boards.load(name)):
            given.setdefault(option.name, []).append((name, option))
    groups: dict[str, Any] = {}
    for whose in given.values():
        option = whose[0][1]
        place: Any = command
        if option.parse is None:  # switches of one value exclude each other
            if option.key not in groups:
                groups[option.key] = command.add_mutually_exclusive_group()
            place = groups[option.key]
        _add(place, option, f"{', '.join(board for board, _ in whose)}: {option.help}")


def _add(place: Any, option: Option, text: str) -> None:
    flag, dest = f"--{option.name}", _OWN + option.key
    if option.parse is None:
        place.add_argument(flag, dest=dest, action="store_const", const=option.value, help=text)
    else:
        place.add_argument(
            flag, dest=dest, type=_worded(option.parse, option.help), choices=option.choices, metavar=option.metavar,
            help=text,
        )  # fmt: skip


def _worded(parse: Callable[[str], Any], meaning: str) -> Callable[[str], Any]:
    """What an option parses; where it refuses a text as Python does, ``meaning`` says what was expected."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except OptionError:
            raise
        except ValueError as error:
            raise OptionError(text, meaning) from error

    return parsed


def own_of(options: argparse.Namespace) -> dict[str, Any]:
    """What was given of boards' own options, by key."""
    named = {name.removeprefix(_OWN): value for name, value in vars(options).items() if name.startswith(_OWN)}
    return {key: value for key, value in named.items() if value is not None}


def require_model(options: argparse.Namespace) -> None:
    """Refuse a model of a board that has its own alone."""
    board = boards.load(options.benchmark)
    if options.model not in (None, *board.models) and len(board.models) < 2:
        raise meaningless("--model", board.name, "the board's own model")


def choices_of_model(named: Sequence[str]) -> str:
    """What --model takes, board by board."""
    names = {name: boards.load(name).short_models for name in named}
    said = [f"{name}: {', '.join(models[:-1])} or {models[-1]}" for name, models in names.items() if models[1:]]
    return f"{'; '.join(said)} [the first]" if said else "the board has its own"


def meaningless(option: str, board: str, expected: str) -> InputError:
    """That a board does not have an option."""
    return InputError(option, f"has no meaning for {board}", expected=expected)


def seed(text: str) -> int:
    """What NumPy's generators take."""
    expected = f"a whole number from 0 to {2**32 - 1}"
    if (number := number_from(text, 0, expected)) >= 2**32:
        raise OptionError(text, expected)
    return number


def own_of_board(options: argparse.Namespace, of: _Options) -> Mapping[str, Any]:
    """What was given of the board's own options; those of others are refused, or passed over where a board has them."""
    board, own = boards.load(options.benchmark), own_of(options)
    keys = {option.key for option in of(board)}
    others = own.keys() - keys
    for option in (option for name in boards.NAMES if others for option in of(boards.load(name))):
        if option.have and option.key in others:
            raise meaningless(f"--{option.name}", board.name, option.have)
    return {key: value for key, value in own.items() if key in keys}


def is_private(options: argparse.Namespace) -> bool:
    """Whether an error of ours may quote what nobody is to see."""
    board = getattr(options, "benchmark", "")
    return board in boards.NAMES and boards.load(board).private


def who() -> str:
    """Who types, as the log of a contest's acts has it."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # a user without a name
        return "command line"
