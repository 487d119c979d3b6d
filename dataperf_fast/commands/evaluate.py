"""The command ``evaluate``: score submissions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dataperf_fast.boards.options import some_path
from dataperf_fast.commands import arguments
from dataperf_fast.report.terminal import BAD_INPUT, FAILURE, OK, complain

if TYPE_CHECKING:
    from dataperf_fast.boards.board import Benchmark
    from dataperf_fast.boards.options import Options
    from dataperf_fast.files.records import Record

EXAMPLE = "evaluate debugging data/ --submissions mine/ 01g317_other.txt --out results/"


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    arguments.add_benchmark(command)
    arguments.add_data(command)
    arguments.add_submissions(command)
    arguments.add_backend(command)
    arguments.add_jobs(command)
    command.add_argument("--out", type=some_path, metavar="DIR", help="write official results, a table and pictures")
    arguments.add_format(command, "one record a line")
    command.add_argument("--model", metavar="NAME", help=arguments.choices_of_model(named))
    arguments.add_own(command, named, lambda board: board.options)
    command.add_argument("--no-cache", action="store_true", help="neither read nor keep finished retrains and tables")


def run(options: argparse.Namespace) -> int:
    """Score, print, write."""
    from dataperf_fast import boards
    from dataperf_fast.boards.options import Options

    arguments.require_model(options)
    own = arguments.own_of_board(options, lambda board: board.options)
    chosen = Options(options.model, own, whole=options.out is not None)
    return score(
        boards.load(options.benchmark), options.data, options.submissions, chosen, options.backend, options.jobs,
        options.out, options.format, not options.no_cache,
    )  # fmt: skip


def score(
    board: Benchmark,
    data: Path,
    submissions: Sequence[Path] | None,
    options: Options,
    backend: str = "auto",
    jobs: int | None = None,
    out: Path | None = None,
    output: str = "table",
    cache: bool = True,
) -> int:
    """Score submissions, print their records as they come or at the end, and write what ``out`` is to hold."""
    from dataperf_fast.boards import evaluation
    from dataperf_fast.files.paths import listed
    from dataperf_fast.report import tables

    records: list[Record] = []
    written: list[Path] = []
    whole = True
    with evaluation.open_engine(board, options.model, backend, jobs, cache, progress=True) as engine:
        made = board.evaluate(data, listed(submissions), engine, options)
        for evaluated in evaluation.with_files(board, made, engine, out):
            records += evaluated.records
            written += evaluated.written
            whole &= evaluated.whole
            if output == "json":
                for record in evaluated.records:
                    print(record.to_json(), flush=True)
    if output == "table":
        tables.print_records(records, board.columns, sys.stdout)
    for path in dict.fromkeys(written):
        print(f"wrote {path}", file=sys.stderr)
    # One line for a broken task, however many submissions it had.
    bad = [record for record in records if record.status not in ("ok", "pending")]
    for line in dict.fromkeys(record.error or record.status for record in bad):
        complain(line)
    return FAILURE if not whole else BAD_INPUT if bad else OK
