from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from numba.core.compiler_lock import global_compiler_lock

from dataperf_fast.boards.debugging import baselines, synth
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import clock
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.processes import Processes, open_processes
from dataperf_fast.report import progress

from .browser import browser  # noqa: F401  (a fixture)
from .oracle import Oracle
from .postgresql import postgresql  # noqa: F401  (a fixture)

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
SMALL = synth.DebuggingScale(tasks=2, train=70, test=60, val=10)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's finished retrains, or another test's."""
    monkeypatch.setenv("DATAPERF_FAST_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def no_lines_of_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that takes long, on whatever machine, says no more than a quick one; tests of such lines ask for them."""
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 1e6)


class Times:
    """A time that passes only as it is told to, at work or in Numba's compiler."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def work(self, seconds: float) -> None:
        """Let seconds pass at work."""
        self.seconds += seconds

    def compile(self, seconds: float) -> None:
        """Let seconds pass as they do while a kernel is compiled."""
        with global_compiler_lock:
            self.seconds += seconds


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    """The time that this process's clocks show."""
    passing = Times()
    monkeypatch.setattr(clock._work, "_stood", 0)  # or differences of seconds are rounded by what compiled before
    monkeypatch.setattr(time, "perf_counter", lambda: passing.seconds)
    monkeypatch.setattr(time, "perf_counter_ns", lambda: round(passing.seconds * 1e9))
    return passing


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    """scikit-learn's estimators, in a process that runs the reference's definition."""
    return Oracle()


@pytest.fixture(scope="session")
def reference() -> Callable[[str], Processes]:
    """A board's reference by name, in such a process; skips what asks for it where none can be had."""

    def opened(board: str) -> Processes:
        processes = open_processes(f"dataperf_fast.boards.{board}.reference", 1)
        return pytest.skip(processes.departure) if processes.departure else processes

    return opened


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Two small debugging tasks with the baselines' submissions."""
    folder = tmp_path / "suite"
    list(synth.write(folder, SMALL, seed=4))
    baselines.write(folder, folder / "submissions", ["consecutive", "random"], 4, Engine(backends.choose("cpu")))
    return folder


@pytest.fixture
def shared_data() -> Path:
    """The real recordings in DataPerf's formats that lie beside the project."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here: the real recordings are kept beside the project, not in it")
    return SHARED
