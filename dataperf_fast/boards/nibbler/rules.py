"""The rules of the board: 50 sets of images a participant a day, a prompt of a known type, trained raters only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

MOST_A_DAY = 50
TYPES = ("benign", "subversive")


@dataclass(frozen=True)
class Violation:
    """Who broke which rule on which day (UTC, ISO 8601; empty where the day is unknown), and how."""

    participant: str
    day: str
    rule: str
    found: str

    @property
    def line(self) -> str:
        """The violation in a line."""
        return (
            f"participant {self.participant}{', ' + self.day if self.day else ''}: {self.found}; expected {self.rule}"
        )


def violations(submitted: pa.Table, attempted: pa.Table) -> list[Violation]:
    """Every violation in a round's tables, by participant and day.

    A set of images is a prompt of a participant on a day, attempted or submitted; one prompt may have had more sets, so
    what is named is certain. A missing prompt type is no violation: the official rounds state none.
    """
    found = []
    for (participant, day), count in sorted(_sets_a_day(submitted, attempted).items()):
        if count > MOST_A_DAY:
            what = f"{count} sets of generated images"
            found.append(Violation(participant, day, f"at most {MOST_A_DAY} a participant a day", what))
    rows = submitted.select(["participant", "submitted", "prompt_type", "ratings"]).to_pylist()
    odd_types: Counter[tuple[str, str]] = Counter()
    untrained: Counter[tuple[str, str]] = Counter()
    for row in rows:
        key = row["participant"] or "unknown", _day(row["submitted"])
        odd_types[key] += row["prompt_type"] not in (None, *TYPES)
        untrained[key] += sum(not rating["trained"] for rating in row["ratings"] or ())
    found += _of(odd_types, "benign or subversive", "prompts of another type")
    found += _of(untrained, "trained raters only", "ratings of raters who are not known to be trained, passed over")
    return sorted(found, key=lambda one: (one.participant, one.day, one.rule))


def _of(counts: Counter[tuple[str, str]], rule: str, what: str) -> Iterable[Violation]:
    return [Violation(*key, rule, f"{count} {what}") for key, count in counts.items() if count]


def _sets_a_day(submitted: pa.Table, attempted: pa.Table) -> Counter[tuple[str, str]]:
    sets: set[tuple[str, str, str]] = set()
    for table, when in ((submitted, "submitted"), (attempted, "attempted")):
        known = table.filter(pc.and_(pc.is_valid(table["participant"]), pc.is_valid(table[when])))
        columns = known["participant"].to_pylist(), map(_day, known[when].to_pylist()), known["prompt"].to_pylist()
        sets |= set(zip(*columns, strict=True))
    return Counter((participant, day) for participant, day, _ in sets)


def _day(moment: Any) -> str:
    return "" if moment is None else moment.date().isoformat()
