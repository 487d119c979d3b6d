"""A progress bar on standard error, shown only on a terminal and once a run has taken a second."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

from dataperf_fast.engine import clock
from dataperf_fast.engine.engine import Progress

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
            if time.perf_counter() - self._started < _PATIENCE or not sys.stderr.isatty():
                return
            self._shown, self._task = _bar(text)
        self._shown.update(self._task, description=text, completed=self._done, total=total or None)


class Bar(_Shown, Progress):
    """``engine.Progress`` as a rich bar: what is scored, retrains done of those planned so far, time spent and left."""

    def __init__(self) -> None:
        super().__init__()
        self._planned = 0

    def begin(self, label: str) -> None:
        """Name what comes next; counts start again."""
        self._label, self._planned, self._done = label, 0, 0
        self._update(label, 0)

    def planned(self, retrains: int) -> None:
        """Add retrains to do."""
        self._planned += retrains
        self._update(self._label, self._planned)

    def done(self, retrains: int) -> None:
        """Add retrains done."""
        self._done += retrains
        self._update(self._label, self._planned)


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
