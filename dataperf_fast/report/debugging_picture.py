"""The debugging board's picture: accuracy against inspections for every method of a task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dataperf_fast.formats.files import whole_file

# Okabe and Ito's colours, told apart by colour-blind readers; black is kept for the lines.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")


def draw(
    path: Path,
    task: str,
    before: float,
    target: float,
    curves: dict[str, np.ndarray],
    crossings: dict[str, int],
    rows: int,
) -> None:
    """Draw each method's curve and its crossing of the target, with the starting accuracy and the target, as a PNG."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.axhline(before, color="black", linestyle=":", linewidth=1.2, label=f"before cleaning ({before:.2f})")
    axes.axhline(target, color="black", linestyle="--", linewidth=1.2, label=f"target ({target:.3f})")
    for number, (method, curve) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        crossing = crossings[method]
        label = f"{method}: {crossing} of {rows} inspections, score {(crossing - 1) / rows:.4f}"
        inspections = np.arange(len(curve) + 1)
        axes.step(inspections, [before, *curve], where="post", color=colour, linewidth=1.8, label=label)
        axes.plot(crossing, curve[crossing - 1], "o", color=colour, markersize=8, markeredgecolor="black", zorder=3)
    axes.set_xlim(0, rows)
    axes.set_xlabel("inspections")
    axes.set_ylabel("test accuracy")
    axes.set_title(f"{task}: accuracy after each inspection")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=9)
    with whole_file(path) as aside:
        figure.savefig(aside, dpi=110)
