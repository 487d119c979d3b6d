"""Neighbour Shapley beside datascope and pyDVL, its growth, and its memory.

The peers run in an environment of their own, ``make peers``:
python -m benchmarks_perf.valuation --peers .venv-peers/bin/python
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks_perf import timing
from dataperf_fast.engine import backend as backends
from dataperf_fast.valuation import NeighbourShapley

THREADS = 2
PEERS = Path(__file__).with_name("valuation_peers.py")
GROWTH = ((1_000, 500), (5_000, 500), (20_000, 500), (50_000, 1_000))
DIMENSION = 512


def problem(rows: int, evaluation: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two classes in 24 directions, seen through 512 features; 30% of the training labels are wrong."""
    generator = np.random.default_rng(rows)
    labels = generator.integers(0, 2, rows + evaluation)
    latent = generator.standard_normal((rows + evaluation, 24), dtype=np.float32)
    latent[:, 0] += 3 * labels
    features = latent @ generator.standard_normal((24, DIMENSION), dtype=np.float32)
    features += generator.standard_normal(features.shape, dtype=np.float32)
    noisy = np.where(generator.random(rows) < 0.3, 1 - labels[:rows], labels[:rows])
    return features[:rows], noisy, features[rows:], labels[rows:]


def beside_peers(python: Path, rounds: int) -> list[dict]:
    """Ours and each peer in turn, and how far their values differ up to what an empty training set is worth."""
    compared = []
    data = problem(5_000, 500)
    for neighbours, names in ((1, ("datascope", "pydvl")), (5, ("pydvl",))):
        values: dict[str, np.ndarray] = {}
        seconds: dict[str, list[float]] = {name: [] for name in ("ours", *names)}
        valuation = NeighbourShapley(neighbours, backend=backends.choose("cpu", THREADS))
        valuation.fit(*data)
        with tempfile.TemporaryDirectory() as folder:
            given, taken = Path(folder) / "in.npz", Path(folder) / "out.npz"
            parts = dict(zip(("train_X", "train_y", "val_X", "val_y"), data, strict=True))
            np.savez(given, **parts, neighbours=neighbours)
            for _ in range(rounds):
                started = time.perf_counter()
                values["ours"] = valuation.fit(*data).values_
                seconds["ours"].append(time.perf_counter() - started)
                for name in names:
                    command = [str(python), str(PEERS), name, str(given), str(taken)]
                    ran = subprocess.run(command, capture_output=True, text=True, check=True)
                    seconds[name].append(float(ran.stdout.split()[-1]))
                    values[name] = np.load(taken)["values"]
        middle = timing.medians(seconds)
        guess = (
            NeighbourShapley(neighbours, empty_guesses=True, backend=backends.choose("cpu", THREADS)).fit(*data).values_
        )
        expected = {"datascope": guess, "pydvl": values["ours"]}
        compared.append(
            {
                "rows": 5_000,
                "evaluation": 500,
                "neighbours": neighbours,
                "seconds": seconds,
                "median": middle,
                "times": {name: middle[name] / middle["ours"] for name in names},
                "largest_difference": {name: float(abs(values[name] - expected[name]).max()) for name in names},
            }
        )
    return compared


def growth() -> list[dict]:
    """Seconds and peak memory of each size, each in a process of its own."""
    sizes = []
    for rows, evaluation in GROWTH:
        command = [sys.executable, "-m", "benchmarks_perf.valuation", "--one", str(rows), str(evaluation)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        sizes.append(
            {"rows": rows, "evaluation": evaluation, "seconds": float(ran[0]), "peak_memory_mib": float(ran[1])}
        )
    for before, after in pairwise(sizes):
        work = [size["rows"] * size["evaluation"] for size in (before, after)]
        after["seconds_over_linear"] = after["seconds"] / before["seconds"] * work[0] / work[1]
    return sizes


def one(rows: int, evaluation: int) -> None:
    """Print the seconds of one warm valuation and the process's peak memory in MiB."""
    valuation = NeighbourShapley(5, backend=backends.choose("cpu", THREADS)).fit(*problem(100, 10))
    data = problem(rows, evaluation)
    started = time.perf_counter()
    valuation.fit(*data)
    seconds = time.perf_counter() - started
    status = Path("/proc/self/status").read_text().splitlines()
    print(seconds, next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024)


def main() -> None:
    """Measure, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers/bin/python"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/valuation.json"))
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(*options.one)
        return
    result = {"threads": THREADS, "beside_peers": beside_peers(options.peers, options.rounds), "growth": growth()}
    timing.write(options.out, result)


if __name__ == "__main__":
    main()
