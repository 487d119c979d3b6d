"""The vision board, timed: a hundred submissions of 500 images to three concepts, plain scikit-learn against ours.

python -m benchmarks_perf.vision [--submissions 100] [--pool 300000] [--rounds 3]
    [--out benchmarks_perf/results/vision.json]

The pool is made up; submissions are the made-up training sets, cut, reordered and with other labels at random.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks_perf import defined, timing
from dataperf_fast.boards.options import Options
from dataperf_fast.boards.vision import board, files, synth, training_sets
from dataperf_fast.boards.vision.embeddings import read_embeddings
from dataperf_fast.engine import backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Pool
from dataperf_fast.files import handed_in
from dataperf_fast.files.records import Record

THREADS = 2
Sets = dict[str, tuple[np.ndarray, np.ndarray]]


def engine() -> Engine:
    """A new engine that keeps nothing."""
    return Engine(backend.choose("cpu", THREADS))


def submissions(data: Path, folder: Path, count: int) -> None:
    """Write that many different submissions."""
    root, setup = files.open_setup(data)
    for number in range(count):
        generator = np.random.default_rng(number)
        for task, of_task in setup.tasks.items():
            made = files.read_training_set(root / of_task.train)
            rows = generator.permutation(len(made.ids))
            labels = made.labels[rows] ^ (generator.random(len(rows)) < 0.05)
            path = folder / f"team{number:03d}" / f"{task}.csv"
            files.write_training_set(path, [made.ids[row] for row in rows], labels)


def in_memory(data: Path, teams: Path) -> dict[str, tuple[Pool, Sets]]:
    """Each concept's pool and all submissions to it."""
    root, setup = files.open_setup(data)
    found, _ = handed_in.find([teams], training_sets.recognizer(list(setup.tasks)), "csv files")
    sets = {(of.name, task): files.read_training_set(path) for of in found for task, path in of.files.items()}
    wanted = dict.fromkeys(name for chosen in sets.values() for name in chosen.ids)
    row_of, features = read_embeddings(root / setup.emb_file, wanted, setup.dim)
    tasks = {}
    for task, of_task in setup.tasks.items():
        test = files.read_test_set(root / of_task.test, setup.dim)
        of_all = {
            name: (np.array([row_of[image] for image in chosen.ids], np.int32), chosen.labels)
            for (name, of), chosen in sets.items()
            if of == task
        }
        tasks[task] = Pool(features, test.features, test.labels), of_all
    return tasks


def measure(data: Path, teams: Path, rounds: int) -> tuple[dict, dict]:
    """The model part, and the whole from files; every metric compared."""
    tasks = in_memory(data, teams)
    plain: dict[tuple[str, str], dict[str, float]] = {}
    ours: list[Record] = []
    whole: list[Record] = []

    def reference() -> timing.Seconds:
        taken = 0.0
        for task, (pool, sets) in tasks.items():
            fits = [(pool.features[rows], labels) for rows, labels in sets.values()]
            shared = pool.evaluation_features, pool.evaluation_labels
            found, seconds = defined.reference("vision", "evaluate", fits, *shared)
            plain.update({(name, task): of for name, of in zip(sets, found, strict=True)})
            taken += seconds
        return timing.Seconds(taken)

    def fast() -> None:
        ours[:] = [record for task, of in tasks.items() for record in board.score_task(task, *of, engine())]

    def from_files() -> None:
        results = board.BOARD.evaluate(data, [teams], engine(), Options())
        whole[:] = [record for result in results for record in result.records if result.task != "mean"]

    fast()  # loads compiled code
    seconds = timing.interleave({"reference": reference, "ours": fast, "from files": from_files}, rounds)
    middle = timing.medians(seconds)
    worst = [
        abs(record.details[metric] - plain[record.submission, record.task][metric])
        for record in [*ours, *whole]
        for metric in board.METRICS
    ]
    return {
        "retrains": len(plain),
        "seconds": seconds,
        "median": middle,
        "times_the_reference": middle["reference"] / middle["ours"],
    }, {"compared": len(worst), "differ": int(sum(error > 1e-12 for error in worst)), "largest": max(worst)}


def peak_memory(data: Path, teams: Path) -> float:
    """MiB that the command line takes at most, for all submissions from files."""
    command = ["evaluate", "vision", str(data), "--submissions", str(teams), "--no-cache", "--format", "json"]
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks_perf.one_process", *command], capture_output=True, text=True, check=True
    )
    return float(ran.stderr.split()[-1])


def main() -> None:
    """Measure, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=100)
    parser.add_argument("--pool", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/vision.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, teams = Path(folder) / "data", Path(folder) / "teams"
        list(synth.write(data, replace(synth.SCALES["paper"], pool=options.pool), 0))
        submissions(data, teams, options.submissions)
        model, parity = measure(data, teams, options.rounds)
        result = {
            "threads": {"ours": THREADS, "reference": defined.REFERENCE},
            "rounds": options.rounds,
            "submissions": options.submissions,
            "pool": options.pool,
            "model": model,
            "parity": parity,
            "peak_memory_mib": peak_memory(data, teams),
        }
    timing.write(options.out, result)


if __name__ == "__main__":
    main()
