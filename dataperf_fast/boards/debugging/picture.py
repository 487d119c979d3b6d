"""The debugging board's pictures: accuracy against inspections for every method of a task, and what a method costs."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dataperf_fast.boards.debugging import baselines
from dataperf_fast.files.paths import whole_file
from dataperf_fast.files.records import Record
from dataperf_fast.models import table
from dataperf_fast.report.dots import plain
from dataperf_fast.report.looks import REST, Look, looks
from dataperf_fast.report.rounding import fixed

if TYPE_CHECKING:
    from dataperf_fast.boards.debugging.board import DebuggingResult

_MOST = 12  # tasks of a legend
_MARKERS = "osD^vP*X<>"


def draw(folder: Path, scored: DebuggingResult) -> list[Path]:
    """Draw what a result holds as PNGs, and return them: a task's curves, or the summary of all tasks."""
    if scored.curves:
        return _draw_curves(folder, scored)
    timed = [record for record in scored.over_tasks if record.status == "ok" and "method_seconds" in record.details]
    return _draw_time_to_value(folder, scored.model, timed) if timed else []


def _draw_curves(folder: Path, scored: DebuggingResult) -> list[Path]:
    """Each method's curve and its crossing of the target, with the starting accuracy: ``{name}_evaluation.png``."""
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.axhline(scored.before, color="black", linestyle=":", label=f"before cleaning ({scored.before:.2f})")
    axes.axhline(scored.target, color="black", linestyle="--", label=f"target ({scored.target:.4g})")
    ranked = sorted(scored.curves, key=lambda method: scored.crossings[method])
    told = looks(ranked, baselines.METHODS)
    rest = [method for method in ranked if method not in told]
    for method in [*told, *rest]:
        look = told.get(method, Look(REST))
        curve, crossing = scored.curves[method], scored.crossings[method]
        label = f"{len(rest)} others" if [method] == rest[:1] else None
        if method in told:
            label = f"{plain(method).lstrip('_')}: {crossing} inspections, {fixed((crossing - 1) / scored.rows)}"
        inspections = np.arange(len(curve) + 1)
        axes.step(
            inspections, [scored.before, *curve], look.line, where="post", color=look.colour,
            linewidth=1.8 if method in told else 0.8, label=label, zorder=2 if method in told else 1.5,
        )  # fmt: skip
        if method in told:
            place = crossing, curve[crossing - 1]
            axes.plot(*place, "o", color=look.colour, markersize=8, markeredgecolor="black", zorder=3)
    axes.set_xlim(0, scored.rows)
    axes.set_xlabel("inspections")
    axes.set_ylabel("test accuracy")
    axes.set_title(f"{scored.task}: accuracy of {scored.model} after each of {scored.rows} inspections")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=9, title="best first: fewer inspections are better")
    path = folder / f"{scored.name}_evaluation.png"
    with whole_file(path) as aside:
        figure.savefig(aside, dpi=110)
    return [path]


def _draw_time_to_value(folder: Path, model: str, timed: list[Record]) -> list[Path]:
    """The reference's summary: what each method's orders took to make against their scores, a marker a task."""
    scores: dict[str, list[float]] = {}
    for record in timed:
        scores.setdefault(record.submission, []).append(record.score or 0.0)
    tasks = list(dict.fromkeys(record.task for record in timed))
    ranked = sorted(scores, key=lambda method: fmean(scores[method]))
    told = looks(ranked, baselines.METHODS)
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for record in timed:
        look = told.get(record.submission)
        assert record.score is not None  # its status is ok
        axes.plot(
            record.details["method_seconds"], record.score, _MARKERS[tasks.index(record.task) % len(_MARKERS)],
            color=look.colour if look else REST, markersize=8 if look else 5, alpha=0.8,
            markeredgecolor="black" if look else REST, zorder=3 if look else 2,
        )  # fmt: skip
    colours = [(method, "s", look.colour) for method, look in told.items()]
    colours += [(f"{len(ranked) - len(told)} others", "s", REST)] if len(ranked) > len(told) else []
    markers = [(task, _MARKERS[at % len(_MARKERS)], "white") for at, task in enumerate(tasks)][:_MOST]
    figure.legend(handles=_entries(colours), title="method, best first", loc="outside right upper", fontsize=9)
    figure.legend(handles=_entries(markers), title="task", loc="outside right lower", fontsize=9)
    axes.set_xscale("symlog", linthresh=1e-3)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("seconds to make the order (time to value)")
    axes.set_ylabel("fraction of fixes until 95% (less is better)")
    axes.set_title(f"what the methods cost and give, {model}")
    axes.grid(alpha=0.3)
    path = folder / ("time_to_value.png" if model == "linear-net" else f"time_to_value_{table.short(model)}.png")
    with whole_file(path) as aside:
        figure.savefig(aside, dpi=110)
    return [path]


def _entries(shown: list[tuple[str, str, str]]) -> list[Line2D]:
    return [
        Line2D([], [], linestyle="", marker=marker, color=colour, markeredgecolor="black", label=plain(name))
        for name, marker, colour in shown
    ]
