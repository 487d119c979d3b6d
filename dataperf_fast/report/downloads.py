"""A setting's entries as files beside its page: csv for spreadsheets, JSON for programs; all can be recomputed by them.

A score is the mean of the parts that count, in exact arithmetic; ``exact`` is a decimal, or a ratio as ``17/60``, and
nothing where numbers are rounded to a board's digits.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from dataperf_fast.report.ranks import Row, Setting

_OF_ENTRY = ("submission", "kind", "status")
_COSTS = ("spread", "date", "seconds", "retrains")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


def files(name: str, setting: Setting, rows: Sequence[Row]) -> dict[str, str]:
    """The files' names and texts; ``name`` is the contest's, ``rows`` those of the page, with its digits."""
    return {f"{setting.slug}.csv": _csv(rows), f"{setting.slug}.json": _json(name, setting, rows)}


def _json(name: str, setting: Setting, rows: Sequence[Row]) -> str:
    about = {
        "contest": name, "setting": setting.slug, "title": setting.title, "metric": setting.metric,
        "higher_is_better": setting.higher_is_better, "digits": setting.digits,
    }  # fmt: skip
    entries = [
        {
            "rank": row.rank,
            **{column: getattr(row.entry, column) for column in _OF_ENTRY},
            **_value(row.exact, row.score, row.entry.rounded),
            **{column: getattr(row.entry, column) for column in _COSTS},
            "note": row.entry.note,
            "parts": [
                {"place": part.place, "counts": part.counts} | _value(part.exact, float(part.exact), row.entry.rounded)
                for part in row.entry.parts
            ],
            "earlier": [asdict(before) for before in row.entry.earlier],
        }
        for row in rows
    ]
    return json.dumps(_finite(about | {"entries": entries}), indent=1, allow_nan=False) + "\n"


def _csv(rows: Sequence[Row]) -> str:
    """A line an entry, and two columns a part: its score as a decimal, and exactly."""
    places = list(dict.fromkeys((part.place, part.counts) for row in rows for part in row.entry.parts))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    headers = [place if counts else f"{place} (does not count)" for place, counts in places]
    of_parts = [column for header in headers for column in (header, f"{header}, exact")]
    writer.writerow(["rank", *_OF_ENTRY, "score", "exact", *_COSTS, "note", *map(_plain, of_parts)])
    for row in rows:
        parts = {(part.place, part.counts): part.exact for part in row.entry.parts}
        values = [row.rank, *(getattr(row.entry, column) for column in _OF_ENTRY)]
        values += [
            *_value(row.exact, row.score, row.entry.rounded).values(),
            *(getattr(row.entry, column) for column in _COSTS),
        ]
        for place in places:
            exact = parts.get(place)
            values += _value(exact, None if exact is None else float(exact), row.entry.rounded).values()
        values.insert(len(_OF_ENTRY) + 3 + len(_COSTS), row.entry.note)
        writer.writerow(map(_plain, values))
    return text.getvalue()


def _value(exact: Fraction | None, score: float | None, rounded: bool) -> dict[str, Any]:
    return {"score": score, "exact": None if exact is None or rounded else written(exact)}


def written(exact: Fraction) -> str:
    """A number without loss: a decimal where it is one, else a ratio."""
    digits, rest = 0, exact.denominator
    while rest % 10 == 0 or rest % 5 == 0 or rest % 2 == 0:
        rest //= 10 if rest % 10 == 0 else 5 if rest % 5 == 0 else 2
        digits += 1
    if rest != 1 or digits > 400:
        return str(exact)
    sign, whole = "-" * (exact < 0), str(abs(exact * 10**digits).numerator).rjust(digits + 1, "0")
    return f"{sign}{whole[: len(whole) - digits]}.{whole[len(whole) - digits :] or '0'}"


def _plain(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: a stranger's name may begin as one."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value) else value


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).replace("/", "", 1).isdecimal()


def _finite(value: Any) -> Any:
    """Without what JSON has no word for."""
    if isinstance(value, dict):
        return {key: _finite(of) for key, of in value.items()}
    if isinstance(value, list):
        return [_finite(of) for of in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
