"""The acquisition board's pictures: every plan's accuracy, trial by trial; and what accuracy costs, from a sweep."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dataperf_fast.boards.acquisition.published import PUBLISHED
from dataperf_fast.files.paths import whole_file
from dataperf_fast.files.records import Record
from dataperf_fast.report import dots

if TYPE_CHECKING:
    from dataperf_fast.boards.acquisition.board import AcquisitionResult

_UNIFORM = PUBLISHED["uniform"].scores
_STRATEGIES = {"uniform": "rows of every seller", "single": "rows of one seller"}


def draw(folder: Path, scored: AcquisitionResult) -> list[Path]:
    """Draw the best forty plans for a market as ``market_{task}_accuracy.png``; nothing where nothing was scored."""
    if scored.task == "mean":
        return []
    rows = [
        dots.Row(_name(record), record.score, {"trials": record.details["trials"]})
        for record in scored.records
        if record.score is not None
    ]
    landmark = (_UNIFORM[scored.task], "the paper's UNIFORM on its own market") if scored.task in _UNIFORM else None
    chart = dots.Chart(
        f"market {scored.task}", "accuracy: mean (diamond) and each of ten trials", landmark, baselines=PUBLISHED
    )
    return dots.draw(folder / f"market_{scored.task}_accuracy.png", chart, rows)


def _name(record: Record) -> str:
    """A submission's name, marked where it costs more than the budget."""
    excess = record.details.get("over_budget")
    return f"{record.submission} ({100 * excess:.2g}% over budget)" if excess else record.submission


def draw_sweeps(paths: Sequence[Path]) -> list[Path]:
    """Draw every ``sweep_market_{number}.csv`` among ``paths`` as a PNG beside it: accuracy against cost."""
    return [_draw_sweep(path) for path in paths if path.match("sweep_market_*.csv")]


def _draw_sweep(path: Path) -> Path:
    with path.open(newline="", encoding="utf-8") as file:
        trials = [row for row in csv.DictReader(file) if row["accuracy"]]
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for (strategy, meaning), colour in zip(_STRATEGIES.items(), (dots.COLOURS[0], dots.SCORE_COLOUR), strict=True):
        of_strategy = [row for row in trials if row["strategy"] == strategy]
        if of_strategy:
            _draw_strategy(axes, of_strategy, f"{meaning}, mean and one standard deviation", colour)
    axes.set_xlabel("cost, in the market's currency")
    axes.set_ylabel("accuracy on the buyer's data")
    axes.set_title(f"market {path.stem.rpartition('_')[2]}: what accuracy costs")
    axes.grid(alpha=0.3)
    if trials:
        figure.legend(loc="outside lower left", fontsize=9, ncols=2)
    picture = path.with_suffix(".png")
    with whole_file(picture) as aside:
        figure.savefig(aside, dpi=110)
    return picture


def _draw_strategy(axes: Any, trials: Sequence[dict[str, str]], label: str, colour: str) -> None:
    costs, accuracies = (np.array([float(row[name]) for row in trials]) for name in ("cost", "accuracy"))
    fractions = np.array([float(row["fraction"]) for row in trials])
    groups = [fractions == fraction for fraction in sorted(set(fractions))]
    middle = np.array([[costs[of].mean(), accuracies[of].mean(), accuracies[of].std()] for of in groups])
    axes.plot(costs, accuracies, ".", color=colour, alpha=0.15, markersize=5)
    axes.plot(middle[:, 0], middle[:, 1], "o-", color=colour, markeredgecolor="black", label=label)
    low, high = middle[:, 1] - middle[:, 2], middle[:, 1] + middle[:, 2]
    axes.fill_between(middle[:, 0], low, high, color=colour, alpha=0.15)
