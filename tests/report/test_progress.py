"""What a contest's bar says of the time left: by each board's own pace, and what it does not know."""

from __future__ import annotations

import pytest

from dataperf_fast.report import progress


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_time_left_is_that_of_each_boards_pace(clock):
    bar = progress.ContestBar()
    bar.begin("scoring", {"debugging": 10, "speech": 4})
    assert bar.time_left() == ""
    clock[0] = 6.0
    bar.done("debugging", 2)  # three seconds each: eight are left
    assert bar.time_left() == "about 0:24 left, and speech, not yet measured"
    clock[0] = 106.0
    bar.done("speech", 1)  # a hundred seconds each: three are left
    assert bar.time_left() == "about 5:24 left"
    clock[0] = 107.0
    bar.done("speech", 3)
    assert bar.time_left() == "about 0:24 left"
    bar.begin("more", {"debugging": 2000})
    assert bar.time_left() == "about 1 h 40 min left"
    bar.done("debugging", 2000)
    assert bar.time_left() == ""


def test_without_a_terminal_a_line_now_and_then(clock, capsys):
    bar = progress.ContestBar()
    bar.begin("scoring", {"debugging": 100})
    for second in range(1, 51):
        clock[0] = float(second)
        bar.done("debugging", 1)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "dataperf-fast: scoring, about 1:19 left: 21 of 100",
        "dataperf-fast: scoring, about 0:58 left: 42 of 100",
    ]
