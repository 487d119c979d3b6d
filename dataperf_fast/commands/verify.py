"""The command ``verify``: compare backends on the same files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dataperf_fast.boards.options import positive, some_path
from dataperf_fast.commands import arguments
from dataperf_fast.files.errors import InputError
from dataperf_fast.report.terminal import BAD_INPUT, FAILURE, OK, complain, line_of

if TYPE_CHECKING:
    from dataperf_fast.parity.comparison import Report

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
    command.add_argument("--junit", type=some_path, metavar="FILE", help="write JUnit XML")


def run(options: argparse.Namespace) -> int:
    """Compare, print, write."""
    from dataperf_fast import parity
    from dataperf_fast.parity import report as reports
    from dataperf_fast.report.progress import Bar

    _remove_earlier(options.junit)
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
            _is_written(partial(reports.write_failed_junit, options.junit, options.benchmark, line))
        raise
    written = options.junit is None or _is_written(partial(reports.write_junit, options.junit, report))
    written &= _is_written(partial(_print, report, options.format))
    for name, reason in report.left_out.items():
        print(f"{name} is not compared: {reason}", file=sys.stderr)
    for line in report.invalid:
        complain(line)
    if report.verdicts["different"]:
        complain("the backends differ")
        return FAILURE
    if not report.compared:
        complain(reports.NOTHING)
    return OK if report.same and written else BAD_INPUT


def _remove_earlier(junit: Path | None) -> None:
    """Whoever reads the XML alone must not take an earlier one for this run's."""
    if junit is None or not junit.is_file() or junit.is_symlink():  # /dev/stdout is one
        return
    try:
        junit.unlink()
    except OSError as error:
        raise InputError(junit, f"cannot be replaced ({error.strerror})", expected="a place for a file") from error


def _print(report: Report, output: str) -> None:
    from dataperf_fast.parity import report as reports

    if output == "json":
        print(json.dumps(report.as_dict(), allow_nan=False))
    else:
        reports.print_report(report, sys.stdout)
    sys.stdout.flush()


def _is_written(write: Callable[[], None]) -> bool:
    """Whether a report could be written; a line says why not. Status 1 is that of scores that differ."""
    try:
        write()
    except OSError as error:
        complain(line_of(error))
        return False
    return True
