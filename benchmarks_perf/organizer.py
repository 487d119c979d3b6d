"""Contests timed: killed ten times and resumed, with and without sharing, and how the cost grows with submissions.

python -m benchmarks_perf.organizer [--out benchmarks_perf/results/organizer.json]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml

import dataperf_fast as dpf
from benchmarks_perf import timing
from dataperf_fast.boards.debugging import files, synth
from dataperf_fast.contest import manifest
from dataperf_fast.contest.store import Store

TEAMS, REVISIONS, TASKS, KILLS = 20, 10, 8, 10
# The board's own model as far as minutes go, then one that is quick.
SIZES = {10: "linear-net", 100: "linear-net", 1_000: "linear-net", 10_000: "knn"}
THREADS = 2


def write_contest(folder: Path, data: Path, teams: Path, model: str | None = None) -> Path:
    """A manifest with one set of tasks."""
    folder.mkdir(parents=True, exist_ok=True)
    board = {"board": "debugging", "model": model, "tasks": [{"name": "hidden", "data": str(data)}]}
    path = folder / "contest.yaml"
    path.write_text(yaml.safe_dump({"contest": "Timed", "boards": [board | {"submissions": [str(teams)]}]}))
    return path


def write_revisions(data: Path, teams: Path) -> None:
    """Teams that hand in again and again: each time twenty neighbouring rows of their order are shuffled."""
    generator = np.random.default_rng(0)
    for task in files.open_setup(data)[1].tasks:
        for team in range(TEAMS):
            order = generator.permutation(task.train_size)
            for revision in range(REVISIONS):
                at = generator.integers(0, task.train_size - 20)
                order[at : at + 20] = generator.permutation(order[at : at + 20])
                write_order(teams / f"team{team:02d}-{revision}", task.data_id, order)


def write_order(folder: Path, data_id: str, order: np.ndarray) -> None:
    """A submission's file for a task."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{data_id}_order.txt").write_text("\n".join(map(str, order)) + "\n")


def organize(contest: Path, cache: Path, *more: str) -> subprocess.Popen[bytes]:
    """The command, started."""
    command = [sys.executable, "-m", "dataperf_fast.cli", "organize", "run", str(contest), *more]
    environment = {**os.environ, "DATAPERF_FAST_CACHE": str(cache)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def table(contest: Path) -> dict[tuple[str, str], float | None]:
    """Every score in the store; two of one submission on one task are an error."""
    with closing(Store(manifest.read(contest).store)) as store:
        scores = store.scores("Timed")
    found = {(score.submission, score.task): score.score for score in scores}
    assert len(found) == len(scores)
    return found


def killed_and_resumed(folder: Path) -> dict[str, Any]:
    """200 submissions on eight tasks: in one go, killed ten times, and some one at a time with nothing shared."""
    data, teams = folder / "data", folder / "teams"
    list(synth.write(data, synth.DebuggingScale(tasks=TASKS, train=100, test=200, val=50), seed=0))
    write_revisions(data, teams)
    whole = write_contest(folder / "whole", data, teams)
    organize(write_contest(folder / "warm", data, teams), folder / "warm-cache").wait()  # compiled, and in memory
    started = time.perf_counter()
    assert organize(whole, folder / "cache").wait() == 0
    together = time.perf_counter() - started
    generator, killed = np.random.default_rng(0), write_contest(folder / "killed", data, teams)
    moments = []
    for _ in range(KILLS):
        process, moment = organize(killed, folder / "killed-cache"), generator.uniform(1.5, max(3.0, together / 6))
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            moments.append(round(moment, 2))
    assert organize(killed, folder / "killed-cache").wait() == 0
    sample = [teams / f"team{team:02d}-{revision}" for team, revision in ((0, 0), (5, 4), (11, 9), (17, 2))]
    started = time.perf_counter()
    alone = [record for team in sample for record in dpf.evaluate("debugging", data, [*team.iterdir()], cache=False)]
    apart = (time.perf_counter() - started) * TEAMS * REVISIONS / len(sample)
    return {
        "submissions": TEAMS * REVISIONS,
        "tasks": TASKS,
        "scores": len(table(whole)),
        "killed_at_seconds": moments,
        "same_table": table(whole) == table(killed),
        "seconds": together,
        "seconds_without_sharing": apart,
        "sampled_without_sharing": len(sample),
        "scored_without_sharing": len([record for record in alone if record.task != "mean"]),
        "times": apart / together,
    }


@contextmanager
def cluster(workers: int, cache: Path) -> Any:
    """A Dask scheduler and its workers, one thread each; yields its address and the workers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    address = f"tcp://127.0.0.1:{port}"
    environment = {**os.environ, "DATAPERF_FAST_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", port, "--no-dashboard"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    running = [subprocess.Popen(command, **quiet) for command in [scheduler, *[worker] * workers]]
    try:
        time.sleep(4)
        yield address, running[1:]
    finally:
        for process in running:
            process.kill()
            process.wait()


def peak(processes: list[subprocess.Popen[bytes]], run: subprocess.Popen[bytes]) -> list[float]:
    """The largest resident memory of each process while ``run`` runs, MiB."""
    watched = [psutil.Process(process.pid) for process in [run, *processes]]
    largest = [0.0] * len(watched)
    while run.poll() is None:
        for at, process in enumerate(watched):
            try:
                largest[at] = max(largest[at], process.memory_info().rss / 2**20)
            except psutil.Error:
                continue
        time.sleep(0.1)
    assert run.returncode == 0
    return largest


def growth(folder: Path) -> list[dict[str, Any]]:
    """10 to 10,000 submissions of random orders on one small task, by one worker and by two."""
    data = folder / "small"
    [task] = synth.write(data, synth.DebuggingScale(tasks=1, train=60, test=100, val=10), seed=3)
    generator = np.random.default_rng(1)
    for size in SIZES:
        for number in range(size):
            write_order(folder / f"teams-{size}" / f"team{number:05d}", task.data_id, generator.permutation(60))
    found = []
    for workers in (1, 2):
        with cluster(workers, folder / f"cache-{workers}") as (address, running):
            # What there is to load is loaded by runs that do not count.
            for number, size in enumerate((10, 10_000, *SIZES)):
                sizes = {10_000: 100} if number == 1 else {}
                teams = folder / f"teams-{sizes.get(size, size)}"
                contest = write_contest(folder / f"growth-{workers}-{number}", data, teams, SIZES[size])
                started = time.perf_counter()
                memory = peak(
                    running, organize(contest, folder / "own", "--cluster", address, "--no-cache", "--jobs", "1")
                )
                seconds = time.perf_counter() - started
                if number < 2:
                    continue
                assert len(table(contest)) == size
                found.append(
                    {"workers": workers, "submissions": size, "model": SIZES[size], "seconds": seconds,
                     "peak_mib": memory[0], "peak_mib_a_worker": max(memory[1:])}
                )  # fmt: skip
                print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Measure, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/organizer.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = {"contest": killed_and_resumed(Path(folder) / "contest")}
        print(json.dumps(result["contest"]), file=sys.stderr, flush=True)
        result["growth"] = growth(Path(folder) / "growth")
    timing.write(options.out, result | {"threads": THREADS})


if __name__ == "__main__":
    main()
