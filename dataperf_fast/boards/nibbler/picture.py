"""A Nibbler round as a picture: whose pairs fool, and how various they are, part by part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dataperf_fast.files.paths import whole_file
from dataperf_fast.report.dots import plain

_MOST = 25  # participants shown, those with the most pairs that fool


def draw(folder: Path, report: Mapping[str, Any]) -> list[Path]:
    """Draw ``{round}_nibbler.png`` of a round's report; nothing where no pair fools."""
    fooling = {name: of for name, of in report["participants"].items() if of.get("parts")}
    best = sorted(fooling, key=lambda name: -fooling[name]["fooling"])[:_MOST]
    if not best:
        return []
    parts = list(report["weights"])
    figure = Figure(figsize=(11, 1.9 + 0.28 * len(best)), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=[2, 3])
    places = range(len(best))
    left.barh(places, [fooling[name]["validated"] for name in best], color="#d0d4da", label="validated")
    left.barh(places, [fooling[name]["fooling"] for name in best], color="#e8a33d", label="fooling")
    left.barh(places, [fooling[name]["distinct"] for name in best], color="#b3541e", label="fooling, without repeats")
    left.set(yticks=places, yticklabels=[plain(name) for name in best], ylim=(len(best) - 0.5, -0.5), xlabel="pairs")
    figure.legend(loc="outside lower left", fontsize=8, ncols=3)
    table = [[fooling[name]["parts"][part] for part in parts] for name in best]
    right.imshow(table, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for row, values in enumerate(table):
        for column, value in enumerate(values):
            right.text(
                column, row, f"{value:.2f}", ha="center", va="center", fontsize=7,
                color="white" if value > 0.6 else "black",
            )  # fmt: skip
    titles = [f"{fooling[name]['creativity']:.3f}" for name in best]
    right.set(yticks=places, yticklabels=titles, xticks=range(len(parts)), ylabel="creativity")
    right.set_xticklabels(parts, rotation=35, ha="right", fontsize=8)
    more = f", the {len(best)} with most of {len(fooling)}" if len(fooling) > len(best) else ""
    figure.suptitle(f"{plain(report['round'])}: who fools{more}", fontsize=11)
    path = folder / f"{report['round']}_nibbler.png"
    with whole_file(path) as aside:
        figure.savefig(aside, format="png", dpi=150)
    return [path]
