"""A board's own options: what the command line takes for it as ``--name``, and Python as ``name=``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataperf_fast.files.errors import shorten
from dataperf_fast.files.numbers import whole
from dataperf_fast.files.set_folders import OfSet


class OptionError(argparse.ArgumentTypeError, ValueError):
    """A text that an option does not take: what was given, and what was expected, in our words and not Python's."""

    def __init__(self, text: str, expected: str):
        super().__init__(f"is {shorten(text)}; expected {expected}")


@dataclass(frozen=True)
class Option:
    """A choice that one board has.

    Attributes:
        name: what it is called on the command line, without the dashes.
        help: a line about it; the default in brackets at its end.
        parse: makes a value of the text on the command line; an ``OptionError`` of it refuses the text and says what
            was expected, another ``ValueError`` leaves that to ``help``. Without it the option is a switch.
        metavar: what stands for the value in ``--help``.
        choices: the values there are; None for any that ``parse`` takes.
        sets: of a switch, the key that it sets, its own if nothing; switches that set the same exclude each other.
        value: of a switch, what it sets that to.
        have: what other boards, which refuse the option, have instead; where it is nothing they pass over it.

    Example:
        >>> from dataperf_fast.boards.options import Option, positive
        >>> Option("largest-set", "how many images a set may hold [200]", positive, "N").key
        'largest_set'
    """

    name: str
    help: str
    parse: Callable[[str], Any] | None = None
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    sets: str = ""
    value: Any = True
    have: str = ""

    @property
    def key(self) -> str:
        """The name of the value in ``Options.own``."""
        return self.sets or self.name.replace("-", "_")


def positive(text: str) -> int:
    """A whole number from 1."""
    return number_from(text, 1, "a whole number from 1")


def number_from(text: str, least: int, expected: str) -> int:
    """A whole number that is no less than the ``least``; ``expected`` says what else it may not be."""
    try:
        number = whole(text)
    except ValueError:
        raise OptionError(text, expected) from None
    if number < least:
        raise OptionError(text, expected)
    return number


def some_text(text: str) -> str:
    """A text that is not empty, as that of an unset variable is."""
    if not text:
        raise OptionError(text, "a path")
    return text


def some_path(text: str) -> Path:
    """A path; an empty one would be the working directory, which nobody has named."""
    return Path(some_text(text))


def sizes(*names: str) -> tuple[Option, ...]:
    """Options of made-up data that are numbers of something."""
    return tuple(Option(name, f"number of {name} [the scale's]", positive, "N") for name in names)


@dataclass(frozen=True)
class Options:
    """What a caller may choose of any board.

    Attributes:
        model: one of the board's ``models``; None for its own.
        own: the board's own options that were given, by key.
        whole: whether all is wanted that files and pictures show, not the scores alone.
        by_folder: whether each path is one submission and named so, as in a contest, whatever lies in it.
        tasks: the set of tasks whose files are wanted, where a contest has several (``files/set_folders.py``).
        variant: one of the board's ``reference_variants``.
        train: every board heeds it: without it all is read and checked as for a score, and what could have one becomes
            a pending record.

    Example:
        >>> from dataperf_fast.boards.options import Options
        >>> Options("knn", {"curve": True}).own.get("curve", False)
        True
    """

    model: str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = False
    by_folder: bool = False
    tasks: OfSet | None = None
    variant: str = ""
    train: bool = True
