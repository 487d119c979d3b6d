"""The leaderboard as static pages: an index, and one page a setting with its ranking and its entries' plots."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataperf_fast.files.paths import write_text
from dataperf_fast.files.records import decimal

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES = Path(__file__).with_name("templates")
_MANY = 200  # entries of a setting from which only some get a section
_BEST = 100  # of those
_POINTS = 300  # of a curve
_POINTS_OF_PAGE = 120_000
_TASKS = 60  # plotted of an entry
_TASKS_OF_PAGE = 3_000
_LANDMARKS = 10  # baselines and paper figures with a line in the picture
_BINS = 90
_STACK = 12  # dots on each other; more become columns
_REPR = 18  # decimals that stand for all that Python writes of a float
_MARK = re.compile('<meta name="dataperf-fast" content="([0-9]+) scores of ([^"]*)">')
_HEAD = 4096  # characters of a page that hold it
_PANEL = (46.0, 330.0, 26.0, 156.0)  # left, right, top, bottom of a curve's axes


@dataclass(frozen=True)
class Entry:
    """One line of a setting. The texts are strangers' and may be anything."""

    submission: str
    kind: str  # submission | baseline | paper
    score: float | None  # None: invalid, pending or failed
    status: str = "ok"  # ok | invalid | failed | pending
    spread: float | None = None  # standard deviation over seeds, trials or tasks
    date: str = ""  # ISO 8601, when scored
    seconds: float | None = None
    retrains: int | None = None
    tasks: Mapping[str, float | None] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)  # by task
    note: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    exact: Fraction | None = None  # the score before it was rounded, which ranks go by; None: its shortest decimal


@dataclass(frozen=True)
class Setting:
    """One page: what is compared, and by which metric."""

    slug: str  # file name without .html: [a-z0-9-]+
    title: str
    metric: str
    higher_is_better: bool
    description: str = ""
    curve_label: str = ""  # y axis of the curves
    steps_label: str = "step"  # x axis, 1..n
    entries: Sequence[Entry] = ()


