"""What ``verify`` found, as two tables on a terminal and as JUnit XML: the same verdicts in both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from dataperf_fast.files.paths import write_text
from dataperf_fast.parity.comparison import DISAGREES, Verdict

if TYPE_CHECKING:
    from dataperf_fast.parity.comparison import Ladder, Report

NOTHING = "nothing was compared"
_ELEMENTS: dict[Verdict, str] = {"different": "failure", "error": "error", "skipped": "skipped"}
_COUNTED: dict[Verdict, str] = {"different": "different", "error": "in error", "skipped": "skipped"}


class _Case(NamedTuple):
    """A test case: its group and name, the verdict, and why that is not ``equal``."""

    group: str
    name: str
    verdict: Verdict
    reason: str


def print_report(report: Report, stream: IO[str]) -> None:
    """Print the scores, the ladder, and the verdict."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(file=stream, width=None if stream.isatty() else 160, highlight=False)
    if report.scores:
        table = Table("task", "submission", "backends", title=f"{report.benchmark}: scores", title_justify="left")
        for header in ("first", "second", "rechecked", "verdict"):
            table.add_column(header, justify="right")
        for check in report.scores:
            shown = ["" if score is None else f"{score:.6f}" for score in check.scores]
            # An error's line goes to standard error.
            said = f"{check.verdict}: {check.reason}" if check.verdict in ("different", "skipped") else check.verdict
            table.add_row(
                check.task, escape(check.submission), " - ".join(check.backends), *shown, str(check.rechecked),
                escape(said),
            )  # fmt: skip
        console.print(table)
    for ladder in report.ladders:
        table = Table("rung", title=_title(ladder), title_justify="left")
        apart = [DISAGREES] if any(rung.disagreeing for rung in ladder.rungs) else []
        for header in ("compared", "differ", "within rounding", *apart, "largest difference", "allowed", "verdict"):
            table.add_column(header, justify="right")
        for rung in ladder.rungs:
            counts = [rung.compared, rung.differing, rung.excused, *([rung.disagreeing] if apart else [])]
            sizes = _number(rung.largest), _number(rung.tolerance)
            table.add_row(rung.name, *map(str, counts), *sizes, rung.verdict)
        console.print(table)
    console.print(f"{_summary(report)}, {report.seconds:.1f} s")


def _title(ladder: Ladder) -> str:
    nearest = f", smallest margin {ladder.smallest_margin:.3g}" if ladder.smallest_margin < float("inf") else ""
    return (
        f"{ladder.model}, {' - '.join(ladder.backends)}: {ladder.checked} of {ladder.retrains} retrains compared, "
        f"{ladder.rechecked} rechecked{nearest}"
    )


def _summary(report: Report) -> str:
    """The verdict on the whole, and how much has another than ``equal``."""
    found = report.verdicts
    whole = "DIFFERENT" if found["different"] else "the same" if report.compared else NOTHING.upper()
    if whole == "the same" and found["error"]:
        whole = "the same where compared"
    return ", ".join([whole, *(f"{count} {words}" for verdict, words in _COUNTED.items() if (count := found[verdict]))])


def write_junit(path: Path, report: Report) -> None:
    """Write one test case a score and one a rung; what was not compared is an error or skipped, and says why."""
    _write(path, report.benchmark, report.reference or "as it is defined", list(_cases(report)), report.seconds)


def write_failed_junit(path: Path, benchmark: str, line: str) -> None:
    """Write the one error that ended a comparison before it had a report."""
    _write(path, benchmark, "not known", [_Case("verify", benchmark, "error", line)], 0.0)


def _write(path: Path, benchmark: str, reference: str, cases: Iterable[_Case], seconds: float) -> None:
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", name=f"dataperf-fast verify {benchmark}")
    properties = ElementTree.SubElement(suite, "properties")
    ElementTree.SubElement(properties, "property", name="reference", value=_printable(reference))
    counts = dict.fromkeys(("tests", *_ELEMENTS.values()), 0)
    for case in cases:
        written = ElementTree.SubElement(suite, "testcase", classname=case.group, name=_printable(case.name))
        counts["tests"] += 1
        if case.verdict != "equal":
            counts[_ELEMENTS[case.verdict]] += 1
            ElementTree.SubElement(written, _ELEMENTS[case.verdict], message=_printable(case.reason))
    suite.attrib.update(
        tests=str(counts["tests"]), failures=str(counts["failure"]), errors=str(counts["error"]),
        skipped=str(counts["skipped"]), time=f"{seconds:.3f}",
    )  # fmt: skip
    ElementTree.indent(root)
    write_text(path, ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n")


def _cases(report: Report) -> Iterator[_Case]:
    """Every comparison; where they compared nothing, and none is an error, one that says so."""
    for check in report.scores:
        name = f"{check.task}/{check.submission}"
        yield _Case(f"scores.{'-'.join(check.backends)}", name, check.verdict, check.reason)
    for ladder in report.ladders:
        for rung in ladder.rungs:
            yield _Case(f"{ladder.model}.{'-'.join(ladder.backends)}", rung.name, rung.verdict, rung.reason)
    for name, reason in report.left_out.items():
        yield _Case("verify", name, "skipped", f"is not compared: {reason}")
    if not report.compared and not report.verdicts["error"]:
        yield _Case("verify", report.benchmark, "error", NOTHING)


def _printable(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
