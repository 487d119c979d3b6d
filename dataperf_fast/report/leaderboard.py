"""The leaderboard as static pages: an index, and one page a setting with its ranking and its entries' plots."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataperf_fast.files.paths import write_text
from dataperf_fast.report import downloads
from dataperf_fast.report.leaderboard_plots import Curves, axis_over, bars, plotted_of, ranges_of, strip
from dataperf_fast.report.ranks import Row, Setting, finite, rounded, rows_of
from dataperf_fast.report.rounding import DIGITS, REPR, fixed, written

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES = Path(__file__).with_name("templates")
_MANY = 200  # entries of a setting from which only some get a section
_BEST = 100  # of those
_TASKS = 60  # plotted of an entry
_TASKS_OF_PAGE = 3_000
_MARK = re.compile('<meta name="dataperf-fast" content="([0-9]+) scores of ([^"]*)">')
_HEAD = 4096  # characters of a page that hold it


@dataclass(frozen=True)
class Served:
    """What pages on a server show besides: how the contest ``stands``, what was ``said`` and when, whose they are.

    Pages for all link to entries' own pages.
    """

    stands: str
    said: Sequence[tuple[str, str]] = ()
    for_all: bool = True


def write(
    folder: Path, name: str, settings: Sequence[Setting], made: str, frozen: str = "", served: Served | None = None
) -> list[Path]:
    """Write index.html, one page a setting with its downloads, and style and script into a folder; return the files.

    ``name`` is the contest's; ``made`` says when and by which version, at the foot of each page, and ``frozen`` since
    when nothing more is taken, if so, at the head. Pages that are ``served`` show themselves anew, and link to the rest
    of the server.
    """
    slugs = [setting.slug for setting in settings]
    for slug in slugs:
        if not re.fullmatch("[a-z0-9-]+", slug) or slug == "index" or slugs.count(slug) > 1:
            raise ValueError(f"the slug {slug!r} is not the name of one page: [a-z0-9-]+, no other's, and not index")
    environment = _environment()
    boards = [_board(setting) for setting in settings]
    common = {
        "name": name, "made": made, "settings": settings, "scores": scores_in(settings), "frozen": frozen,
        "served": served, "alone": False, "home": False,
    }  # fmt: skip

    def page(template: str, values: Mapping[str, object]) -> str:
        return environment.get_template(template).render({**common, **values})

    files = {"index.html": page("index.html", {"boards": boards, "home": True})}
    for setting, board in zip(settings, boards, strict=True):
        files[f"{setting.slug}.html"] = page("setting.html", {**board, **_page(setting, board["rows"])})
        files |= downloads.files(name, setting, board["rows"])
    files |= {file: (_TEMPLATES / file).read_text(encoding="utf-8") for file in ("style.css", "table.js")}
    for file, text in files.items():  # when all of them are made: no half of a site
        write_text(folder / file, text)
    return [folder / file for file in files]


def articles(setting: Setting) -> str:
    """What a page shows of each of a setting's entries, by itself: curves, parts, what it was before."""
    board = _board(setting)
    page = _page(setting, board["rows"])
    template = _environment().get_template("article.html")
    sections: Any = page["sections"]
    return "".join(
        template.render(**board, **page, alone=True, row=row, panels=panels, tasks=tasks)
        for row, panels, tasks in sections
        if row.entry.kind != "paper"
    )


def scores_in(settings: Sequence[Setting]) -> int:
    """How many entries of a contest's own have a score."""
    return sum(row.rank is not None for setting in settings for row in rows_of(setting))


def lying_in(folder: Path) -> tuple[str, int | None]:
    """The contest whose pages lie in a folder, and how many scores they show; None where they do not say."""
    try:
        with (folder / "index.html").open(encoding="utf-8", errors="replace") as file:
            found = _MARK.search(file.read(_HEAD))
    except OSError:  # not there
        return "", 0
    return (unescape(found[2]), int(found[1])) if found else ("", None)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(visible=_visible, isolated=isolated, day=_day, seconds=_seconds, decimals=_decimals)
    return environment


def _board(setting: Setting) -> dict[str, Any]:
    """What a setting's page and its card on the index share."""
    rows = [rounded(row, setting.digits) for row in rows_of(setting)]
    return {
        "setting": setting,
        "rows": rows,
        "texts": _texts(rows, setting.digits),
        "leaders": [row for row in rows if row.rank == 1],
        "counts": _counts(rows),
        "over": _spread(rows),
        "strip": strip(rows),
    }


