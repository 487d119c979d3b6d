"""bench-compare: slower by both measures, and not because the machine was."""

from __future__ import annotations

import pytest

from benchmarks_perf.compare import regressions


def result(ours, reference=None):
    median = {"ours": ours, "null": 0.1} | ({} if reference is None else {"reference": reference})
    return {"machine": {}, "cases": [{"median": median}]}


@pytest.mark.parametrize(
    ("before", "now", "slower"),
    [
        (result(1.0), result(1.3), 1),
        (result(1.0), result(1.1), 0),  # within a fifth
        (result(0.01), result(0.025), 0),  # twice, but 15 ms
        (result(1.0, 10.0), result(1.3, 13.0), 0),  # everything was
        (result(1.0, 10.0), result(1.3, 10.0), 1),
        (result(1.0), {"cases": []}, 0),
        ({}, result(1.0), 0),
    ],
)
def test_regressions(before, now, slower):
    found = list(regressions(before, now))
    assert len(found) == slower
    assert all(line.startswith("/cases/0/ours: ") for line in found)
