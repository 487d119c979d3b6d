"""The debugging board's picture: accuracy against inspections for every method of a task."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dataperf_fast.formats.files import whole_file

# Okabe and Ito's colours, told apart by colour-blind readers; black is kept for the lines.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")


class Scored(Protocol):
    """What is drawn of a task: ``benchmarks.debugging.TaskResult``."""

    task: str
    name: str
    model: str
    rows: int
    before: float
    target: float
    curves: dict[str, np.ndarray]
    crossings: dict[str, int]


def draw(folder: Path, scored: Scored) -> list[Path]:
    """Draw each method's curve and its crossing of the target, with the starting accuracy and the target, as a PNG.

    Returns the file, ``{name}_evaluation.png``, or none where nothing was scored.
    """
    if not scored.curves:
        return []
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
