"""Submissions as rows of dots, best first: each one's score as a diamond, what it is made of as dots around it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dataperf_fast.files.paths import whole_file
from dataperf_fast.report.rounding import fixed

_MOST = 40
# Okabe and Ito's colours, told apart by colour-blind readers.
COLOURS = ("#0072B2", "#009E73", "#CC79A7", "#56B4E9")
SCORE_COLOUR = "#D55E00"


@dataclass(frozen=True)
class Row:
    """A submission's score, and its other values: kind -> values."""

    name: str
    score: float
    values: dict[str, list[float]]


@dataclass(frozen=True)
class Chart:
    """What is written around the rows; ``landmark`` is a line at a value, with its meaning."""

    title: str
    axis: str
    landmark: tuple[float, str] | None = None
    score: str | None = None  # the score's name in the legend, where kinds of values must be told apart
    baselines: Collection[str] = ()  # names that are shown, and marked, whatever their place


def draw(path: Path, chart: Chart, rows: Sequence[Row]) -> list[Path]:
    """Draw the best forty rows, and the baselines, into a PNG; nothing where there are none."""
    ranked = sorted(rows, key=lambda row: -row.score)
    if not ranked:
        return []
    shown = [row for place, row in enumerate(ranked) if place < _MOST or row.name in chart.baselines]
    figure = Figure(figsize=(8, 1.9 + 0.32 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, row in enumerate(shown):
        for kind, (name, values) in enumerate(row.values.items()):
            label = name if chart.score and place == 0 else None
            colour = COLOURS[kind % len(COLOURS)]
            alpha = 0.8 if chart.score else 0.35
            axes.plot(values, [place] * len(values), "o", color=colour, alpha=alpha, markersize=5, label=label)
        label = chart.score if place == 0 else None
        axes.plot(
            row.score, place, "D", color=SCORE_COLOUR, markersize=7, markeredgecolor="black", zorder=3, label=label
        )
    marks = [" (baseline)" if row.name in chart.baselines else "" for row in shown]
    names = [f"{plain(row.name)}{mark}  {fixed(row.score)}" for row, mark in zip(shown, marks, strict=True)]
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    if chart.landmark:
        value, meaning = chart.landmark
        axes.axvline(value, color="black", linestyle="--", label=f"{meaning} ({value})")
    if chart.landmark or chart.score:
        figure.legend(fontsize=9, loc="outside lower left", ncols=3)
    axes.set_xlabel(chart.axis)
    axes.set_title(f"{chart.title}: {len(shown)} of {len(ranked)} submissions, best first")
    axes.grid(axis="x", alpha=0.3)
    with whole_file(path) as aside:
        figure.savefig(aside, dpi=110)
    return [path]


def plain(name: str) -> str:
    """Without mathematics, and short enough for the margin."""
    return (name if len(name) <= 28 else f"{name[:27]}…").replace("$", r"\$")
