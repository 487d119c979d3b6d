"""What an environment lacks costs a warning, not the score: real processes without this or that."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dataperf_fast.boards import evaluation
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from tests import faults, long
from tests.faults import ROOT

MODULE = ("-m", "dataperf_fast")
EVALUATE = ("evaluate", "debugging", str(ROOT / "data" / "debugging"), "--model", "knn")
# As the README's example prints them, which the reference has given.
SCORES = {
    ("digits38-flipped", "consecutive"): 0.45,
    ("digits38-flipped", "random"): 0.325,
    ("digits49", "consecutive"): 0.0,
    ("digits49", "random"): 0.0,
    ("mean", "consecutive"): 0.225,
    ("mean", "random"): 0.1625,
}

LONG = pytest.mark.long  # what has a sibling that CI runs


@pytest.fixture(autouse=True)
def _buffered(monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


def scores(printed: str) -> dict[tuple[str, str], float]:
    records = [json.loads(line) for line in printed.splitlines()]
    return {(record["task"], record["submission"]): record["score"] for record in records}


def command(*arguments: str, **popen) -> subprocess.CompletedProcess[str]:
    """Run the command with streams of its own."""
    return subprocess.run([sys.executable, *MODULE, *arguments], cwd=ROOT, text=True, check=False, **popen)


def complaints(said: str) -> list[str]:
    """Lines of standard error, but those that tell a log how far a run is, as on a slow machine one that compiles."""
    return [line for line in said.splitlines() if not re.search(r"^starting|: \d+ of \d+|, compiling kernels$", line)]


def closes(*numbers: int):
    return lambda: [os.close(number) for number in numbers]


# Streams.


@pytest.mark.parametrize(
    "arguments", [EVALUATE, ("info",), pytest.param((*EVALUATE, "--format", "json"), marks=LONG), ("--help",)]
)
def test_a_reader_that_is_gone_ends_it_quietly(arguments):
    reads, writes = os.pipe()
    os.close(reads)
    done = command(*arguments, stdout=writes, stderr=subprocess.PIPE)
    os.close(writes)
    assert (done.returncode, complaints(done.stderr)) == (128 + signal.SIGPIPE, [])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("arguments", [EVALUATE, (*EVALUATE, "--format", "json"), ("info",), ("--help",)])
def test_output_to_a_full_disk_is_one_line(arguments):
    with open("/dev/full", "w") as full:
        done = command(*arguments, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert complaints(done.stderr) == ["dataperf-fast: standard output: cannot be written (No space left on device)"]


def test_files_do_not_need_standard_output(tmp_path):
    reads, writes = os.pipe()
    os.close(reads)
    done = command(*EVALUATE, "--out", str(tmp_path), stdout=writes, stderr=subprocess.PIPE)
    os.close(writes)
    assert done.returncode == 128 + signal.SIGPIPE
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text().splitlines()))
    assert {(row["task"], row["submission"]): float(row["score"]) for row in rows} == SCORES


@pytest.mark.parametrize("numbers", [pytest.param((1,), marks=LONG), pytest.param((0, 1), marks=LONG), (0, 1, 2)])
def test_closed_streams(numbers, tmp_path):
    """The files that are opened next do not get their numbers, and what is printed."""
    out = tmp_path / "out"
    done = command(*EVALUATE, "--out", str(out), stderr=subprocess.PIPE, preexec_fn=closes(*numbers))
    assert done.returncode == 0, done.stderr
    assert len(complaints(done.stderr)) == (0 if 2 in numbers else 6)  # of what it wrote
    result = json.loads((out / "digits49_knn_evaluation.json").read_text())
    assert set(result["auc_score"]) == {"consecutive", "random"}
    with closing(sqlite3.connect(Path(os.environ["DATAPERF_FAST_CACHE"]) / "retrains.sqlite")) as kept:
        assert kept.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("how", long.after(1, ["full", "closed", "no reader"]))
def test_standard_error_is_nobodys_loss(how, tmp_path):
    """What is said there does not go elsewhere, and the status says it."""
    reads, writes = os.pipe()
    os.close(reads)
    with open("/dev/full", "w") as full:
        stream = {"full": full, "no reader": writes, "closed": None}[how]
        more = {"preexec_fn": closes(2)} if how == "closed" else {"stderr": stream}
        refused = command("evaluate", "debugging", "nowhere", stdout=subprocess.PIPE, **more)
        assert (refused.returncode, refused.stdout) == (2, "")
        done = command(*EVALUATE, "--format", "json", "--out", str(tmp_path), stdout=subprocess.PIPE, **more)
    os.close(writes)
    assert (done.returncode, scores(done.stdout)) == (0, SCORES)


# Signals.

SLEEPS = """
import os, signal, sys, time
from dataperf_fast import cli
from dataperf_fast.commands import info
def run(options):
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        if "cleans up" in sys.argv[0]:
            print("cleaning", flush=True)
            time.sleep(60)
    return 0
