"""The command ``demo``: a small suite from real images, scored and drawn."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dataperf_fast.boards.options import some_path
from dataperf_fast.commands import baselines, evaluate
from dataperf_fast.report.terminal import OK

EXAMPLE = "demo --out demo"


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    command.add_argument(
        "--out", type=some_path, default=Path("dataperf-demo"), help="folder to write to [%(default)s]"
    )


def run(options: argparse.Namespace) -> int:
    """Write every board's data and baselines, and score them."""
    from dataperf_fast import boards
    from dataperf_fast.boards.options import Options

    folder: Path = options.out / "data"
    print(f"building boards from scikit-learn's handwritten digits, and a made-up round, in {folder}", file=sys.stderr)
    ours = [boards.load(name) for name in boards.NAMES]
    for board in ours:
        board.write_demo(folder / board.name)
    print("scoring them (the first run compiles the kernels, about a minute; later runs do not)", file=sys.stderr)
    worst = OK
    for board in ours:
        data, submissions = folder / board.name, None
        if board.in_room("baselines"):
            submissions = [data / "submissions"]
            baselines.write(board, data, submissions[0], board.demo_methods, seed=0)
        out = options.out / "results" / board.name
        worst = max(worst, evaluate.score(board, data, submissions, Options(whole=True), out=out))
    return worst