def _page(setting: Setting, rows: Sequence[Row]) -> dict[str, object]:
    """The bars of all entries, and the plots of some: on the same axes, beside the range of those that compete."""
    scored = [row for row in rows if row.score is not None]
    many = len(rows) > _MANY
    shown = [row for at, row in enumerate(scored) if not many or at < _BEST or row.entry.kind == "baseline"]
    ranges = ranges_of(scored, setting.metric)
    most = max(5, min(_TASKS, _TASKS_OF_PAGE // max(len(shown), 1)))
    tasks = {row.number: dict(list(plotted_of(row, setting.metric).items())[:most]) for row in shown}
    plotted = [score for of_row in tasks.values() for score in of_row.items()]
    ends = (end for task, score in plotted for end in (*ranges[task], score) if end is not None)
    curves = Curves(shown, most)
    return {
        "bars": bars(scored),
        "detailed": {row.number for row in shown},
        "many": many,
        "best": _BEST,
        "sections": [(row, curves.panels(row), {} if curves.cover(row) else tasks[row.number]) for row in shown],
        "ranges": ranges,
        "axis": axis_over(ends, 38, 85),
        "leader": curves.leader,
        "most_tasks": most,
    }


def _spread(rows: Sequence[Row]) -> str:
    """Over what the spreads are that are shown; nothing where there are none."""
    counting = [sum(part.counts for part in row.entry.parts) for row in rows if finite(row.entry.spread) is not None]
    return f"standard deviation over {'tasks' if max(counting) > 1 else 'seeds or trials'}" if counting else ""


def _counts(rows: Sequence[Row]) -> str:
    """Such as "12 submissions, 3 baselines, 1 invalid"."""
    competing = [row.entry.kind for row in rows if row.rank is not None]
    paper = sum(row.score is not None and row.entry.kind == "paper" for row in rows)
    without = [row.entry.status if row.entry.status != "ok" else "without a score" for row in rows if row.score is None]
    counts = [(competing.count(kind), kind + "s" * (competing.count(kind) != 1)) for kind in ("submission", "baseline")]
    counts.append((paper, "from the paper"))
    counts += [(without.count(status), status) for status in dict.fromkeys(without)]
    return ", ".join(f"{count:,} {what}" for count, what in counts if count) or "no entries yet"


def _texts(rows: Sequence[Row], shown: int | None) -> dict[int, str]:
    """The scores to so many decimals, padded to align at the point; None: to four, or as many as tell them apart."""
    scores = {row.number: row.exact for row in rows if row.exact is not None}
    ordered = sorted(set(scores.values()))
    digits = dict.fromkeys(ordered, DIGITS if shown is None else shown)
    for lower, upper in pairwise(ordered) if shown is None else ():
        telling = _telling(lower, upper)
        digits[lower], digits[upper] = max(digits[lower], telling), telling
    texts = {score: _written(score, digits[score]) for score in ordered}
    width = max((len(text.split(".")[0]) for text in texts.values() if "e" not in text), default=0)
    padding = {score: "\N{FIGURE SPACE}" * (width - len(text.split(".")[0])) for score, text in texts.items()}
    return {number: padding[score] + texts[score] for number, score in scores.items()}


def _telling(lower: Fraction, upper: Fraction) -> int:
    """Decimals from which on, however many more are shown, two values look different."""
    low, high, apart = float(lower), float(upper), float(min(upper - lower, Fraction(1)))
    for digits in range(DIGITS, REPR):
        if apart > 0.999999 * 10.0**-digits and fixed(lower, digits) != fixed(upper, digits):
            return digits
    return REPR if low != high else max(REPR, 1 - math.floor(math.log10(apart))) + 1


def _written(score: Fraction, digits: int) -> str:
    """A score with so many decimals; beyond what a float holds they are its own."""
    return fixed(score, digits) if digits <= REPR else written(score, digits)


def _decimals(value: float | None, digits: int | None = None) -> str:
    known = finite(value)
    if known is None:
        return ""
    if digits is not None:
        return fixed(known, digits)
    return f"{known:.1e}" if 0 < abs(known) < 5e-5 else fixed(known)


def _seconds(value: float | None) -> str:
    known = finite(value)
    return "" if known is None else f"{known:,.0f}" if 99.95 <= known < 1e12 else f"{known:#.3g}"


def _day(date: str) -> str:
    return date[:10] if re.match(r"\d{4}-\d\d-\d\d", date) else isolated(date, 12)


def _visible(text: str, most: int = 2000) -> str:
    """A stranger's text in one line, cut, with what would not print (line ends, text direction, ...) written out."""
    shown = text[:most]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)
    if max(len(text), len(shown)) > most:
        shown = f"{shown[: most - 1]}…"
    return shown if shown.strip() else "(no name)"


def isolated(text: str, most: int = 2000) -> Markup:
    """A stranger's text as a page shows it: in a box of its own, in one line, cut."""
    from markupsafe import Markup

    return Markup("<bdi>{}</bdi>").format(_visible(text, most))
