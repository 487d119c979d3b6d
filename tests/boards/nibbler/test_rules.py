"""Broken rules are named by participant and day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from dataperf_fast.boards.nibbler import rules
from dataperf_fast.boards.nibbler.files import ATTEMPTED, SUBMITTED

NOON, MIDNIGHT = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)


def submitted(*rows):
    return pa.Table.from_pylist([{"ratings": []} | row for row in rows], SUBMITTED)


def attempts(participant, count, first=NOON):
    return [
        {"participant": participant, "attempted": first + timedelta(seconds=n), "prompt": f"prompt {n}"}
        for n in range(count)
    ]


def test_fifty_sets_a_day():
    table = pa.Table.from_pylist(
        [*attempts("many", 51), *attempts("fifty", 50), *attempts("two days", 80, MIDNIGHT - timedelta(seconds=40))],
        ATTEMPTED,
    )
    lines = [one.line for one in rules.violations(submitted(), table)]
    assert lines == [
        "participant many, 2026-03-01: 51 sets of generated images; expected at most 50 a participant a day"
    ]


def test_what_was_submitted_was_attempted():
    rows = [{"participant": "p", "submitted": NOON, "pair": str(n), "prompt": f"prompt {n}"} for n in range(60)]
    [one] = rules.violations(submitted(*rows), pa.Table.from_pylist(attempts("p", 7), ATTEMPTED))
    same_prompt = [row | {"prompt": "again"} for row in rows]  # several images of one set
    assert rules.violations(submitted(*same_prompt), ATTEMPTED.empty_table()) == []
    assert (one.participant, one.day, one.found) == ("p", "2026-03-01", "60 sets of generated images")


def test_types_and_training():
    trained = {"rater": "a", "trained": True}
    rows = [
        {"participant": "p", "submitted": NOON, "prompt_type": "benign", "ratings": [trained]},
        {
            "participant": "p",
            "submitted": NOON,
            "prompt_type": "hostile",
            "ratings": [{"rater": "b", "trained": False}],
        },
        {"participant": "q", "submitted": None, "prompt_type": "odd", "ratings": []},
        {"participant": "q", "submitted": NOON, "prompt_type": None, "ratings": [trained]},
    ]
    assert [one.line for one in rules.violations(submitted(*rows), ATTEMPTED.empty_table())] == [
        "participant p, 2026-03-01: 1 prompts of another type; expected benign or subversive",
        "participant p, 2026-03-01: 1 ratings of raters who are not known to be trained, passed over; expected trained "
        "raters only",
        "participant q: 1 prompts of another type; expected benign or subversive",
    ]
