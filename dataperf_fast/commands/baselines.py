"""The command ``baselines``: write the submissions that the paper compares with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dataperf_fast.boards.options import some_path
from dataperf_fast.commands import arguments
from dataperf_fast.report.terminal import OK

if TYPE_CHECKING:
    from dataperf_fast.boards.board import Benchmark

EXAMPLE = "baselines debugging data/ --out submissions/"


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    arguments.add_benchmark(command)
    arguments.add_data(command)
    command.add_argument("--out", type=some_path, required=True, metavar="DIR", help="folder for the submissions")
    command.add_argument(
        "--methods", metavar="A,B", help="which [all but the longest: debugging's mc-shapley, acquisition's sweep]"
    )
    command.add_argument("--seed", type=arguments.seed, default=0, help="of what is random [%(default)s]")


def run(options: argparse.Namespace) -> int:
    """Write them, and print the files."""
    from dataperf_fast import boards

    methods = options.methods.split(",") if options.methods else None
    for path in write(boards.load(options.benchmark), options.data, options.out, methods, options.seed):
        print(path)
    return OK


def write(board: Benchmark, data: Path, out: Path, methods: Sequence[str] | None, seed: int) -> list[Path]:
    """Write submissions by those methods."""
    from dataperf_fast.boards import evaluation

    with evaluation.open_engine(board, progress=True) as engine:
        return board.write_baselines(data, out, methods, seed, engine)
