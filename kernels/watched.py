"""A hook on kernels that Python calls, for who times them; while nobody does, it costs the call of a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")
# Takes a title, the function, and what it is called with, positions and names; calls it and returns what it found.
Watcher = Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]

_watcher: Watcher | None = None


def watched(title: str) -> Callable[[Callable[_Given, _Found]], Callable[_Given, _Found]]:
    """Mark a function, under a title of its own. Compiled code cannot call what is marked."""

    def mark(function: Callable[_Given, _Found]) -> Callable[_Given, _Found]:
        @wraps(function, updated=())  # what else a compiled function has stays its own
        def call(*given: _Given.args, **named: _Given.kwargs) -> _Found:
            watcher = _watcher
            if watcher is None:
                return function(*given, **named)
            found: _Found = watcher(title, function, given, named)
            return found

        return call

    return mark


@contextmanager
def watch(watcher: Watcher) -> Iterator[None]:
    """While open, ``watcher`` makes the calls of all marked functions, in whatever threads they come."""
    global _watcher  # noqa: PLW0603
    _watcher = watcher
    try:
        yield
    finally:
        _watcher = None
