"""What ``profile`` found: two tables on a terminal, and one stacked bar as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

from dataperf_fast.files.paths import whole_file

if TYPE_CHECKING:
    from dataperf_fast.profiling import Profile

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#999999", "#444444")


def print_profile(profile: Profile, stream: IO[str]) -> None:
    """Print the stages, the kernels, and what was saved."""
    from rich.console import Console
    from rich.table import Table

    console = Console(file=stream, width=None if stream.isatty() else 160, highlight=False)
    console.print(f"{profile.benchmark} on {profile.where}: {profile.seconds:.3f} s")
    stages = Table("stage")
    stages.add_column("seconds", justify="right")
    stages.add_column("share", justify="right")
    for name, seconds in profile.stages.items():
        stages.add_row(name, f"{seconds:.3f}", f"{seconds / profile.seconds:.0%}")
    console.print(stages)
    kernels = Table("kernel")
    for header in ("calls", "seconds", "operations", "bytes", "of the ceiling"):
        kernels.add_column(header, justify="right")
    for of in sorted(profile.kernels, key=lambda kernel: -kernel.seconds):
        numbers = ["" if value is None else f"{value:.2g}" for value in (of.operations, of.moved)]
        share = "" if of.at_the_ceiling is None else f"{of.at_the_ceiling / of.seconds:.0%}"
        kernels.add_row(of.title, str(of.calls), f"{of.seconds:.3f}", *numbers, share)
    console.print(kernels)
    saved = profile.retrains - profile.distinct
    console.print(
        f"{profile.retrains} retrains asked for, {profile.distinct} trained, {saved} saved, "
        f"{profile.rechecked} rechecked"
    )
    limits = ", ".join(f"{value:.3g} {name}" for name, value in profile.ceilings.items())
    console.print(f"one thread here at best: {limits}")


def draw(path: Path, profile: Profile) -> list[Path]:
    """Draw one bar of the stages' seconds, the training's divided as its kernels' threads spent it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    parts = [(name, seconds) for name, seconds in profile.stages.items() if name != "train"]
    spent = sum(kernel.seconds for kernel in profile.kernels)
    training = profile.stages["train"]
    if spent:
        parts += [(kernel.title, training * kernel.seconds / spent) for kernel in profile.kernels]
    else:
        parts.append(("train", training))
    shown = [(name, seconds) for name, seconds in parts if seconds >= 0.005 * profile.seconds]
    shown.append(("the rest", profile.seconds - sum(seconds for _, seconds in shown)))
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    left = 0.0
    for number, (name, seconds) in enumerate(shown):
        hatch = "" if number < len(_COLOURS) else "//"
        label = f"{name}, {seconds:.3f} s"
        axes.barh(
            0, seconds, left=left, color=_COLOURS[number % len(_COLOURS)], hatch=hatch, edgecolor="white", label=label
        )
        left += seconds
    axes.set_yticks([])
    axes.set_xlim(0, profile.seconds)
    axes.set_xlabel("seconds")
    axes.set_title(f"{profile.benchmark} on {profile.where}")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    with whole_file(path) as aside:
        figure.savefig(aside, dpi=120, format="png")
    return [path]
