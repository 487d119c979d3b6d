"""Whoever watches makes the calls of marked functions, in every thread, for as long as they watch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from dataperf_fast.kernels.watched import watch, watched


@watched("sums")
def add(one, other=1):
    """Add."""
    return one + other


def test_calls_are_the_watchers_and_then_nobodys():
    seen = []

    def watcher(title, function, given, named):
        seen.append((title, given, named))
        return -function(*given, **named)

    assert (add(1), add.__name__, add.__doc__) == (2, "add", "Add.")
    with watch(watcher), ThreadPoolExecutor(1) as other:
        assert add(1) == -2
        assert other.submit(add, 1, other=3).result() == -4
    assert add(1) == 2
    assert seen == [("sums", (1,), {}), ("sums", (1,), {"other": 3})]


def test_it_ends_with_an_error_too():
    def refuse(*_):
        raise KeyError

    with pytest.raises(KeyError), watch(refuse):
        add(1)
    assert add(1) == 2
