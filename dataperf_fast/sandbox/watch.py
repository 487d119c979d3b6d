"""Watches contained processes from outside and says which limit they break first."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import IO

import psutil

from dataperf_fast.sandbox.terms import Limits, size

_INTERVAL = 0.05  # seconds between two looks


class Drain:
    """Reads a pipe to its end in a thread of its own; keeps the first ``most`` bytes and counts the others."""

    def __init__(self, pipe: IO[bytes], most: int):
        self._pipe, self._most = pipe, most
        self._kept = bytearray()
        self.count = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def overflowed(self) -> bool:
        """Whether there was more than is kept."""
        return self.count > self._most

    def finish(self) -> bytes:
        """Wait for the pipe's end, and return what is kept."""
        self._thread.join()
        self._pipe.close()
        return bytes(self._kept)

    def _read(self) -> None:
        while chunk := self._pipe.read1(1 << 16):  # type: ignore[attr-defined]
            self.count += len(chunk)
            self._kept += chunk[: self._most - len(self._kept)]


def watch(
    process: subprocess.Popen[bytes], limits: Limits, tree: Callable[[], Iterable[psutil.Process]], log: Drain
) -> str:
    """Look at a run until it ends or breaks a limit; returns which, in words. Killing it is the caller's part.

    ``tree`` lists the algorithm's own processes.
    """
    ends = time.monotonic() + limits.seconds
    while True:
        running = process.poll() is None
        if log.overflowed:
            return f"printed more than {size(limits.log)}"
        if not running:
            return ""
        memory, threads = _taken(tree())
        if memory > limits.memory and _shares(tree()) > limits.memory:
            return f"used more than {size(limits.memory)} of memory"
        if threads > limits.processes:
            return f"started more than {limits.processes} processes"
        if time.monotonic() > ends:
            return f"ran longer than {limits.seconds:g} s"
        with suppress(subprocess.TimeoutExpired):
            process.wait(_INTERVAL)


def _taken(tree: Iterable[psutil.Process]) -> tuple[int, int]:
    memory = threads = 0
    for process in tree:
        with suppress(psutil.Error), process.oneshot():
            memory += process.memory_info().rss
            threads += process.num_threads()
    return memory, threads


def _shares(tree: Iterable[psutil.Process]) -> int:
    """Memory with what processes share counted once, which takes the kernel longer to say."""
    memory = 0
    for process in tree:
        with suppress(psutil.Error):
            try:
                memory += process.memory_full_info().pss
            except psutil.AccessDenied:
                memory += process.memory_info().rss
    return memory
