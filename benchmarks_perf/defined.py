"""The reference timed where it runs as it is defined: one fit at a time in one process of one thread.

That process's own clock counts, so that what it takes to hand the data over is nobody's.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from benchmarks_perf.timing import Seconds
from dataperf_fast.engine.processes import Processes, open_processes

REFERENCE = "1 process of 1 thread"


def timed(module: str, function: str, calls: Sequence[tuple[Any, ...]], *shared: Any) -> tuple[list[Any], Seconds]:
    """A module's function called with each tuple of arguments, and ``shared`` after it: the answers, and the time."""
    [found] = open_processes(__name__, 1).each("run", [(module, function, calls)], shared)
    answers, seconds = found
    return answers, Seconds(seconds)


def reference(board: str, function: str, calls: Sequence[tuple[Any, ...]], *shared: Any) -> tuple[list[Any], Seconds]:
    """The same with a function of a board's reference."""
    return timed(f"dataperf_fast.boards.{board}.reference", function, calls, *shared)


def processes(board: str, count: int) -> Processes:
    """Processes for a board's reference, one thread each."""
    return open_processes(f"dataperf_fast.boards.{board}.reference", count)


def run(module: str, function: str, calls: Sequence[tuple[Any, ...]], *shared: Any) -> tuple[list[Any], float]:
    """What ``timed`` has its process do."""
    called = getattr(import_module(module), function)
    started = time.perf_counter()
    return [called(*call, *shared) for call in calls], time.perf_counter() - started
