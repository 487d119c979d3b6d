"""Records as a table on a terminal and as a csv file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any

from dataperf_fast.files.paths import write_text
from dataperf_fast.files.records import Record
from dataperf_fast.report.ranks import Setting, ranking
from dataperf_fast.report.rounding import fixed, shown_score
from dataperf_fast.report.terminal import harmless

_LONGEST_TABLE = 50
_COUNTS = ("retrains", "distinct", "rechecked")


def print_records(records: Sequence[Record], columns: Mapping[str, str], stream: IO[str]) -> None:
    """Print records that are scored, or pending, as a table; others are reported as errors elsewhere.

    ``columns`` are details that are shown, with their headers.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(file=stream, width=None if stream.isatty() else 160, highlight=False)
    by_metric: dict[str, list[Record]] = {}
    for record in records:
        if record.status in ("ok", "pending"):
            by_metric.setdefault(record.metric, []).append(record)
    for metric, scored in by_metric.items():
        first = scored[0]
        shown = {name: header for name, header in columns.items() if any(name in record.details for record in scored)}
        better = "higher" if first.higher_is_better else "lower"
        table = Table(title=f"{first.benchmark}: {metric} ({better} is better)", title_justify="left")
        table.add_column("task")
        table.add_column("submission")
        retrains = any(record.retrains for record in scored)
        for header in ("score", *shown.values(), *(_COUNTS if retrains else ()), "seconds"):
            table.add_column(header, justify="right")
        for record in scored:
            score = record.status if record.score is None else fixed(record.score)
            details = [_number(record.details.get(name)) for name in shown]
            counts = [str(getattr(record, name)) for name in _COUNTS] if retrains else []
            table.add_row(record.task, escape(record.submission), score, *details, *counts, f"{record.seconds:.2f}")
        console.print(table)


def print_standings(settings: Sequence[Setting], stream: IO[str], output: str) -> None:
    """Print a contest's standings, a table a setting, best first; or as JSON, a line an entry."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(file=stream, width=None if stream.isatty() else 160, highlight=False)
    for setting in settings:
        ranked = ranking(setting)
        if output == "json":
            for rank, entry in ranked:
                line = {"setting": setting.slug, "rank": rank, **asdict(entry)}
                del line["exact"], line["parts"], line["rounded"]  # of which the score is the nearest float
                print(json.dumps(line, allow_nan=False), file=stream)
            continue
        better = "higher" if setting.higher_is_better else "lower"
        table = Table(title=f"{setting.title}: {setting.metric} ({better} is better)", title_justify="left")
        for header in ("rank", "submission", "score", "spread", "retrains", "seconds", "status"):
            table.add_column(header, justify="left" if header in ("submission", "status") else "right")
        for rank, entry in ranked[:_LONGEST_TABLE]:
            value = entry.score if entry.exact is None else entry.exact
            score = "" if value is None else shown_score(value, setting.digits)
            cost = ("", "") if entry.kind == "paper" else (str(entry.retrains), f"{entry.seconds:.2f}")
            status = entry.kind if entry.status == "ok" and entry.kind != "submission" else entry.status
            table.add_row(str(rank or ""), escape(entry.submission), score, _number(entry.spread), *cost, status)
        if len(ranked) > _LONGEST_TABLE:
            table.caption = f"and {len(ranked) - _LONGEST_TABLE} more"
        console.print(table)


def print_log(ran: dict[str, Any], stream: IO[str], output: str) -> None:
    """Print what an algorithm's run printed, below a line that says whose and how it went; or the run as JSON."""
    if output == "json":
        print(json.dumps(ran), file=stream)
        return
    place = " / ".join(ran[name] for name in ("board", "dataset", "task", "submission"))
    print(f"== {place}: {ran['problem'] or 'answered'}, {ran['seconds']:.1f} s, {ran['finished']}", file=stream)
    for line in ran["log"].splitlines():
        print(harmless(line), file=stream)


def write_csv(path: Path, records: Sequence[Record]) -> None:
    """Write one line a record, without ``details``."""
    names = [field.name for field in fields(Record) if field.name != "details"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([getattr(record, name) for name in names] for record in records)
    write_text(path, text.getvalue())


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)
