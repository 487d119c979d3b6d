"""The debugging board's pictures: accuracy against inspections for every method of a task, and what a method costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dataperf_fast.files.paths import whole_file
from dataperf_fast.files.records import Record
from dataperf_fast.models import table
from dataperf_fast.report.dots import plain

if TYPE_CHECKING:
    from dataperf_fast.boards.debugging.board import DebuggingResult

# Okabe and Ito's colours, told apart by colour-blind readers; black is kept for the lines.
_MOST = 12  # entries of a legend
_MARKERS = "osD^vP*X<>"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")


def draw(folder: Path, scored: DebuggingResult) -> list[Path]:
    """Draw what a result holds as PNGs, and return them: a task's curves, or the summary of all tasks."""
    if scored.curves:
        return _draw_curves(folder, scored)
    timed = [record for record in scored.over_tasks if record.status == "ok" and "method_seconds" in record.details]
    return _draw_time_to_value(folder, scored.model, timed) if timed else []


def _draw_curves(folder: Path, scored: DebuggingResult) -> list[Path]:
    """Each method's curve and its crossing of the target, with the starting accuracy: ``{name}_evaluation.png``."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.axhline(scored.before, color="black", linestyle=":", label=f"before cleaning ({scored.before:.2f})")
    axes.axhline(scored.target, color="black", linestyle="--", label=f"target ({scored.target:.4g})")
    for number, (method, curve) in enumerate(scored.curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        crossing = scored.crossings[method]
        name = method.replace("$", r"\$").lstrip("_")  # neither mathematics nor a hidden entry
        label = f"{name}: {crossing} of {scored.rows} inspections, score {(crossing - 1) / scored.rows:.4f}"
        inspections = np.arange(len(curve) + 1)
        axes.step(inspections, [scored.before, *curve], where="post", color=colour, linewidth=1.8, label=label)
        axes.plot(crossing, curve[crossing - 1], "o", color=colour, markersize=8, markeredgecolor="black", zorder=3)
    axes.set_xlim(0, scored.rows)
    axes.set_xlabel("inspections")
    axes.set_ylabel("test accuracy")
    axes.set_title(f"{scored.task}: accuracy of {scored.model} after each inspection")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=9)
    path = folder / f"{scored.name}_evaluation.png"
    with whole_file(path) as aside:
        figure.savefig(aside, dpi=110)
    return [path]


def _draw_time_to_value(folder: Path, model: str, timed: list[Record]) -> list[Path]:
    """The reference's summary: what each method's orders took to make against their scores, a marker a task."""
    tasks, methods = (
        list(dict.fromkeys(names)) for names in zip(*((r.task, r.submission) for r in timed), strict=True)
    )
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for record in timed:
        assert record.score is not None  # its status is ok
        axes.plot(
            record.details["method_seconds"], record.score, _MARKERS[tasks.index(record.task) % len(_MARKERS)],
            color=_COLOURS[methods.index(record.submission) % len(_COLOURS)], markersize=8, markeredgecolor="black",
            alpha=0.8,
        )  # fmt: skip
    colours = [(method, "s", _COLOURS[at % len(_COLOURS)]) for at, method in enumerate(methods)]
    markers = [(task, _MARKERS[at % len(_MARKERS)], "white") for at, task in enumerate(tasks)]
    figure.legend(handles=_entries(colours), title="method", loc="outside right upper", fontsize=9)
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


def _entries(looks: list[tuple[str, str, str]]) -> list[Line2D]:
    return [
        Line2D([], [], linestyle="", marker=marker, color=colour, markeredgecolor="black", label=plain(name))
        for name, marker, colour in looks[:_MOST]
    ]
