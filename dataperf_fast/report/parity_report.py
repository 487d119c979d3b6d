"""What ``verify`` found, as two tables on a terminal and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING
from xml.etree import ElementTree

from dataperf_fast.formats.files import write_text

if TYPE_CHECKING:
    from dataperf_fast.parity import Report, ScoreCheck


DISAGREES = "the reference disagrees with itself"  # by its precisions


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
            table.add_row(
                check.task, escape(check.submission), " - ".join(check.backends), *shown, str(check.rechecked),
                _verdict(check),
            )  # fmt: skip
        console.print(table)
    for ladder in report.ladders:
        title = (
            f"{ladder.model}, {' - '.join(ladder.backends)}: {ladder.checked} of {ladder.retrains} retrains compared, "
            f"{ladder.rechecked} rechecked, smallest margin {ladder.smallest_margin:.3g}"
        )
        table = Table("rung", title=title, title_justify="left")
        apart = [DISAGREES] if any(rung.disagreeing for rung in ladder.rungs) else []
        for header in ("compared", "differ", "within rounding", *apart, "largest difference", "allowed"):
            table.add_column(header, justify="right")
        for rung in ladder.rungs:
            counts = [rung.compared, rung.differing, rung.excused, *([rung.disagreeing] if apart else [])]
            table.add_row(rung.name, *map(str, counts), _number(rung.largest), _number(rung.tolerance))
        console.print(table)
    console.print(f"{'the same' if report.same else 'DIFFERENT'}, {report.seconds:.1f} s")


def write_junit(path: Path, report: Report) -> None:
    """Write one test case a score and one a rung; where only the reference disagrees with itself it is skipped."""
    suite = ElementTree.Element("testsuite", name=f"dataperf-fast verify {report.benchmark}")
    properties = ElementTree.SubElement(suite, "properties")
    ElementTree.SubElement(properties, "property", name="reference", value=report.reference or "as it is defined")
    counts = {"failure": 0, "skipped": 0, "": 0}
    for group, name, kind, problem in _cases(report):
        case = ElementTree.SubElement(suite, "testcase", classname=group, name=_printable(name))
        counts[kind] += 1
        if kind:
            ElementTree.SubElement(case, kind, message=_printable(problem))
    suite.attrib.update(
        tests=str(sum(counts.values())), failures=str(counts["failure"]), errors="0", skipped=str(counts["skipped"]),
        time=f"{report.seconds:.3f}",
    )  # fmt: skip
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    write_text(path, ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n")


def _cases(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """Group, name, failure or skipped or nothing, and why, of each comparison."""
    for check in report.scores:
        kind = "failure" if check.differs else "skipped" if check.disagrees else ""
        why = f"{_verdict(check)}: {check.scores[0]} and {check.scores[1]}"
        yield f"scores.{'-'.join(check.backends)}", f"{check.task}/{check.submission}", kind, why
    for ladder in report.ladders:
        for rung in ladder.rungs:
            kind = "failure" if rung.differing else "skipped" if rung.disagreeing else ""
            why = f"{rung.differing} of {rung.compared} differ, largest difference {_number(rung.largest)}"
            why += f"; {DISAGREES} in {rung.disagreeing}" if rung.disagreeing else ""
            yield f"{ladder.model}.{'-'.join(ladder.backends)}", rung.name, kind, why


def _verdict(check: ScoreCheck) -> str:
    found = f"differs: {', '.join(check.differs)}" if check.differs else "equal"
    return f"{found}; {DISAGREES}: {', '.join(check.disagrees)}" if check.disagrees else found


def _printable(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
