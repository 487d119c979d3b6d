"""The command ``verify``: compare backends on the same files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from dataperf_fast.boards.options import path_of, positive
from dataperf_fast.commands import arguments
from dataperf_fast.report.terminal import BAD_INPUT, FAILURE, OK, complain, line_of

EXAMPLE = "verify speech data/ --submissions mine/ --sample 5"
KEEPS = False  # finished retrains: a stopped run begins anew


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    arguments.add_benchmark(command)
    arguments.add_data(command)
    arguments.add_submissions(command)
    command.add_argument(
        "--backends", metavar="A,B", help="the first is compared with each of the others [cpu, cuda if any, reference]"
    )
    command.add_argument(
        "--sample",
        type=positive,
        metavar="N",
        help="compare N retrains with the reference, and no whole score [all scores, and 10 retrains]",
    )
    command.add_argument("--seed", type=arguments.seed, default=0, help="of the sample [%(default)s]")
    command.add_argument("--model", metavar="NAME", help="as evaluate takes it")
    arguments.add_own(command, named, lambda board: board.options)
    arguments.add_jobs(command)
    arguments.add_format(command, "one object")
    command.add_argument("--junit", type=path_of, metavar="FILE", help="write JUnit XML")


def run(options: argparse.Namespace) -> int:
    """Compare, print, write."""
    from dataperf_fast import parity
    from dataperf_fast.parity import report as reports
    from dataperf_fast.report.progress import Bar

    if options.junit is not None and options.junit.is_file() and not options.junit.is_symlink():  # /dev/stdout is one
        options.junit.unlink()  # whoever reads only that must not take an earlier one for this run's
    try:
        arguments.require_model(options)
        own = arguments.own_of_board(options, lambda board: board.options)
        with Bar() as bar:
            report = parity.verify(
                options.benchmark, options.data, options.submissions,
                names=options.backends.split(",") if options.backends else None, model=options.model,
                sample=options.sample, seed=options.seed, jobs=options.jobs, progress=bar, own=own,
            )  # fmt: skip
    except Exception as error:
        if options.junit is not None:
            line = line_of(error, arguments.is_private(options))
            reports.write_failed_junit(options.junit, options.benchmark, line)
        raise
    if options.format == "json":
        print(json.dumps(report.as_dict(), allow_nan=False))
    else:
        reports.print_report(report, sys.stdout)
    if options.junit is not None:
        reports.write_junit(options.junit, report)
    for line in report.invalid:
        complain(line)
    if report.verdicts["different"]:
        complain("the backends differ")
        return FAILURE
    if not report.compared:
        complain(reports.NOTHING)
    return OK if report.same else BAD_INPUT
