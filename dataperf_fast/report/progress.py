"""How far a run is, on standard error: a bar on a terminal or in a notebook, once it has taken a second; else lines.

A log has a line each half a minute. A thread of its own sees to both: who compiles, or trains for minutes, tells nobody
how far he is.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from dataperf_fast.engine import clock
from dataperf_fast.engine.engine import Progress
from dataperf_fast.files.errors import InputError

# What a caller may want of progress: a bar, a function, a class of its own; None or False for nothing.
Shown = bool | Callable[[str, int, int], object] | Progress | None

_PATIENCE = 1.0
_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_BETWEEN_LOOKS = 0.5


class _Shown:
    """A rich bar while a context lasts, from when it has something to show; where none can be, a line now and then."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._shown: Any = None
        self._task: Any = None
        self._text, self._done, self._total = "", 0, 0
        self._drawing = threading.Lock()
        self._ended = threading.Event()
        self._teller = threading.Thread(target=self._keep_telling, daemon=True)

    def __enter__(self) -> Self:
        self._teller.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._teller.join()
        if self._shown is not None:
            self._shown.stop()

    def _update(self, text: str, done: int, total: int) -> None:
        self._text, self._done, self._total = text, done, total
        self._draw()

    def _draw(self) -> None:
        # To a file or a pipe rich would write an empty line.
        if time.perf_counter() - self._started < _PATIENCE or not _shows():
            return
        with self._drawing:
            if self._shown is None:
                self._shown, self._task = _bar(self._doing())
            self._shown.update(self._task, description=self._doing(), completed=self._done, total=self._total or None)

    def _keep_telling(self) -> None:
        if _shows():
            while not self._ended.wait(_SECONDS_BETWEEN_LOOKS):
                self._draw()
        while not self._ended.wait(_SECONDS_BETWEEN_LINES):
            with suppress(OSError, ValueError):  # nobody can be told
                sys.stderr.write(f"{self.line()}\n")
                sys.stderr.flush()

    def line(self) -> str:
        """How far it is, for a log: no warning and no error, and so without the prefix of these."""
        return self._doing(f": {self._done} of {self._total}" if self._total else "")

    def _doing(self, count: str = "") -> str:
        return f"{self._text or 'starting'}{count}{', compiling kernels' if clock.is_stopped() else ''}"


class Told(Progress):
    """``engine.Progress`` as calls of a function: what is scored, retrains done, those planned so far."""

    def __init__(self, tell: Callable[[str, int, int], object]) -> None:
        self._tell = tell
        self._label, self._planned, self._finished = "", 0, 0

    def begin(self, label: str) -> None:
        """Name what comes next; counts start again."""
        self._label, self._planned, self._finished = label, 0, 0
        self._tell(label, 0, 0)

    def planned(self, retrains: int) -> None:
        """Add retrains to do."""
        self._planned += retrains
        self._tell(self._label, self._finished, self._planned)

    def done(self, retrains: int) -> None:
        """Add retrains done."""
        self._finished += retrains
        self._tell(self._label, self._finished, self._planned)


class Bar(_Shown, Told):
    """``engine.Progress`` as a rich bar: what is scored, retrains done of those planned so far, time spent and left."""

    def __init__(self) -> None:
        _Shown.__init__(self)
        Told.__init__(self, self._update)


@contextmanager
def shown(progress: Shown) -> Iterator[Progress | None]:
    """What an engine tells, while it is shown as a caller wants it."""
    if progress is True:
        with Bar() as bar:
            yield bar
    elif progress is None or progress is False or isinstance(progress, Progress):
        yield progress or None
    elif callable(progress):
        yield Told(progress)
    else:
        expected = "True, or a function of a label, the retrains done and those to do"
        raise InputError("progress", "is", value=progress, expected=expected)


class ContestBar(_Shown):
    """How a contest goes, and the time left by each board's pace so far.

    A board of which nothing is done yet has no pace, and is named as such: the rest is what is known.
    """

    def __init__(self) -> None:
        super().__init__()
        self._left: dict[str, int] = {}
        self._pace: dict[str, tuple[float, int]] = {}  # seconds and number of what is done, by board
        self._label, self._counted, self._planned = "", 0, 0
        self._last = clock.now()

    def begin(self, label: str, left: dict[str, int]) -> None:
        """Name what comes next, and how many of it are left, by board."""
        self._label, self._left, self._planned, self._counted = label, dict(left), sum(left.values()), 0
        self._last = clock.now()
        self._show()

    def done(self, board: str, count: int) -> None:
        """Count what is done of a board."""
        now = clock.now()
        seconds, number = self._pace.get(board, (0.0, 0))
        self._pace[board] = seconds + now - self._last, number + count
        self._last = now
        self._left[board] -= count
        self._counted += count
        self._show()

    def time_left(self) -> str:
        """About how long what is left will take, in words; nothing where nothing is known."""
        waiting = {board: count for board, count in self._left.items() if count}
        known = {board: self._pace[board] for board in waiting if self._pace.get(board, (0, 0))[1]}
        if not known:
            return ""
        seconds = sum(waiting[board] * spent / number for board, (spent, number) in known.items())
        minutes, rest = divmod(round(seconds), 60)
        time_left = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes}:{rest:02}"
        unknown = [board for board in waiting if board not in known]
        return f"about {time_left} left" + (f", and {', '.join(unknown)}, not yet measured" if unknown else "")

    def _show(self) -> None:
        text = ", ".join(filter(None, (self._label, self.time_left())))
        self._update(text, self._counted, self._planned)


def _shows() -> bool:
    """Whether a bar can be shown."""
    return sys.stderr.isatty() or _in_notebook()


def _in_notebook() -> bool:
    """Whether rich shows a bar below a notebook's cell, where standard error is no terminal."""
    if "ipykernel" not in sys.modules:
        return False
    from rich.console import Console

    return Console(stderr=True).is_jupyter


def _bar(label: str) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    bar = RichProgress(
        TextColumn("{task.description}"), *columns,
        console=Console(stderr=True), transient=True, redirect_stdout=False, get_time=clock.now,
    )  # fmt: skip
    bar.start()
    return bar, bar.add_task(label, total=None)
