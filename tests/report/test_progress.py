"""What bars say, of a contest the time left by each board's own pace; and where they are shown."""

from __future__ import annotations

import io
import re
import sys
import time
from itertools import pairwise
from types import ModuleType

import pytest
from numba.core.compiler_lock import global_compiler_lock
from rich import console

from dataperf_fast import cli
from dataperf_fast.engine import clock
from dataperf_fast.report import progress
from tests.contest import contests
from tests.contest.contests import write_orders


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


def test_a_line_says_how_far_a_run_is(times):
    clock.watch_compiler()
    contest, bar = progress.ContestBar(), progress.Bar()
    assert contest.line() == bar.line() == "starting"
    contest.begin("debugging: reading submissions", {})
    assert contest.line() == "debugging: reading submissions"
    contest.begin("scoring", {"debugging": 6})
    times.seconds = 7.0
    contest.done("debugging", 3)
    assert contest.line() == "scoring, about 0:07 left: 3 of 6"
    bar.begin("digits49")
    assert bar.line() == "digits49"
    bar.planned(35)
    bar.done(12)
    assert bar.line() == "digits49: 12 of 35"
    with global_compiler_lock:
        assert bar.line() == "digits49: 12 of 35, compiling kernels"
    assert bar.line() == "digits49: 12 of 35"


class Log(io.StringIO):
    """What is written to a file, when, and whether it is a terminal."""

    def __init__(self, is_terminal: bool = False) -> None:
        super().__init__()
        self.is_terminal, self.times = is_terminal, []

    def isatty(self) -> bool:
        return self.is_terminal

    def write(self, text: str) -> int:
        self.times.append(time.monotonic())
        return super().write(text)


def test_a_log_has_a_line_now_and_then_while_one_kernel_compiles(monkeypatch):
    """Whoever compiles, or trains for minutes, tells nobody how far he is."""
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.2)
    log = Log()
    monkeypatch.setattr(sys, "stderr", log)
    clock.watch_compiler()
    with progress.Bar() as bar:
        bar.begin("digits49")
        with global_compiler_lock:
            time.sleep(0.7)
    count = len(log.times)
    assert 1 <= count <= 3
    assert log.getvalue() == "digits49, compiling kernels\n" * count
    assert all(later - former > 0.15 for former, later in pairwise(log.times))
    time.sleep(0.4)
    assert len(log.times) == count


def test_a_bar_comes_while_one_kernel_compiles(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE", 0.1)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(sys, "stderr", Log(is_terminal=True))
    told: list[str] = []

    class Shown:
        def update(self, task, description, completed, total):
            told.append(description)

        def stop(self):
            told.append("stopped")

    monkeypatch.setattr(progress, "_bar", lambda label: (Shown(), 0))
    clock.watch_compiler()
    with progress.Bar() as bar:
        bar.begin("digits49")
        with global_compiler_lock:
            time.sleep(0.5)
        time.sleep(0.2)
    assert list(dict.fromkeys(told)) == ["digits49, compiling kernels", "digits49", "stopped"]


def test_a_terminal_has_no_lines_beside_its_bar(monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.01)
    log = Log(is_terminal=True)
    monkeypatch.setattr(sys, "stderr", log)
    with progress.Bar() as bar:
        bar.begin("digits49")
        time.sleep(0.1)
    assert log.getvalue() == ""


def test_a_log_that_is_closed_costs_nothing(monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.01)
    log = Log()
    log.close()
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr(log, "isatty", lambda: False)
    with progress.Bar():
        time.sleep(0.1)


@pytest.mark.parametrize(
    "command", ["evaluate", pytest.param("verify", marks=pytest.mark.reference), "profile", "organize"]
)
def test_every_command_that_takes_long_tells_a_log(command, suite, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.02)
    words = [command, "debugging", str(suite), "--model", "knn"]
    if command == "verify":
        words += ["--sample", "2"]
    if command == "organize":
        keys = {"board": "debugging", "model": "knn", "tasks": [{"name": "hidden", "data": str(suite)}]}
        write_orders(suite, tmp_path / "teams", 2)
        words = [command, "run", str(contests.write(tmp_path / "c.yaml", keys | {"submissions": ["teams"]}))]
    assert cli.main(words) == 0
    doing = re.compile(r"starting|synth0|retrains, rung by rung|scoring|debugging: |debugging, hidden: ")
    told = [line for line in capsys.readouterr().err.splitlines() if doing.match(line)]
    assert told  # and none with the prefix of errors, which no such line begins with


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
