"""A board's own options: what the command line takes for it as ``--name``, and Python as ``name=``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Option:
    """A choice that one board has.

    ``parse`` makes a value of the text on the command line; without it the option is a switch, which gives ``value`` to
    ``sets``: switches that set the same exclude each other. Other boards refuse it with what they ``have`` instead, or
    pass over it where that is nothing.
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
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def sizes(*names: str) -> tuple[Option, ...]:
    """Options of made-up data that are numbers of something."""
    return tuple(Option(name, f"number of {name} [the scale's]", positive, "N") for name in names)


@dataclass(frozen=True)
class Options:
    """What a caller may choose of any board: one of its ``models``, and its ``own`` options by name.

    ``whole`` asks for all that files and pictures show, not the scores alone. ``by_folder`` names submissions after
    their folders on boards that else name them after their files. ``variant`` is one of ``reference_variants``. Every
    board heeds ``train``: without it all is read and checked as for a score, and what could have one becomes a pending
    record.
    """

    model: str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = False
    by_folder: bool = False
    variant: str = ""
    train: bool = True
