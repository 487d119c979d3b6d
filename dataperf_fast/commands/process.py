"""The process as its shell sees it: its streams, the signals that stop it, and how it ends."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

_STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_PIPE = 13  # SIGPIPE's number, which Windows has not
_BY_SIGNAL = 128  # what a shell adds to a signal's number


class Stopped(KeyboardInterrupt):
    """A signal asks for the end: what Ctrl-C cleans up is cleaned up, and ``status`` is how the process ends."""

    def __init__(self, number: int):
        super().__init__(number)
        self.status = _BY_SIGNAL + number


def as_its_own(run: Callable[[], int]) -> int:
    """Run what this process is for, with its streams and signals in order; the exit status.

    Raises ``Stopped`` where a signal asks for it; one that was ignored when the process began, as under nohup, stays
    so, and a second one ends it at once. Raises SystemExit where standard output's reader is gone, OSError where that
    cannot be written for another reason. Standard error may be closed, or its disk full.
    """
    _open_closed()
    sys.stdout, sys.stderr = _Stream(1, sys.stdout, "standard output"), _Stream(2, sys.stderr, "")
    heeded = [number for number in _STOPS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, _stop)
    try:
        return run()
    finally:
        for number in heeded:
            signal.signal(number, signal.SIG_DFL)  # what is left takes no time, and is no place for an exception


def _stop(number: int, frame: FrameType | None) -> None:
    for other in _STOPS:
        if signal.getsignal(other) is _stop:
            signal.signal(other, signal.SIG_DFL)
    raise Stopped(number)


def _open_closed() -> None:
    """Open closed streams to nowhere: the next file would have their number, and be written by what prints."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


class _Stream(io.TextIOWrapper):
    """A standard stream; one that is ``called`` nothing drops what it cannot write, as there is nobody to tell.

    What it writes through is C's: a signal there leaves no doubt whether something was written.
    """

    def __init__(self, number: int, before: Any, called: str):
        raw = io.FileIO(number, "w", closefd=False)
        super().__init__(
            io.BufferedWriter(raw),
            encoding=getattr(before, "encoding", None) or "utf-8",
            errors="backslashreplace",  # a name that its encoding has not is no reason to lose the scores
            line_buffering=not called or raw.isatty(),
            write_through=getattr(before, "write_through", False),
        )
        self._called = called

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)  # or what is left in buffers fails again as the interpreter ends
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        if isinstance(error, BrokenPipeError) and self._called:  # as others end that the signal kills
            raise SystemExit(_BY_SIGNAL + _PIPE) from error
        if self._called:
            reason = f"cannot be written ({os.strerror(error.errno or 0)})"
            raise OSError(error.errno, reason, self._called) from error
