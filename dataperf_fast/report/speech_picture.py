"""The speech board's picture: every submission's macro F1, seed by seed, best first."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dataperf_fast.formats.files import whole_file
from dataperf_fast.results import Record

# Table of baselines in the paper (arXiv 2207.10062): on its own data, so a landmark and no measurement of this run.
PAPER = {"en_25": 0.31, "en_60": 0.41, "pt_25": 0.44, "pt_60": 0.52, "id_25": 0.36, "id_60": 0.43}
_MOST = 40
_BLUE, _ORANGE = "#0072B2", "#D55E00"


class Scored(Protocol):
    """What is drawn of a board: ``benchmarks.speech.TaskResult``."""

    task: str
    records: list[Record]


def draw(folder: Path, scored: Scored) -> list[Path]:
    """Draw the best forty submissions of a board as ``{task}_scores.png``; nothing where nothing was scored."""
    ranked = sorted(((r.score, r) for r in scored.records if r.score is not None), key=lambda pair: -pair[0])
    if not ranked:
        return []
    shown = ranked[:_MOST]
    figure = Figure(figsize=(8, 1.9 + 0.32 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, (score, record) in enumerate(shown):
        seeds = list(record.details["scores"].values())
        axes.plot(seeds, [place] * len(seeds), "o", color=_BLUE, alpha=0.35, markersize=5)
        axes.plot(score, place, "D", color=_ORANGE, markersize=7, markeredgecolor="black", zorder=3)
    axes.set_yticks(range(len(shown)), [f"{_plain(record.submission)}  {score:.4f}" for score, record in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    if scored.task in PAPER:
        axes.axvline(
            PAPER[scored.task],
            color="black",
            linestyle="--",
            label=f"the paper's baseline on its own data ({PAPER[scored.task]})",
        )
        figure.legend(fontsize=9, loc="outside lower left")
    axes.set_xlabel("macro F1: mean (diamond) and each of ten seeds")
    axes.set_title(f"{scored.task}: {len(shown)} of {len(ranked)} submissions")
    axes.grid(axis="x", alpha=0.3)
    path = folder / f"{scored.task}_scores.png"
    with whole_file(path) as aside:
        figure.savefig(aside, dpi=110)
    return [path]


def _plain(name: str) -> str:
    """Without mathematics, and short enough for the margin."""
    return (name if len(name) <= 28 else f"{name[:27]}…").replace("$", r"\$")