@dataclass(frozen=True)
class _Row:
    """An entry at its place; its number is that in the setting, so that links survive a change of places."""

    entry: Entry
    number: int
    score: float | None = None  # finite, and only of what is shown with a score
    exact: Fraction | None = None  # likewise
    rank: int | None = None


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float = 3  # where its ends lie in the picture, in its units or percent
    end: float = 97

    def at(self, value: float) -> float:
        """Where a value lies in the picture; beyond the ends, at the end."""
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        return round(self.start + (self.end - self.start) * share, 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Three to eight round values, each with its text."""
        power = 10.0 ** math.floor(math.log10((self.high - self.low) / 4))
        step = next(power * factor for factor in (5, 2, 1) if (self.high - self.low) / (power * factor) >= 3)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        values = [(first + number) * step for number in range(12)]
        return [(value, _fixed(value + 0.0, digits)) for value in values if value <= self.high + 1e-9 * step]


def write(folder: Path, name: str, settings: Sequence[Setting], made: str) -> list[Path]:
    """Write index.html, one page a setting, and their style and script into a folder; return the files.

    ``name`` is the contest's; ``made`` says when and by which version, at the foot of each page.
    """
    slugs = [setting.slug for setting in settings]
    for slug in slugs:
        if not re.fullmatch("[a-z0-9-]+", slug) or slug == "index" or slugs.count(slug) > 1:
            raise ValueError(f"the slug {slug!r} is not the name of one page: [a-z0-9-]+, no other's, and not index")
    environment = _environment()
    boards = [_board(setting) for setting in settings]
    common = {"name": name, "made": made, "settings": settings, "scores": scores_in(settings)}

    def page(template: str, values: Mapping[str, object]) -> str:
        return environment.get_template(template).render({**common, **values})

    files = {"index.html": page("index.html", {"boards": boards})}
    for setting, board in zip(settings, boards, strict=True):
        files[f"{setting.slug}.html"] = page("setting.html", {**board, **_page(setting, board["rows"])})
    files |= {file: (_TEMPLATES / file).read_text(encoding="utf-8") for file in ("style.css", "table.js")}
    for file, text in files.items():  # when all of them are made: no half of a site
        write_text(folder / file, text)
    return [folder / file for file in files]


def scores_in(settings: Sequence[Setting]) -> int:
    """How many entries of a contest's own have a score."""
    rows = [row for setting in settings for row in _rows(setting)]
    return sum(row.rank is not None for row in rows)


def lying_in(folder: Path) -> tuple[str, int | None]:
    """The contest whose pages lie in a folder, and how many scores they show; None where they do not say."""
    try:
        with (folder / "index.html").open(encoding="utf-8", errors="replace") as file:
            found = _MARK.search(file.read(_HEAD))
    except OSError:  # not there
        return "", 0
    return (unescape(found[2]), int(found[1])) if found else ("", None)


def ranking(setting: Setting) -> list[tuple[int | None, Entry]]:
    """A setting's entries as its page shows them, best first, each with its rank if it competes."""
    return [(row.rank, row.entry) for row in _rows(setting)]


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(visible=_visible, isolated=_isolated, day=_day, seconds=_seconds, decimals=_decimals)
    return environment


def _rows(setting: Setting) -> list[_Row]:
    """Scored entries best first, with competition ranks where they compete; then the others as they came."""
    scored, others = [], []
    for number, entry in enumerate(setting.entries, 1):
        score = _finite(entry.score)
        if score is None or entry.status != "ok" or entry.kind not in {"submission", "baseline", "paper"}:
            others.append(_Row(entry, number))
        else:
            scored.append(_Row(entry, number, score, decimal(score) if entry.exact is None else entry.exact))
    sign = -1 if setting.higher_is_better else 1
    scored.sort(key=lambda row: (sign * (row.exact or 0), row.entry.kind == "paper", row.entry.date, row.number))
    ranked, competing, last = [], 0, _Row(Entry("", "", None), 0)
    for row in scored:
        if row.entry.kind != "paper":
            competing += 1
            last = replace(row, rank=last.rank if row.exact == last.exact else competing)
        ranked.append(row if row.entry.kind == "paper" else last)
    return ranked + others


def _finite(value: float | None) -> float | None:
    """A number without its infinities and its negative zero."""
    return float(value) + 0.0 if value is not None and math.isfinite(value) else None


def _board(setting: Setting) -> dict[str, Any]:
    """What a setting's page and its card on the index share."""
    rows = _rows(setting)
    texts = _texts(rows)
    leaders = [row for row in rows if row.rank == 1]
    return {
        "setting": setting,
        "rows": rows,
        "texts": texts,
        "leaders": leaders,
        "counts": _counts(rows),
        "strip": _strip(rows),
    }


def _page(setting: Setting, rows: Sequence[_Row]) -> dict[str, object]:
    scored = [row for row in rows if row.score is not None]
    many = len(rows) > _MANY
    detailed = [row for at, row in enumerate(scored) if not many or at < _BEST or row.entry.kind == "baseline"]
    return {
        "bars": _bars(scored),
        "detailed": {row.number for row in detailed},
        **_sections(setting, scored, detailed),
        "many": many,
        "best": _BEST,
    }


def _counts(rows: Sequence[_Row]) -> str:
    """Such as "12 submissions, 3 baselines, 1 invalid"."""
    competing = [row.entry.kind for row in rows if row.rank is not None]
    paper = sum(row.score is not None and row.entry.kind == "paper" for row in rows)
    without = [row.entry.status if row.entry.status != "ok" else "without a score" for row in rows if row.score is None]
    counts = [(competing.count(kind), kind + "s" * (competing.count(kind) != 1)) for kind in ("submission", "baseline")]
    counts.append((paper, "from the paper"))
    counts += [(without.count(status), status) for status in dict.fromkeys(without)]
    return ", ".join(f"{count:,} {what}" for count, what in counts if count) or "no entries yet"


def _sections(setting: Setting, scored: Sequence[_Row], shown: Sequence[_Row]) -> dict[str, object]:
    """The plots of the entries shown, all on the same axes, beside the range of those that compete."""
    ranges = _ranges(scored, setting.metric)
    most = max(5, min(_TASKS, _TASKS_OF_PAGE // max(len(shown), 1)))
    tasks = {row.number: dict(list(_plotted(row, setting.metric).items())[:most]) for row in shown}
    plotted = [score for of_row in tasks.values() for score in of_row.items()]
    curves = _Curves(shown, most)
    return {
        "sections": [(row, curves.panels(row), {} if curves.cover(row) else tasks[row.number]) for row in shown],
        "ranges": ranges,
        "axis": _axis((end for task, score in plotted for end in (*ranges[task], score) if end is not None), 38, 85),
        "leader": curves.leader,
        "most_tasks": most,
    }


def _axis(values: Iterable[float], start: float = 3, end: float = 97) -> _Axis:
    """An axis over values with a margin; ends so far or so near that a float cannot tell are moved."""
    known = [min(max(value, -1e300), 1e300) for value in values] or [0.0, 1.0]
    low, high = min(known), max(known)
    margin = 0.04 * (high - low)
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-290):
        margin = 0.05 * max(abs(low), abs(high)) or 0.05
    return _Axis(low - margin, high + margin, start, end)


def _strip(rows: Sequence[_Row]) -> dict[str, object]:
    """All scores on a line: submissions as stacked dots or columns, the best baselines and paper figures by name."""
    scored = [(row, row.score) for row in rows if row.score is not None]
    axis = _axis(score for _, score in scored)
    width = (axis.end - axis.start) / _BINS
    bins: dict[int, list[float]] = {}
    for place in (axis.at(score) for row, score in scored if row.entry.kind == "submission"):
        bins.setdefault(int((place - axis.start) / width), []).append(place)
    tallest = max(map(len, bins.values()), default=0)
    height = 92 if tallest > _STACK else 12 + 7 * max(tallest, 3)
    dots = [(place, height - 5 - 7 * level) for group in bins.values() for level, place in enumerate(group)]
    columns = [(round(axis.start + at * width, 2), round(84 * len(of) / tallest, 1)) for at, of in bins.items()]
    landmarks = [row for row, _ in scored if row.entry.kind != "submission"]
    return {
        "axis": axis,
        "height": height,
        "dots": dots if tallest <= _STACK else [],
        "columns": columns if tallest > _STACK else [],
        "column": round(width, 2),
        "tallest": tallest,
        # Their names point to the middle, so that from there outwards no line crosses a name above its end.
        "landmarks": sorted(landmarks[:_LANDMARKS], key=lambda row: abs(axis.at(row.score or 0.0) - 50)),
        "unmarked": max(0, len(landmarks) - _LANDMARKS),
    }


def _plotted(row: _Row, metric: str) -> dict[str, float | None]:
    """An entry's scores by task; one without tasks has its score."""
    return {task: _finite(value) for task, value in row.entry.tasks.items()} or {metric: row.score}


def _ranges(scored: Sequence[_Row], metric: str) -> dict[str, list[float]]:
    """From and to of each task's scores, over entries that compete; over those of the paper where none does."""
    values: dict[str, list[float]] = {}
    for row in sorted(scored, key=lambda row: row.rank is None):
        for task, score in {metric: row.score, **_plotted(row, metric)}.items():
            ends = values.setdefault(task, [])
            if score is not None and (row.rank is not None or not ends):
                ends[:] = min([score, *ends]), max([score, *ends])
    return values


class _Curves:
    """The curves of a page: per task on the same axes, with the leader's behind every other's."""

    def __init__(self, shown: Sequence[_Row], most: int) -> None:
        self._curves: dict[int, dict[str, list[tuple[int, float]]]] = {}
        for row in shown:
            points = {task: _points(curve) for task, curve in list(row.entry.curves.items())[:most]}
            self._curves[row.number] = {task: curve for task, curve in points.items() if curve}
        drawn = [(task, curve) for curves in self._curves.values() for task, curve in curves.items()]
        self._most = max(20, min(_POINTS, _POINTS_OF_PAGE // max(len(drawn), 1)))
        values: dict[str, list[float]] = {}
        steps: dict[str, int] = {}
        for task, curve in drawn:
            values.setdefault(task, []).extend(value for _, value in curve)
            steps[task] = max(steps.get(task, 5), curve[-1][0])
        self._first = {task: row.number for row in reversed(shown) for task in self._curves[row.number]}
        left, right, top, bottom = _PANEL
        self._axes = {
            task: (_Axis(1, steps[task], left, right), _axis(ends, bottom, top)) for task, ends in values.items()
        }
        self.leader = next((row for row in shown if self._curves[row.number] and row.rank is not None), None)

    def cover(self, row: _Row) -> bool:
        """Whether every task of an entry has its curve."""
        drawn = self._curves[row.number]
        return bool(drawn) and set(row.entry.tasks) <= set(drawn)

    def panels(self, row: _Row) -> list[dict[str, object]]:
        """An entry's plots, one a task."""
        return [self._panel(row, task, curve) for task, curve in self._curves[row.number].items()]

    def _panel(self, row: _Row, task: str, curve: Sequence[tuple[int, float]]) -> dict[str, object]:
        across, up = self._axes[task]
        return {
            "task": task,
            "score": _finite(row.entry.tasks.get(task)),
            "across": across,
            "up": up,
            "points": [f"{across.at(step):.1f},{up.at(value):.1f}" for step, value in _thinned(curve, self._most)],
            "number": list(self._axes).index(task),
            "first": row.number == self._first[task],
            "lead": self.leader is not None and task in self._curves[self.leader.number],
        }


def _points(curve: Sequence[float]) -> list[tuple[int, float]]:
    return [(step, float(value)) for step, value in enumerate(curve, 1) if math.isfinite(value)]


def _thinned(curve: Sequence[tuple[int, float]], most: int) -> list[tuple[int, float]]:
    """At most so many points: both ends, and the lowest and the highest of equal stretches between them."""
    if len(curve) <= most:
        return list(curve)
    stretches, inner = (most - 2) // 2, len(curve) - 2
    kept = [curve[0]]
    for number in range(stretches):
        stretch = curve[1 + inner * number // stretches : 1 + inner * (number + 1) // stretches]
        kept += sorted({min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])})
    return [*kept, curve[-1]]


def _bars(scored: Sequence[_Row]) -> dict[int, tuple[float, float]]:
    """Where each score's bar starts and how long it is; bars start at zero and, where none is beyond 1, end at 1."""
    scores = {row.number: row.score for row in scored if row.score is not None}
    low, high = min([0.0, *scores.values()]), max([0.0, *scores.values()])
    if low == 0 and high <= 1:
        high = 1.0
    span = high / 2 - low / 2 or 1.0  # halves, for the whole may be too large for a float
    return {
        number: (round(50 * (min(score, 0) / span - low / span), 1), round(50 * abs(score / span), 1))
        for number, score in scores.items()
    }


def _texts(rows: Sequence[_Row]) -> dict[int, str]:
    """The scores to four decimals, or as many as tell them from the next ones, padded to align at the point."""
    scores = {row.number: row.exact for row in rows if row.exact is not None}
    ordered = sorted(set(scores.values()))
    digits = dict.fromkeys(ordered, 4)
    for lower, upper in pairwise(ordered):
        telling = _telling(lower, upper)
        digits[lower], digits[upper] = max(digits[lower], telling), telling
    texts = {score: _written(score, digits[score]) for score in ordered}
    width = max((len(text.split(".")[0]) for text in texts.values() if "e" not in text), default=0)
    padding = {score: "\N{FIGURE SPACE}" * (width - len(text.split(".")[0])) for score, text in texts.items()}
    return {number: padding[score] + texts[score] for number, score in scores.items()}


def _telling(lower: Fraction, upper: Fraction) -> int:
    """Decimals from which on, however many more are shown, two values look different."""
    low, high, apart = float(lower), float(upper), float(min(upper - lower, Fraction(1)))
    for digits in range(4, _REPR):
        if apart > 0.999999 * 10.0**-digits and _fixed(low, digits) != _fixed(high, digits):
            return digits
    return _REPR if low != high else max(_REPR, 1 - math.floor(math.log10(apart))) + 1


def _written(score: Fraction, digits: int) -> str:
    """A score with so many decimals; beyond what a float holds they are its own."""
    if digits <= _REPR:
        return _fixed(float(score), digits)
    return f"{Decimal(f'{round(score * 10**digits)}e-{digits}'):f}"


def _fixed(value: float, digits: int) -> str:
    """A number with so many decimals, or as Python writes it where that would not show it."""
    return repr(value) if abs(value) >= 1e9 or digits >= _REPR else f"{value:.{digits}f}"


def _decimals(value: float | None) -> str:
    known = _finite(value)
    return "" if known is None else f"{known:.1e}" if 0 < abs(known) < 5e-5 else _fixed(known, 4)


def _seconds(value: float | None) -> str:
    known = _finite(value)
    return "" if known is None else f"{known:,.0f}" if 99.95 <= known < 1e12 else f"{known:#.3g}"


def _day(date: str) -> str:
    return date[:10] if re.match(r"\d{4}-\d\d-\d\d", date) else _isolated(date, 12)


def _visible(text: str, most: int = 2000) -> str:
    """A stranger's text in one line, cut, with what would not print (line ends, text direction, ...) written out."""
    shown = text[:most]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)
    if max(len(text), len(shown)) > most:
        shown = f"{shown[: most - 1]}…"
    return shown if shown.strip() else "(no name)"


def _isolated(text: str, most: int = 2000) -> Markup:
    from markupsafe import Markup

    return Markup("<bdi>{}</bdi>").format(_visible(text, most))
