"""Who stands where: the entries of a setting, best first, with their ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from dataperf_fast.files.records import decimal
from dataperf_fast.report import rounding


@dataclass(frozen=True)
class Part:
    """A task's share in a score: where it is, exactly, and whether it ``counts`` in the mean."""

    place: str
    exact: Fraction
    counts: bool = True


@dataclass(frozen=True)
class Earlier:
    """A score that an entry had before, or a status in its place; since when, and what it was of, that is other now."""

    date: str
    score: float | None
    status: str
    why: str


@dataclass(frozen=True)
class Entry:
    """One line of a setting. The texts are strangers' and may be anything."""

    submission: str
    kind: str  # submission | baseline | paper
    score: float | None  # None: invalid, pending, failed, withheld or disqualified
    status: str = "ok"  # ok | invalid | failed | pending | withheld | disqualified
    spread: float | None = None  # standard deviation over seeds, trials or tasks
    date: str = ""  # ISO 8601, when scored
    seconds: float | None = None
    retrains: int | None = None
    tasks: Mapping[str, float | None] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)  # by task
    note: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    parts: Sequence[Part] = ()
    earlier: Sequence[Earlier] = ()  # the newest first
    which: str = ""  # of a team's submissions, where only one counts
    exact: Fraction | None = None  # the score before it was rounded, which ranks go by; None: its shortest decimal
    rounded: bool = False  # nothing of it is exact any more


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
    meaning: str = ""  # a sentence about the metric
    says_nothing: Sequence[str] = ()  # of tasks on which all score the same, each with why
    digits: int | None = None  # decimals that a page and its downloads show; None: as many as tell scores apart


@dataclass(frozen=True)
class Row:
    """An entry at its place; its number is that in the setting, so that links survive a change of places."""

    entry: Entry
    number: int
    score: float | None = None  # finite, and only of what is shown with a score
    exact: Fraction | None = None  # likewise
    rank: int | None = None


def ranking(setting: Setting) -> list[tuple[int | None, Entry]]:
    """A setting's entries as its page shows them, best first, each with its rank if it competes."""
    return [(row.rank, row.entry) for row in rows_of(setting)]


def rows_of(setting: Setting) -> list[Row]:
    """Scored entries best first, with competition ranks where they compete; then the others by their names."""
    scored, others = [], []
    for number, entry in enumerate(setting.entries, 1):
        score = finite(entry.score)
        if score is None or entry.status != "ok" or entry.kind not in {"submission", "baseline", "paper"}:
            others.append(Row(entry, number))
        else:
            scored.append(Row(entry, number, score, decimal(score) if entry.exact is None else entry.exact))
    sign = -1 if setting.higher_is_better else 1
    scored.sort(key=lambda row: (sign * (row.exact or 0), row.entry.kind == "paper", row.entry.date, row.number))
    ranked, competing, last = [], 0, Row(Entry("", "", None), 0)
    for row in scored:
        if row.entry.kind != "paper":
            competing += 1
            last = replace(row, rank=last.rank if row.exact == last.exact else competing)
        ranked.append(row if row.entry.kind == "paper" else last)
    return ranked + sorted(others, key=lambda row: row.entry.submission)


def rounded(row: Row, digits: int | None) -> Row:
    """A row at its place with no more decimals than are to be seen, of all numbers that scores could be told by."""
    if digits is None:
        return row
    entry = rounded_entry(replace(row.entry, exact=row.exact), digits)
    return replace(row, entry=entry, score=None if entry.exact is None else float(entry.exact), exact=entry.exact)


def rounded_entry(entry: Entry, digits: int) -> Entry:
    """An entry with no more decimals, likewise."""

    def short(value: float | None) -> float | None:
        return None if value is None or not math.isfinite(value) else float(rounding.rounded(value, digits))

    exact = None if entry.exact is None else rounding.rounded(entry.exact, digits)

    return replace(
        entry,
        score=short(entry.score) if exact is None else float(exact),
        spread=short(entry.spread),
        tasks={task: short(score) for task, score in entry.tasks.items()},
        curves={task: [round(value, digits) for value in curve] for task, curve in entry.curves.items()},
        parts=[replace(part, exact=rounding.rounded(part.exact, digits)) for part in entry.parts],
        earlier=[replace(before, score=short(before.score)) for before in entry.earlier],
        exact=exact,
        rounded=True,
    )


def finite(value: float | None) -> float | None:
    """A number without its infinities and its negative zero."""
    return float(value) + 0.0 if value is not None and math.isfinite(value) else None
