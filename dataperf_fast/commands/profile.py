"""The command ``profile``: say where an evaluation's time goes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from dataperf_fast.boards.options import some_path
from dataperf_fast.commands import arguments
from dataperf_fast.report.terminal import BAD_INPUT, OK, complain

EXAMPLE = "profile debugging data/ --curve --out profiled/"


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    arguments.add_benchmark(command)
    arguments.add_data(command)
    arguments.add_submissions(command)
    command.add_argument("--backend", default="auto", choices=("auto", "cpu", "cuda"))
    arguments.add_jobs(command)
    command.add_argument("--model", metavar="NAME", help="as evaluate takes it")
    command.add_argument("--curve", action="store_true", help="all that files show: debugging's every point")
    arguments.add_format(command, "one object")
    command.add_argument("--out", type=some_path, metavar="DIR", help="write results, profile.json and profile.png")


def run(options: argparse.Namespace) -> int:
    """Score once looking at the clock, print, write."""
    from dataperf_fast import profiling
    from dataperf_fast.files.paths import write_text
    from dataperf_fast.profiling import report
    from dataperf_fast.report.pictures import drawn

    arguments.require_model(options)
    found = profiling.profile(
        options.benchmark, options.data, options.submissions, backend=options.backend, model=options.model,
        curve=options.curve, jobs=options.jobs, out=options.out, progress=True,
    )  # fmt: skip
    if options.format == "json":
        print(json.dumps(found.as_dict(), allow_nan=False))
    else:
        report.print_profile(found, sys.stdout)
    if options.out is not None:
        write_text(options.out / "profile.json", json.dumps(found.as_dict(), indent=1, allow_nan=False) + "\n")
        drawn(lambda: report.draw(options.out / "profile.png", found))
    for line in found.invalid:
        complain(line)
    return BAD_INPUT if found.invalid else OK