info.run = run
sys.argv = [sys.argv[1], "info"]
sys.exit(cli.main())
"""


def sleeper(name: str, **popen) -> subprocess.Popen[str]:
    """A command that sleeps, once it does; only what it does itself decides how it takes a signal."""
    heed = lambda: [signal.signal(of, signal.SIG_DFL) for of in (signal.SIGINT, signal.SIGHUP)]  # noqa: E731
    running = subprocess.Popen(
        [sys.executable, "-c", SLEEPS, name], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        **{"preexec_fn": heed} | popen,
    )  # fmt: skip
    assert running.stdout.readline() == "ready\n"
    return running


@pytest.mark.parametrize(("how", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_what_stops_it_is_said(how, status):
    running = sleeper("command")
    running.send_signal(getattr(signal, how))
    _, said = running.communicate(timeout=20)
    expected = "dataperf-fast: stopped; finished retrains are kept, the same command goes on from there\n"
    assert (running.returncode, said) == (status, expected)


@pytest.mark.parametrize("second", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_second_signal_ends_it_at_once(second):
    running = sleeper("cleans up")
    running.send_signal(signal.SIGTERM)
    assert running.stdout.readline() == "cleaning\n"
    running.send_signal(getattr(signal, second))
    _, said = running.communicate(timeout=20)
    assert (running.returncode, said) == (-getattr(signal, second), "")


def test_what_nohup_ignores_stays_ignored():
    running = sleeper("command", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    running.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.5)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=20)
    assert running.returncode == 143


# Disks.


def test_a_full_disk_costs_files_and_no_scores(tmp_path):
    out = tmp_path / "out"
    done = faults.run(*MODULE, *EVALUATE, "--format", "json", "--out", out, faults="room", below=out)
    assert done.returncode == 1
    assert scores(done.stdout) == SCORES
    names = ("digits38-flipped_knn_evaluation.json", "digits49_knn_evaluation.json", "scores.csv")
    lines = [line for line in complaints(done.stderr) if "pictures" not in line]
    assert lines == [
        f"dataperf-fast: warning: {out / name}: cannot be written (No space left on device)" for name in names
    ]
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("arguments", [
    ("baselines", "debugging", str(ROOT / "data/debugging"), "--out", "OUT", "--methods", "random"),
    ("synth", "debugging", "OUT"), ("synth", "vision", "OUT"), ("synth", "acquisition", "OUT"),
    ("synth", "speech", "OUT"), ("synth", "nibbler", "OUT"),
])  # fmt: skip
def test_a_full_disk_is_one_line_that_names_the_file(arguments, tmp_path):
    out = tmp_path / "out"
    whole = [str(out) if word == "OUT" else word for word in arguments]
    done = faults.run(*MODULE, *whole, faults="room", below=out)
    [line] = complaints(done.stderr)
    assert done.returncode == 1
    assert line.startswith(f"dataperf-fast: {out}/")
    assert "cannot be written (" in line
    assert [path for path in out.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("fault", ["rename", *(pytest.param(of, marks=LONG) for of in ("chmod", "links", "sync"))])
def test_an_odd_file_system_has_all_files(fault, tmp_path):
    done = faults.run(*MODULE, *EVALUATE, "--format", "json", "--out", tmp_path / "out", faults=fault, below=tmp_path)
    assert (done.returncode, scores(done.stdout)) == (0, SCORES), done.stderr
    assert "cannot be written" not in done.stderr
    assert len(list((tmp_path / "out").iterdir())) == 6


def test_names_that_a_file_system_takes_for_one(tmp_path):
    """A folder of files without case, played by a link."""

    class Result:
        records = ()

        def write(self, folder):
            written = [folder / name / "result.json" for name in ("A", "a")]
            for path in written:
                path.parent.mkdir(exist_ok=True)
                path.write_text("")
            return written

    class Board:
        name = "chess"

        def evaluate(self, *_):
            yield Result()

    (tmp_path / "A").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "A")
    with pytest.warns(UserWarning, match=r"takes A/result\.json and a/result\.json for one file"):
        [found] = evaluation.results(Board(), tmp_path, None, Engine(backends.choose("cpu")), None, tmp_path)
    assert not found.whole


# Caches.


@pytest.mark.parametrize(
    ("fault", "said"),
    long.after(
        2,
        [
            ("room", "database or disk is full"),
            ("shared", ""),
            ("locks", "database is locked"),
            ("sync", "disk I/O error"),
            ("chmod", ""),
        ],
    ),
)
def test_a_cache_on_an_odd_file_system(fault, said, tmp_path):
    cache = tmp_path / "odd"
    arguments = (*MODULE, *EVALUATE, "--format", "json")
    done = faults.run(*arguments, faults=fault, below=cache, DATAPERF_FAST_CACHE=str(cache))
    assert (done.returncode, scores(done.stdout)) == (0, SCORES)
    path = cache / "retrains.sqlite"
    expected = f"dataperf-fast: warning: {path}: finished retrains are not kept ({said})"
    assert complaints(done.stderr) == ([expected] if said else [])
    if not said:
        with closing(sqlite3.connect(path)) as kept:
            assert kept.execute("SELECT COUNT(*) FROM retrains").fetchone()[0] > 10
            assert kept.execute("PRAGMA journal_mode").fetchone() == ("delete" if fault == "shared" else "wal",)


def test_compiled_code_on_a_full_disk(tmp_path):
    code = "import numpy; from dataperf_fast.kernels.arithmetic import sums; print(sums.variance(numpy.arange(4.0)))"
    done = faults.run("-c", code, faults="room", below=tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "full"))
    assert (done.returncode, done.stdout) == (0, "1.25\n")
    [line] = [line for line in done.stderr.splitlines() if "UserWarning" in line]
    assert f"cannot be kept in {tmp_path / 'full'} (No space left on device)" in line
    assert [path for path in (tmp_path / "full").rglob("*") if path.is_file()] == []


def contained(*options: str, **changed: str):
    """Run the evaluation behind bubblewrap: ``options`` say what it sees; without any variables but ``changed``."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    variables = {"PATH": os.environ["PATH"], "NUMBA_CACHE_DIR": os.environ["NUMBA_CACHE_DIR"], **changed}
    given = [word for name, value in variables.items() if value for word in ("--setenv", name, value)]
    see = ["--dev", "/dev", "--proc", "/proc", "--unshare-user", "--clearenv", "--chdir", str(ROOT)]
    tried = subprocess.run(["bwrap", "--ro-bind", "/", "/", "--unshare-user", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"bubblewrap does not work here ({tried.stderr.decode()[:100]})")
    return lambda *more: subprocess.run(
        ["bwrap", "--ro-bind", "/", "/", *see, *options, *given, sys.executable, *MODULE, *EVALUATE, *more],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_user_whom_the_system_does_not_know():
    done = contained("--tmpfs", "/tmp", "--uid", "4242", "--gid", "4242", NUMBA_CACHE_DIR="")("--format", "json")
    assert (done.returncode, scores(done.stdout)) == (0, SCORES), done.stderr
    [line] = complaints(done.stderr)
    assert line.startswith("dataperf-fast: warning: nothing is kept for the next run (")
    assert "DATAPERF_FAST_CACHE" in line


def test_a_read_only_cache_is_read(tmp_path):
    cache = tmp_path / "cache"
    assert command(*EVALUATE, capture_output=True).returncode == 0
    with closing(sqlite3.connect(cache / "retrains.sqlite")) as kept:
        before = kept.execute("SELECT COUNT(*) FROM retrains").fetchone()
    done = contained(DATAPERF_FAST_CACHE=str(cache))("--format", "json")
    assert (done.returncode, complaints(done.stderr), scores(done.stdout)) == (0, [], SCORES)
    more = contained(DATAPERF_FAST_CACHE=str(cache))("--format", "json", "--curve")  # retrains that it does not have
    assert more.returncode == 0
    [line] = complaints(more.stderr)
    assert line.endswith("finished retrains are not kept (attempt to write a readonly database)")
    with closing(sqlite3.connect(cache / "retrains.sqlite")) as kept:
        assert kept.execute("SELECT COUNT(*) FROM retrains").fetchone() == before


def test_without_any_place_for_temporary_files(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    done = contained("--bind", str(out), str(out), TMPDIR="/nowhere")("--format", "json", "--out", str(out))
    assert (done.returncode, scores(done.stdout)) == (0, SCORES), done.stderr
    assert {path.name for path in out.iterdir()} >= {"scores.csv", "digits49_knn_evaluation.json"}


@pytest.mark.parametrize(
    "place", ["relative", "file", *(pytest.param(of, marks=LONG) for of in ("with a space", "", "folder"))]
)
def test_wherever_the_cache_is_said_to_be(place, tmp_path):
    folder = tmp_path / "here"
    (folder / "folder" / "retrains.sqlite").mkdir(parents=True)
    (folder / "file").write_text("")
    more = {"DATAPERF_FAST_CACHE": place, "XDG_CACHE_HOME": str(tmp_path / "xdg"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *MODULE, *EVALUATE, "--format", "json"],
        cwd=folder, env=os.environ | more, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, scores(done.stdout)) == (0, SCORES)
    kept = folder / place / "retrains.sqlite" if place else tmp_path / "xdg" / "dataperf-fast" / "retrains.sqlite"
    assert kept.is_file() == (place not in ("file", "folder"))
    assert len(complaints(done.stderr)) == (not kept.is_file())


@pytest.mark.long
def test_several_first_runs_at_once(tmp_path):
    """Nothing is there, compiled or trained: all finish, and what they keep is whole."""
    environment = os.environ | {"NUMBA_CACHE_DIR": "", "DATAPERF_FAST_CACHE": str(tmp_path / "first")}
    arguments = [sys.executable, *MODULE, *EVALUATE, "--format", "json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(arguments, cwd=ROOT, env=environment, **pipes) for _ in range(4)]
    for process in running:
        printed, said = process.communicate()
        assert (process.returncode, complaints(said)) == (0, [])
        assert scores(printed) == SCORES
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "first" / "compiled").rglob("*")}
    again = command(*EVALUATE, "--format", "json", env=environment, capture_output=True)
    assert (again.returncode, again.stderr, scores(again.stdout)) == (0, "", SCORES)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "first" / "compiled").rglob("*")} == before
    with closing(sqlite3.connect(tmp_path / "first" / "retrains.sqlite")) as kept:
        assert kept.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
