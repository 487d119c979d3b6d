"""The clock stands still while kernels are compiled, and whatever takes seconds of work takes them from it."""

from __future__ import annotations

import ast
import csv
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from numba.core import event

import dataperf_fast as dpf
from dataperf_fast import cli, parity, profiling
from dataperf_fast.boards.acquisition import baselines as acquisition_baselines
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.debugging import baselines as debugging_baselines
from dataperf_fast.boards.nibbler import creativity
from dataperf_fast.boards.nibbler import synth as nibbler
from dataperf_fast.boards.speech import baselines as speech_baselines
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.vision import synth as vision
from dataperf_fast.commands import info
from dataperf_fast.contest import workers
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import clock
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.kernels.logistic import binary
from dataperf_fast.kernels.neighbours import shapley
from dataperf_fast.kernels.net import training
from dataperf_fast.models import voting_cpu
from dataperf_fast.profiling import profiler
from dataperf_fast.report import progress
from tests.engine.test_engine import Sums

PACKAGE = Path(__file__).parents[2] / "dataperf_fast"


def test_stops_within_and_beside_each_other_count_once(times):
    one = clock.Clock()
    began = one.now()
    times.work(1)
    one.stop()
    times.work(10)
    assert one.now() - began == 1
    with one.stopped():
        times.work(10)
        one.go_on()  # the other goes on
        times.work(10)
    times.work(2)
    assert one.now() - began == 3
    assert one.stood_still() == 30
    with pytest.raises(KeyError), one.stopped():
        raise KeyError
    times.work(1)
    assert one.now() - began == 4


def test_it_never_goes_back():
    one = clock.Clock()
    read = []
    for _ in range(1000):
        one.stop()
        read.append(one.now())
        one.go_on()
        read.append(one.now())
    assert (np.diff(read) >= 0).all()


