"""What a leaderboard's pages draw: scores on a line, bars, and entries' curves, all in the units of their templates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dataperf_fast.report.ranks import Row, finite
from dataperf_fast.report.rounding import fixed

POINTS = 300  # of a curve
_POINTS_OF_PAGE = 120_000
_LANDMARKS = 10  # baselines and paper figures with a line in the picture
_BINS = 90
_STACK = 12  # dots on each other; more become columns
_PANEL = (46.0, 330.0, 26.0, 156.0)  # left, right, top, bottom of a curve's axes


@dataclass(frozen=True)
class Axis:
    """An axis from ``low`` to ``high``."""

    low: float
    high: float
    start: float = 3  # where its ends lie in the picture, in its units or percent
    end: float = 97

    def at(self, value: float) -> float:
        """Where a value lies in the picture; beyond the ends, at the end."""
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        return round(self.start + (self.end - self.start) * share, 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Three to eight round values, each with its text."""
        power = 10.0 ** math.floor(math.log10((self.high - self.low) / 4))
        step = next(power * factor for factor in (5, 2, 1) if (self.high - self.low) / (power * factor) >= 3)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        values = [(first + number) * step for number in range(12)]
        return [(value, fixed(value + 0.0, digits)) for value in values if value <= self.high + 1e-9 * step]


def axis_over(values: Iterable[float], start: float = 3, end: float = 97) -> Axis:
    """An axis over values with a margin; ends so far or so near that a float cannot tell are moved."""
    known = [min(max(value, -1e300), 1e300) for value in values] or [0.0, 1.0]
    low, high = min(known), max(known)
    margin = 0.04 * (high - low)
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-290):
        margin = 0.05 * max(abs(low), abs(high)) or 0.05
    return Axis(low - margin, high + margin, start, end)


def strip(rows: Sequence[Row]) -> dict[str, object]:
    """All scores on a line: submissions as stacked dots or columns, the best baselines and paper figures by name."""
    scored = [(row, row.score) for row in rows if row.score is not None]
    axis = axis_over(score for _, score in scored)
    width = (axis.end - axis.start) / _BINS
    bins: dict[int, list[float]] = {}
    for place in (axis.at(score) for row, score in scored if row.entry.kind == "submission"):
        bins.setdefault(int((place - axis.start) / width), []).append(place)
    tallest = max(map(len, bins.values()), default=0)
    height = 92 if tallest > _STACK else 12 + 7 * max(tallest, 3)
    dots = [(place, height - 5 - 7 * level) for group in bins.values() for level, place in enumerate(group)]
    columns = [(round(axis.start + at * width, 2), round(84 * len(of) / tallest, 1)) for at, of in bins.items()]
    landmarks = [row for row, _ in scored if row.entry.kind != "submission"]
    return {
        "axis": axis,
        "height": height,
        "dots": dots if tallest <= _STACK else [],
        "columns": columns if tallest > _STACK else [],
        "column": round(width, 2),
        "tallest": tallest,
        # Their names point to the middle, so that from there outwards no line crosses a name above its end.
        "landmarks": sorted(landmarks[:_LANDMARKS], key=lambda row: abs(axis.at(row.score or 0.0) - 50)),
        "unmarked": max(0, len(landmarks) - _LANDMARKS),
    }


def plotted_of(row: Row, metric: str) -> dict[str, float | None]:
    """An entry's scores by task; one without tasks has its score."""
    return {task: finite(value) for task, value in row.entry.tasks.items()} or {metric: row.score}


def ranges_of(scored: Sequence[Row], metric: str) -> dict[str, list[float]]:
    """From and to of each task's scores, over entries that compete; over those of the paper where none does."""
    values: dict[str, list[float]] = {}
    for row in sorted(scored, key=lambda row: row.rank is None):
        for task, score in {metric: row.score, **plotted_of(row, metric)}.items():
            ends = values.setdefault(task, [])
            if score is not None and (row.rank is not None or not ends):
                ends[:] = min([score, *ends]), max([score, *ends])
    return values


class Curves:
    """The curves of a page: per task on the same axes, with the leader's behind every other's."""

    def __init__(self, shown: Sequence[Row], most: int) -> None:
        self._curves: dict[int, dict[str, list[tuple[int, float]]]] = {}
        for row in shown:
            points = {task: _points(curve) for task, curve in list(row.entry.curves.items())[:most]}
            self._curves[row.number] = {task: curve for task, curve in points.items() if curve}
        drawn = [(task, curve) for curves in self._curves.values() for task, curve in curves.items()]
        self._most = max(20, min(POINTS, _POINTS_OF_PAGE // max(len(drawn), 1)))
        values: dict[str, list[float]] = {}
        steps: dict[str, int] = {}
        for task, curve in drawn:
            values.setdefault(task, []).extend(value for _, value in curve)
            steps[task] = max(steps.get(task, 5), curve[-1][0])
        self._first = {task: row.number for row in reversed(shown) for task in self._curves[row.number]}
        left, right, top, bottom = _PANEL
        self._axes = {
            task: (Axis(1, steps[task], left, right), axis_over(ends, bottom, top)) for task, ends in values.items()
        }
        self.leader = next((row for row in shown if self._curves[row.number] and row.rank is not None), None)

    def cover(self, row: Row) -> bool:
        """Whether every task of an entry has its curve."""
        drawn = self._curves[row.number]
        return bool(drawn) and set(row.entry.tasks) <= set(drawn)

    def panels(self, row: Row) -> list[dict[str, object]]:
        """An entry's plots, one a task."""
        return [self._panel(row, task, curve) for task, curve in self._curves[row.number].items()]

    def _panel(self, row: Row, task: str, curve: Sequence[tuple[int, float]]) -> dict[str, object]:
        across, up = self._axes[task]
        return {
            "task": task,
            "score": finite(row.entry.tasks.get(task)),
            "across": across,
            "up": up,
            "points": [f"{across.at(step):.1f},{up.at(value):.1f}" for step, value in _thinned(curve, self._most)],
            "number": list(self._axes).index(task),
            "first": row.number == self._first[task],
            "lead": self.leader is not None and task in self._curves[self.leader.number],
        }


def _points(curve: Sequence[float]) -> list[tuple[int, float]]:
    return [(step, float(value)) for step, value in enumerate(curve, 1) if math.isfinite(value)]


def _thinned(curve: Sequence[tuple[int, float]], most: int) -> list[tuple[int, float]]:
    """At most so many points: both ends, and the lowest and the highest of equal stretches between them."""
    if len(curve) <= most:
        return list(curve)
    stretches, inner = (most - 2) // 2, len(curve) - 2
    kept = [curve[0]]
    for number in range(stretches):
        stretch = curve[1 + inner * number // stretches : 1 + inner * (number + 1) // stretches]
        kept += sorted({min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])})
    return [*kept, curve[-1]]


def bars(scored: Sequence[Row]) -> dict[int, tuple[float, float]]:
    """Where each score's bar starts and how long it is; bars start at zero and, where none is beyond 1, end at 1."""
    scores = {row.number: row.score for row in scored if row.score is not None}
    low, high = min([0.0, *scores.values()]), max([0.0, *scores.values()])
    if low == 0 and high <= 1:
        high = 1.0
    span = high / 2 - low / 2 or 1.0  # halves, for the whole may be too large for a float
    return {
        number: (round(50 * (min(score, 0) / span - low / span), 1), round(50 * abs(score / span), 1))
        for number, score in scores.items()
    }
