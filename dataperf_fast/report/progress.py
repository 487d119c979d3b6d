"""A progress bar on standard error, shown only on a terminal and once a run has taken a second."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from dataperf_fast.engine import Progress

_PATIENCE = 1.0


class Bar(Progress):
    """``engine.Progress`` as a rich bar: what is scored, retrains done of those planned so far, time spent and left."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._shown: Any = None
        self._task: Any = None
        self._label = ""
        self._planned = 0
        self._done = 0

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._shown is not None:
            self._shown.stop()

    def begin(self, label: str) -> None:
        """Name what comes next; counts start again."""
        self._label, self._planned, self._done = label, 0, 0
        self._show()

    def planned(self, retrains: int) -> None:
        """Add retrains to do."""
        self._planned += retrains
        self._show()

    def done(self, retrains: int) -> None:
        """Add retrains done."""
        self._done += retrains
        self._show()

    def _show(self) -> None:
        if self._shown is None:
            # To a file or a pipe rich would write an empty line.
            if time.perf_counter() - self._started < _PATIENCE or not sys.stderr.isatty():
                return
            self._shown, self._task = _bar(self._label)
        self._shown.update(self._task, description=self._label, completed=self._done, total=self._planned or None)


def _bar(label: str) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    bar = RichProgress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)
    bar.start()
    return bar, bar.add_task(label, total=None)
