"""What ``verify`` found, as two tables on a terminal and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING
from xml.etree import ElementTree

from dataperf_fast.formats.files import write_text

if TYPE_CHECKING:
    from dataperf_fast.parity import Report


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
            verdict = f"differs: {', '.join(check.differs)}" if check.differs else "equal"
            table.add_row(
                check.task, escape(check.submission), " - ".join(check.backends), *shown, str(check.rechecked), verdict
            )
        console.print(table)
    for ladder in report.ladders:
        title = (
            f"{ladder.model}, {' - '.join(ladder.backends)}: {ladder.checked} of {ladder.retrains} retrains compared, "
            f"{ladder.rechecked} rechecked, smallest margin {ladder.smallest_margin:.3g}"
        )
        table = Table("rung", title=title, title_justify="left")
        for header in ("compared", "differ", "within rounding", "largest difference", "allowed"):
            table.add_column(header, justify="right")
        for rung in ladder.rungs:
            table.add_row(
                rung.name, str(rung.compared), str(rung.differing), str(rung.excused), _number(rung.largest),
                _number(rung.tolerance),
            )  # fmt: skip
        console.print(table)
    console.print(f"{'the same' if report.same else 'DIFFERENT'}, {report.seconds:.1f} s")


def write_junit(path: Path, report: Report) -> None:
    """Write one test case a score and one a rung."""
    suite = ElementTree.Element("testsuite", name=f"dataperf-fast verify {report.benchmark}")
    cases = failures = 0
    for group, name, problem in _cases(report):
        case = ElementTree.SubElement(suite, "testcase", classname=group, name=_printable(name))
        cases += 1
        if problem:
            failures += 1
            ElementTree.SubElement(case, "failure", message=_printable(problem))
    suite.attrib.update(tests=str(cases), failures=str(failures), errors="0", time=f"{report.seconds:.3f}")
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    write_text(path, ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n")


def _cases(report: Report) -> Iterator[tuple[str, str, str]]:
    """Group, name and problem, if any, of each comparison."""
    for check in report.scores:
        problem = f"{', '.join(check.differs)}: {check.scores[0]} and {check.scores[1]}" if check.differs else ""
        yield f"scores.{'-'.join(check.backends)}", f"{check.task}/{check.submission}", problem
    for ladder in report.ladders:
        for rung in ladder.rungs:
            problem = f"{rung.differing} of {rung.compared} differ, largest difference {_number(rung.largest)}"
            yield f"{ladder.model}.{'-'.join(ladder.backends)}", rung.name, problem if rung.differing else ""


def _printable(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