def test_a_real_compilation_stops_it_once_for_all_who_wait():
    clock.watch_compiler()
    clock.watch_compiler()  # the second time there is nothing to do

    @njit
    def next_to(x):
        return x + 1

    stood = clock.stood_still()
    threads = [threading.Thread(target=next_to, args=(1,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    compiled = clock.stood_still()
    assert compiled > stood
    next_to(2)
    assert clock.stood_still() == compiled
    next_to(2.5)  # another type
    assert clock.stood_still() > compiled


def test_who_had_the_lock_before_anybody_watched_changes_nothing(times):
    """Its end is told, and its beginning never was."""
    clock.watch_compiler()
    began = clock.now()
    event.end_event("numba:compiler_lock")
    times.work(1)
    times.compile(5)
    times.work(1)
    assert clock.now() - began == 2


def slow(monkeypatch, times, module, name):
    """Every call of a function works for a second, and the first is compiled for a minute; returns the calls."""
    plain, calls = getattr(module, name), []

    def slow(*arguments, **options):
        if not calls:
            times.compile(60)
        calls.append(name)
        times.work(1)
        return plain(*arguments, **options)

    monkeypatch.setattr(module, name, slow)
    return calls


BOARDS = {
    "speech": (voting_cpu.CpuTrainer, "train"),
    "vision": (binary, "fit"),
    "acquisition": (binary, "fit"),
    "debugging": (training, "train"),
    "nibbler": (creativity, "parts"),
}


@pytest.fixture
def board(request, tmp_path):
    """A small board's folder and submissions."""
    folder, engine = tmp_path / request.param, Engine(backends.choose("cpu"))
    if request.param == "speech":
        list(speech.write(folder, speech.SpeechScale({"en": speech.LanguageSize((30, 30), (9, 9), 2, 3, 12)}), 1))
        speech_baselines.write(folder, folder / "chosen", ["random"], 1, engine)
        return request.param, folder, folder / "chosen"
    if request.param == "vision":
        list(vision.write(folder, vision.VisionScale(2, 300, 60, 60, 10), seed=2))
    if request.param == "acquisition":
        list(acquisition.write(folder, acquisition.AcquisitionScale(1, 3, 60, 40, 80), seed=3))
        acquisition_baselines.write(folder, folder / "plans", ["uniform"], 3, engine)
        return request.param, folder, folder / "plans"
    if request.param == "debugging":
        return request.param, request.getfixturevalue("suite"), None
    if request.param == "nibbler":
        list(nibbler.write(folder, nibbler.NibblerScale(pairs=60, participants=3), 0))
    return request.param, folder, None


@pytest.mark.parametrize("board", BOARDS, indirect=True)
def test_seconds_of_records_are_those_of_the_work(board, times, monkeypatch):
    name, folder, submissions = board
    calls = slow(monkeypatch, times, *BOARDS[name])
    records = dpf.evaluate(name, folder, submissions, backend="cpu", jobs=1, cache=False)
    assert all(record.status == "ok" for record in records)
    assert len(calls) > 0
    assert sum(record.seconds for record in records if record.task != "mean") == pytest.approx(len(calls))


def test_time_files_of_orders_are_those_of_the_work(suite, tmp_path, times, monkeypatch):
    slow(monkeypatch, times, shapley, "values")
    engine = Engine(backends.choose("cpu", 1))
    written = debugging_baselines.write(suite, tmp_path, ["datascope"], 0, engine)
    seconds = [float((tmp_path / f"time_{path.name}").read_text()) for path in written]
    assert seconds == pytest.approx([1, 1])


def test_the_engine_cuts_its_batches_by_the_pace_of_the_work(times):
    class Slow(Sums):
        def train(self, rows, *more):
            if not self.batches:
                times.compile(60)
            times.work(len(rows) / 16)
            return super().train(rows, *more)

    model = Slow()
    pool = Pool(np.zeros((5, 2), np.float32), np.zeros((1, 2), np.float32), np.zeros(1, np.uint8))
    labels = [np.array([at >> bit & 1 for bit in range(5)], np.uint8) for at in range(32)]
    Engine(Backend("cpu", "test", 1, 10**9)).run(Plan(pool, model, labels))
    assert model.batches == [2, 8, 8, 8, 6]


def test_a_batch_that_takes_no_time_says_nothing_of_the_pace(times):
    model = Sums()
    pool = Pool(np.zeros((5, 2), np.float32), np.zeros((1, 2), np.float32), np.zeros(1, np.uint8))
    labels = [np.array([at >> bit & 1 for bit in range(5)], np.uint8) for at in range(32)]
    Engine(Backend("cpu", "test", 1, 10**9)).run(Plan(pool, model, labels))
    assert model.batches == [2] * 16


def test_a_contests_batch_is_timed_by_the_work(times, monkeypatch):
    def score(_):
        clock.watch_compiler()
        times.compile(60)
        times.work(3)
        return {}

    monkeypatch.setattr(workers, "score", score)
    assert [done.seconds for done in workers.everywhere(iter(["a", "b"]), "")] == [3, 3]


def test_the_bars_estimate_is_by_the_work(times):
    clock.watch_compiler()
    bar, task = progress._bar("scoring")
    bar.stop()
    began = bar.tasks[task].elapsed
    times.compile(60)
    times.work(2)
    assert bar.tasks[task].elapsed - began == pytest.approx(2)


def test_stages_and_reports_are_those_of_the_work(tmp_path, times, monkeypatch):
    list(vision.write(tmp_path, vision.VisionScale(2, 300, 60, 60, 10), seed=2))
    calls = slow(monkeypatch, times, binary, "fit")
    report = parity.verify("vision", tmp_path, names=["cpu", "reference"], jobs=1)
    assert report.seconds == pytest.approx(len(calls))
    limits = ("float32 operations a second", "bytes a second", "cached bytes a second")
    monkeypatch.setattr(profiler, "ceilings", lambda: dict.fromkeys(limits, 1.0))
    found = profiling.profile("vision", tmp_path, backend="cpu", jobs=1)
    assert sum(found.stages.values()) == pytest.approx(found.seconds)
    assert found.seconds == pytest.approx(found.stages["train"]) == pytest.approx(2)


@pytest.mark.parametrize(("seconds", "terminal", "said"), [(5.9, True, True), (0.5, True, False), (5.9, False, False)])
def test_long_compiling_is_said_apart_on_a_terminal(seconds, terminal, said, times, monkeypatch, capsys):
    def command(_):
        times.compile(seconds)
        return 0

    clock.watch_compiler()
    monkeypatch.setattr(info, "run", command)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert cli.main(["info"]) == 0
    assert capsys.readouterr().err == ("compiling took 5.9 s, which no seconds count\n" if said else "")


# Seconds of a wall: of a stranger's program or a host far away, of how long a user waits for a line, of a machine's
# ceilings, and the clock's own.
BY_THE_WALL = {
    "engine/clock.py", "boards/nibbler/generation/http.py", "boards/nibbler/generation/local.py", "sandbox", "server",
    "report/progress.py", "profiling/profiler.py",
}  # fmt: skip


def test_nobody_else_takes_seconds_by_the_wall():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        if names & {"perf_counter", "perf_counter_ns", "monotonic", "process_time"}:
            inside = path.relative_to(PACKAGE)
            found.add(inside.as_posix() if inside.as_posix() in BY_THE_WALL else inside.parts[0])
    assert found == BY_THE_WALL


def test_scores_csv_has_the_records_seconds(suite, tmp_path, times, monkeypatch):
    calls = slow(monkeypatch, times, training, "train")
    assert cli.main(["evaluate", "debugging", str(suite), "--out", str(tmp_path), "--jobs", "1", "--no-cache"]) == 0
    rows = csv.DictReader((tmp_path / "scores.csv").read_text().splitlines())
    assert sum(float(row["seconds"]) for row in rows if row["task"] != "mean") == pytest.approx(len(calls))
