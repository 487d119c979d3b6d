"""What bars say, of a contest the time left by each board's own pace; and where they are shown."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from rich import console

from dataperf_fast.engine import clock
from dataperf_fast.report import progress


def test_time_left_is_that_of_each_boards_pace(times):
    bar = progress.ContestBar()
    bar.begin("scoring", {"debugging": 10, "speech": 4})
    assert bar.time_left() == ""
    times.seconds = 6.0
    bar.done("debugging", 2)  # three seconds each: eight are left
    assert bar.time_left() == "about 0:24 left, and speech, not yet measured"
    times.seconds = 106.0
    bar.done("speech", 1)  # a hundred seconds each: three are left
    assert bar.time_left() == "about 5:24 left"
    times.seconds = 107.0
    bar.done("speech", 3)
    assert bar.time_left() == "about 0:24 left"
    bar.begin("more", {"debugging": 2000})
    assert bar.time_left() == "about 1 h 40 min left"
    bar.done("debugging", 2000)
    assert bar.time_left() == ""


def test_compiling_is_no_part_of_a_pace(times):
    clock.watch_compiler()
    bar = progress.ContestBar()
    bar.begin("scoring", {"debugging": 10})
    times.compile(60.0)
    times.work(6.0)
    bar.done("debugging", 2)
    assert bar.time_left() == "about 0:24 left"


def test_without_a_terminal_a_line_now_and_then(times, capsys):
    bar = progress.ContestBar()
    bar.begin("scoring", {"debugging": 100})
    for second in range(1, 51):
        times.seconds = float(second)
        bar.done("debugging", 1)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "dataperf-fast: scoring, about 1:19 left: 21 of 100",
        "dataperf-fast: scoring, about 0:58 left: 42 of 100",
    ]


@pytest.mark.parametrize("in_kernel", [True, False])
@pytest.mark.parametrize("of_rich", [True, False])
def test_a_notebook_shows_a_bar_where_standard_error_is_no_terminal(in_kernel, of_rich, monkeypatch, times):
    if in_kernel:
        monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setattr(console, "_is_jupyter", lambda: of_rich)
    made: list[str] = []

    class Shown:
        def update(self, *_, **__):
            """Nothing."""

        def stop(self):
            """Nothing."""

    monkeypatch.setattr(progress, "_bar", lambda label: made.append(label) or (Shown(), 0))
    with progress.Bar() as bar:
        bar.begin("digits49")
        assert not made
        times.seconds = 2.0
        bar.planned(3)
    assert made == ["digits49"] * (in_kernel and of_rich)
