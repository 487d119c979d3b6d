"""A room a board: official files -> plan -> score. ``evaluation`` is the loop that scores them.

Boards of other packages are found through the entry points ``dataperf_fast.benchmarks``.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataperf_fast.boards.board import Benchmark

NAMES = ("speech", "vision", "debugging", "acquisition", "nibbler")  # ours; others come through entry points
GROUP = "dataperf_fast.benchmarks"


def names() -> list[str]:
    """Every board that is installed, ours first."""
    found = {point.name for point in entry_points(group=GROUP)}
    return [*NAMES, *sorted(found - set(NAMES))]


def load(benchmark: str) -> Benchmark:
    """The board of that name, ours or one that another package names in its entry points."""
    from dataperf_fast.boards.board import Benchmark
    from dataperf_fast.files.errors import InputError, shorten

    if benchmark in NAMES:  # without a look at every installed package
        ours: Benchmark = importlib.import_module(f"dataperf_fast.boards.{benchmark}.board").BOARD
        return ours
    points = list(entry_points(group=GROUP, name=benchmark))
    if not points:
        raise InputError("benchmark", f"is {shorten(benchmark)}", expected=" or ".join(names()))
    made = points[0].load()
    if not (isinstance(made, type) and issubclass(made, Benchmark)):
        raise InputError(points[0].value, "is no board", value=made, expected="a subclass of Benchmark")
    return made()
