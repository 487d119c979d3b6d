"""A progress bar on standard error, shown only on a terminal or in a notebook, once a run has taken a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from dataperf_fast.engine import clock
from dataperf_fast.engine.engine import Progress
from dataperf_fast.files.errors import InputError

# What a caller may want of progress: a bar, a function, a class of its own; None or False for nothing.
Shown = bool | Callable[[str, int, int], object] | Progress | None

_PATIENCE = 1.0
_SECONDS_BETWEEN_LINES = 20.0


class _Shown:
    """A rich bar while a context lasts, from when it has something to show."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._shown: Any = None
        self._task: Any = None
        self._label, self._done = "", 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._shown is not None:
            self._shown.stop()

    def _update(self, text: str, total: int) -> None:
        if self._shown is None:
            # To a file or a pipe rich would write an empty line.
            shows = sys.stderr.isatty() or _in_notebook()
            if time.perf_counter() - self._started < _PATIENCE or not shows:
                return
            self._shown, self._task = _bar(text)
        self._shown.update(self._task, description=text, completed=self._done, total=total or None)


class Told(Progress):
    """``engine.Progress`` as calls of a function: what is scored, retrains done, those planned so far."""

    def __init__(self, tell: Callable[[str, int, int], object]) -> None:
        self._tell = tell
        self._label, self._planned, self._done = "", 0, 0

    def begin(self, label: str) -> None:
        """Name what comes next; counts start again."""
        self._label, self._planned, self._done = label, 0, 0
        self._tell(label, 0, 0)

    def planned(self, retrains: int) -> None:
        """Add retrains to do."""
        self._planned += retrains
        self._tell(self._label, self._done, self._planned)

    def done(self, retrains: int) -> None:
        """Add retrains done."""
        self._done += retrains
        self._tell(self._label, self._done, self._planned)


class Bar(_Shown, Told):
    """``engine.Progress`` as a rich bar: what is scored, retrains done of those planned so far, time spent and left."""

    def __init__(self) -> None:
        _Shown.__init__(self)
        Told.__init__(self, lambda label, done, planned: self._update(label, planned))


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
    """How a contest goes: a bar on a terminal, elsewhere a line now and then; time left by each board's pace so far.

    A board of which nothing is done yet has no pace, and is named as such: the rest is what is known.
    """

    def __init__(self) -> None:
        super().__init__()
        self._left: dict[str, int] = {}
        self._pace: dict[str, tuple[float, int]] = {}  # seconds and number of what is done, by board
        self._total = 0
        self._said, self._last = self._started, clock.now()

    def begin(self, label: str, left: dict[str, int]) -> None:
        """Name what comes next, and how many of it are left, by board."""
        self._label, self._left, self._total, self._done = label, dict(left), sum(left.values()), 0
        self._last = clock.now()
        self._show()

    def done(self, board: str, count: int) -> None:
        """Count what is done of a board."""
        now = clock.now()
        seconds, number = self._pace.get(board, (0.0, 0))
        self._pace[board] = seconds + now - self._last, number + count
        self._last = now
        self._left[board] -= count
        self._done += count
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
        self._update(text, self._total)
        now = time.perf_counter()
        if not sys.stderr.isatty() and now - self._said > _SECONDS_BETWEEN_LINES:
            self._said = now
            print(f"dataperf-fast: {text}: {self._done} of {self._total}", file=sys.stderr, flush=True)


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
