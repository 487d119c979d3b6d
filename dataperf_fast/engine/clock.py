"""A clock of the work: it stands still while Numba is loaded, compiles a kernel, or loads its compiled code.

That waiting belongs to a machine's first run and a process's first call, not to the task or submission that comes
first. So whoever says how long something took, or at what pace it goes, asks this clock. Of threads that work beside
one that compiles it sees nothing meanwhile: mostly they wait for the same kernel.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


class Clock:
    """Seconds, less those for which somebody stopped it. Any thread may, within another's stop or beside it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops = 0  # that have not ended
        self._since = 0  # when the first of them began, nanoseconds
        self._stood = 0  # nanoseconds before that

    def now(self) -> float:
        """Seconds since some moment; never fewer than before."""
        with self._lock:
            reached = self._since if self._stops else time.perf_counter_ns()
            return (reached - self._stood) / 1e9

    def stood_still(self) -> float:
        """The seconds for which it was stopped so far."""
        with self._lock:
            running = time.perf_counter_ns() - self._since if self._stops else 0
            return (self._stood + running) / 1e9

    def is_stopped(self) -> bool:
        """Whether it stands still now."""
        return self._stops > 0

    def stop(self) -> None:
        """Stand still until ``go_on``."""
        with self._lock:
            if not self._stops:
                self._since = time.perf_counter_ns()
            self._stops += 1

    def go_on(self) -> None:
        """End a stop."""
        with self._lock:
            self._stops -= 1
            if not self._stops:
                self._stood += time.perf_counter_ns() - self._since

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stand still within."""
        self.stop()
        try:
            yield
        finally:
            self.go_on()


_work = Clock()
now, stood_still, is_stopped = _work.now, _work.stood_still, _work.is_stopped


@cache
def watch_compiler() -> None:
    """Load Numba, and stand still for its compiler from now on; to be called before kernels that are timed.

    Numba takes one lock to compile a kernel or load its compiled code, on CUDA too, and tells when it asks for it and
    when it lets it go.
    """
    with _work.stopped():
        event: Any = importlib.import_module("numba.core.event")

        class Compiler(event.Listener):  # type: ignore[misc]
            """Stops the clock for each thread that has the lock or waits for it; a thread takes it again within."""

            def __init__(self) -> None:
                self._thread = threading.local()

            def on_start(self, _: Any) -> None:
                depth = getattr(self._thread, "depth", 0)
                self._thread.depth = depth + 1
                if not depth:
                    _work.stop()

            def on_end(self, _: Any) -> None:
                depth = getattr(self._thread, "depth", 0)
                if not depth:  # it had the lock before anybody watched
                    return
                self._thread.depth = depth - 1
                if depth == 1:
                    _work.go_on()

        event.register("numba:compiler_lock", Compiler())
