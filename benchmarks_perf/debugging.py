"""The debugging board, timed: the PyTorch loop against ours, and how our cost grows.

python -m benchmarks_perf.debugging [--rounds 3] [--out benchmarks_perf/results/debugging.json]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from benchmarks_perf import debugging_adapters as adapters
from benchmarks_perf import defined, timing
from dataperf_fast.boards import digits
from dataperf_fast.boards.debugging import baselines, synth
from dataperf_fast.boards.debugging.files import Task
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine

PAPER = synth.SCALES["paper"]
THREADS = 2


def real_task(folder: Path) -> Task:
    """300 x 2,048 from real images: digits with a closed loop against the others, 30% inverted, 500 test rows."""
    images, values = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(images))[: PAPER.train + PAPER.test + PAPER.val]
    source = digits.feature_map(images[rows], 2048), np.isin(values[rows], (0, 6, 8, 9)).astype(np.uint8)
    [task] = synth.write_tasks(folder, ["loops-flipped"], lambda number: source, PAPER, seed=0)
    return task


def order_crossing_at(task: Task, share: float) -> np.ndarray:
    """The random order, of a hundred, whose score is nearest to ``share``."""
    orders = [np.random.default_rng(seed).permutation(len(task.true_labels)) for seed in range(100)]
    scores = [adapters.fast_score(task, order, THREADS).score for order in orders]
    return orders[int(np.argmin(np.abs(np.array(scores) - share)))]


def against_the_reference(task: Task, rounds: int) -> dict:
    """Interleave the PyTorch loop and ours on one complete order, and compare every point."""
    order = order_crossing_at(task, 0.15)
    peers = {
        "reference": adapters.reference,
        "over processes": adapters.over_processes,
        "batched PyTorch": adapters.batched_pytorch,
        "whole curve": adapters.fast_curve,
        "score only": adapters.fast_score,
        "null": adapters.null,
    }
    answers: dict[str, adapters.Answer] = {}

    def case(name: str) -> Callable[[], timing.Seconds | None]:
        def run() -> timing.Seconds | None:
            answers[name] = peers[name](task, order, THREADS)
            return answers[name].seconds

        return run

    cases = {name: case(name) for name in peers}
    cases["whole curve"]()  # the order was found with score only: both are warm
    seconds = timing.interleave(cases, rounds)
    middle = timing.medians(seconds)
    plain, curve, score = (answers[name] for name in ("reference", "whole curve", "score only"))
    return {
        "rows": PAPER.train,
        "test_rows": PAPER.test,
        "threads": {
            "reference": defined.REFERENCE,
            "over processes": f"{THREADS} processes of 1 thread",
            "others": THREADS,
        },
        "score": plain.score,
        "distinct": {"whole curve": curve.distinct, "score only": score.distinct},
        "rechecked": {"whole curve": curve.rechecked, "score only": score.rechecked},
        "points_equal": int(np.sum(np.array(plain.curve) == np.array(curve.curve))),
        "scores_equal": plain.score == curve.score == score.score,
        "seconds": seconds,
        "median": middle,
        "peers_points_equal": {
            name: int(np.sum(np.array(plain.curve) == np.array(answers[name].curve)))
            for name in ("over processes", "batched PyTorch")
        },
        "times_the_reference": {name: middle["reference"] / middle[name] for name in peers if name != "null"},
    }


def growth() -> list[dict]:
    """Our whole curve at 300, 1,000 and 3,000 rows."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for rows in (300, 1000, 3000):
            scale = synth.DebuggingScale(tasks=1, train=rows, test=PAPER.test, val=1)
            task = next(synth.write(Path(folder) / str(rows), scale, seed=0))
            order = np.random.default_rng(0).permutation(rows)
            started = time.perf_counter()
            answer = adapters.fast_curve(task, order, THREADS)
            seconds = time.perf_counter() - started
            steps = 20 * -(-rows // 64)
            print(f"{rows} rows: {answer.distinct} distinct, {seconds:.2f} s", file=sys.stderr, flush=True)
            found.append(
                {
                    "rows": rows,
                    "inspections": rows,
                    "distinct": answer.distinct,
                    "rechecked": answer.rechecked,
                    "steps_a_fit": steps,
                    "seconds": seconds,
                    "microseconds_a_step": 1e6 * seconds / answer.distinct / steps,
                }
            )
    return found


def command_line(folder: Path) -> dict:
    """A second ``evaluate`` in a new process: its whole time, what of it the kernels took, and its peak memory."""
    found: dict = {}
    for name, more in (("no cache", ["--no-cache"]), ("cached", [])):
        times = []
        for _ in range(6):
            command = [
                sys.executable,
                "-m",
                "benchmarks_perf.one_process",
                "evaluate",
                "debugging",
                str(folder),
                "--curve",
                *more,
            ]
            line = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()[-1]
            status, wall, kernels, peak = map(float, line.split())
            assert status == 0
            times.append((wall - kernels, wall, kernels, peak))
        outside, wall, kernels, peak = (float(np.median(column)) for column in zip(*times[1:], strict=True))
        found[name] = {"outside_kernels": outside, "wall": wall, "kernels": kernels, "peak_memory_mib": peak}
    return found


def main() -> None:
    """Measure, print a summary, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/debugging.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        task = real_task(Path(folder))
        compared = against_the_reference(task, options.rounds)
        engine = Engine(backends.choose("cpu"))
        baselines.write(Path(folder), Path(folder) / "submissions", ["random"], 0, engine)
        lines = command_line(Path(folder))
    result = {
        "against_the_reference": compared,
        "growth": growth(),
        "command_line": lines,
    }
    timing.write(options.out, result)
    print(f"times the reference: {compared['times_the_reference']}, points equal: {compared['points_equal']} of 300")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
