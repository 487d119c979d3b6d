"""The whole suite at the paper's sizes, reference against ours: training and scoring, from vectors in memory.

Six speech boards with a submission each, eight debugging tasks x three methods (whole curves), three vision concepts,
ten trials in each of five markets. The reference does one fit at a time; a sample of its fits, others every round, is
timed and scaled, since all of a board's cost about the same; ``--whole`` runs every one (three quarters of an hour).

python -m benchmarks_perf.suite [--rounds 3] [--whole] [--out benchmarks_perf/results/suite.json]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks_perf import defined, speech_adapters, timing
from benchmarks_perf import vision as vision_benchmark
from dataperf_fast.boards.acquisition import baselines as acquisition_baselines
from dataperf_fast.boards.acquisition import board as acquisition
from dataperf_fast.boards.acquisition import files as market_files
from dataperf_fast.boards.acquisition import synth as acquisition_synth
from dataperf_fast.boards.acquisition import trading
from dataperf_fast.boards.debugging import baselines as debugging_baselines
from dataperf_fast.boards.debugging import board as debugging
from dataperf_fast.boards.debugging import files as debugging_files
from dataperf_fast.boards.debugging import synth as debugging_synth
from dataperf_fast.boards.speech import board as speech
from dataperf_fast.boards.speech import synth as speech_synth
from dataperf_fast.boards.speech.baselines import Allowed
from dataperf_fast.boards.vision import board as vision_board
from dataperf_fast.boards.vision import synth as vision_synth
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.files import csv_tables, handed_in

THREADS = 2
AT_ONCE = 10
SAMPLED = {"speech": 6, "debugging": 24, "vision": 3, "acquisition": 5}  # fits of the reference a round
Fit = Callable[[], tuple[Any, ...]]  # makes the arguments of the reference's function


class Board(NamedTuple):
    """``ours`` returns an outcome for each of ``fits`` by a backend; the board's reference has ``function`` for one."""

    name: str
    ours: Callable[[str], list[float]]
    fits: list[Fit]
    function: str = "score"

    def outcome(self, answer: Any) -> float:
        """What of the reference's answer is compared."""
        return float(answer["f1"] if isinstance(answer, dict) else answer)


def engine(backend: str = "cpu") -> Engine:
    """A new engine that keeps nothing."""
    return Engine(backends.choose(backend, THREADS))


def speech_board(folder: Path) -> Board:
    """Each language's board of 25 and of 60 clips, ten seeds; outcomes are F1 scores."""
    list(speech_synth.write(folder, speech_synth.SCALES["paper"], 0))
    pools: list[tuple[Pool, dict[Any, tuple[np.ndarray, np.ndarray]]]] = []
    fits: list[Fit] = []
    for language in speech_synth.SCALES["paper"].languages:
        of_language = folder / f"dataperf_{language}_data"
        allowed = Allowed(of_language, THREADS)
        evaluation = speech.Language(of_language).read_evaluation(allowed.features.shape[1], THREADS)
        pool, sets = Pool(allowed.features, *evaluation), {}
        for size in (25, 60):
            rows, classes = speech_adapters.submission(allowed, size, 0)
            sets[speech.files.SelectionFile(language, size, "one", Path())] = rows, classes

            def fit(
                seed: int, pool: Pool = pool, rows: np.ndarray = rows, classes: np.ndarray = classes
            ) -> tuple[Any, ...]:
                return pool.features[rows], classes, seed, pool.evaluation_features, pool.evaluation_labels

            fits += [partial(fit, int(seed)) for seed in speech.SEEDS]
        pools.append((pool, sets))

    def ours(backend: str) -> list[float]:
        records = [record for pool, sets in pools for record in speech.score_submissions(pool, sets, engine(backend))]
        return [score for record in records for score in record.details["scores"].values()]

    return Board("speech", ours, fits)


def debugging_board(folder: Path) -> Board:
    """Whole curves of three methods; outcomes are accuracies."""
    work, fits = [], []
    tasks = list(debugging_synth.write(folder, debugging_synth.SCALES["paper"], 0))
    debugging_baselines.write(folder, folder / "orders", ["consecutive", "random", "datascope"], 0, engine())
    recognize = debugging_files.recognizer([task.data_id for task in tasks], by_folder=False)
    found, _ = handed_in.find([folder / "orders"], recognize, "orders")
    submitted = [debugging_files.OrderFile(task, one.name, path) for one in found for task, path in one.files.items()]
    for task in tasks:
        orders = {
            file: debugging_files.read_submission(file.path, len(task.true_labels))
            for file in submitted
            if file.data_id == task.data_id
        }
        work.append((task, orders))
        for order in orders.values():
            for inspections in range(1, len(order) + 1):

                def fit(task: Any = task, order: np.ndarray = order, inspections: int = inspections) -> tuple[Any, ...]:
                    labels = task.train.labels.copy()
                    labels[order[:inspections]] = task.true_labels[order[:inspections]]
                    pool = task.train.features, task.test.features, task.test.labels
                    return "linear-net", "float32", labels, *pool

                fits.append(fit)

    def ours(backend: str) -> list[float]:
        found: list[float] = []
        for task, orders in work:
            result = debugging.score_task(task, orders, engine(backend), curve=True)
            found += [float(accuracy) for file in orders for accuracy in result.curves[file.method]]
        return found

    return Board("debugging", ours, fits)


def vision_concepts(folder: Path) -> Board:
    """The made-up training sets of three concepts; outcomes are F1 scores. The pool's size does not matter here."""
    list(vision_synth.write(folder, replace(vision_synth.SCALES["paper"], pool=5_000), 0))
    vision_benchmark.submissions(folder, folder / "teams", 1)
    tasks = vision_benchmark.in_memory(folder, folder / "teams")
    fits: list[Fit] = []
    for pool, sets in tasks.values():
        for rows, labels in sets.values():

            def fit(pool: Pool = pool, rows: np.ndarray = rows, labels: np.ndarray = labels) -> tuple[Any, ...]:
                return pool.features[rows], labels, pool.evaluation_features, pool.evaluation_labels

            fits.append(fit)

    def ours(backend: str) -> list[float]:
        return [
            float(record.score or 0.0)
            for task, of_task in tasks.items()
            for record in vision_board.score_task(task, *of_task, engine(backend))
        ]

    return Board("vision", ours, fits, "evaluate")


def markets(folder: Path) -> Board:
    """UNIFORM's plan in five markets, ten trials each; outcomes are accuracies. Sellers are small, draws are not."""
    os.environ["DATAPERF_FAST_CACHE"] = str(folder / "cache")
    list(acquisition_synth.write(folder / "data", replace(acquisition_synth.SCALES["paper"], rows=300), 0))
    acquisition_baselines.write(folder / "data", folder, ["uniform"], 0, engine())
    plans, fits = [], []
    generator = np.random.RandomState(acquisition.SEED)
    for market in market_files.find_markets(folder / "data"):
        opened = trading.open_full_market(market, csv_tables.default_folder())
        counts = market_files.read_plan(folder / "uniform" / f"{market.number}.csv", opened.sizes)
        drawn = [trading.draw(opened, counts, generator) for _ in range(acquisition.TRIALS)]
        features, rows, labels = trading.gather(opened, drawn)
        pool = Pool(features, opened.buyer.features, opened.buyer.labels)
        plans.append(Plan(pool, acquisition.BOARD.make_model("lr"), labels, rows))
        for of_trial, labels_of in zip(rows, labels, strict=True):

            def fit(pool: Pool = pool, rows: np.ndarray = of_trial, labels: np.ndarray = labels_of) -> tuple[Any, ...]:
                return (
                    "logistic-regression",
                    pool.features[rows],
                    labels,
                    pool.evaluation_features,
                    pool.evaluation_labels,
                )

            fits.append(fit)

    def ours(backend: str) -> list[float]:
        return [
            float(accuracy)
            for plan in plans
            for accuracy in engine(backend).run(plan).values["correct"] / len(plan.pool.evaluation_labels)
        ]

    return Board("acquisition", ours, fits)


def boards(folder: Path, names: Sequence[str] = tuple(SAMPLED)) -> Iterator[Board]:
    """Make the data of those boards."""
    makers = {"speech": speech_board, "debugging": debugging_board, "vision": vision_concepts, "acquisition": markets}
    for name, make in [(name, makers[name]) for name in names]:
        print(f"making {name}", file=sys.stderr, flush=True)
        yield make(folder / name)


def measure(board: Board, rounds: int, every_fit: bool, backend: str) -> dict[str, Any]:
    """Interleave ours with samples of the reference's fits, and compare every outcome that both have."""
    found = board.ours(backend)  # compiled, and warm
    _plain(board, [0])
    assert len(found) == len(board.fits)
    size = len(board.fits) if every_fit else min(SAMPLED[board.name], len(board.fits))
    generator = np.random.default_rng(0)
    seconds: dict[str, list[float]] = {"ours": [], "reference": []}
    compared = differ = 0
    for number in range(rounds):
        started = time.perf_counter()
        found = board.ours(backend)
        seconds["ours"].append(time.perf_counter() - started)
        drawn = np.linspace(0, len(board.fits) - 1, size) + generator.integers(0, len(board.fits))
        sample = np.unique(drawn.astype(int) % len(board.fits)).tolist()
        answers, taken = _plain(board, sample)
        seconds["reference"].append(taken * len(board.fits) / len(sample))
        compared += len(sample)
        differ += sum(found[at] != board.outcome(answer) for at, answer in zip(sample, answers, strict=True))
        print(
            f"{board.name}, round {number + 1} of {rounds}: ours {seconds['ours'][-1]:.2f} s, reference "
            f"{seconds['reference'][-1]:.1f} s by {len(sample)} of {len(board.fits)} fits, {differ} differ so far",
            file=sys.stderr,
            flush=True,
        )
    middle = timing.medians(seconds)
    return {
        "fits": len(board.fits),
        "seconds": seconds,
        "median": middle,
        "times_the_reference": middle["reference"] / middle["ours"],
        "compared": compared,
        "differ": differ,
    }


def _plain(board: Board, sample: list[int]) -> tuple[list[Any], float]:
    """Answers and seconds of those of a board's fits, a few at a time: their data are handed over together."""
    answers: list[Any] = []
    taken = 0.0
    for start in range(0, len(sample), AT_ONCE):
        fits = [board.fits[at]() for at in sample[start : start + AT_ONCE]]
        found, seconds = defined.reference(board.name, board.function, fits)
        answers += found
        taken += seconds
    return answers, taken


def measure_all(rounds: int, every_fit: bool, backend: str = "cpu") -> dict[str, Any]:
    """Measure every board, ours by a backend, and all of them together."""
    with tempfile.TemporaryDirectory() as folder:
        found = {board.name: measure(board, rounds, every_fit, backend) for board in boards(Path(folder))}
    total = {peer: sum(part["median"][peer] for part in found.values()) for peer in ("reference", "ours")}
    return {
        "backend": backend,
        "threads": {"ours": THREADS, "reference": defined.REFERENCE},
        "rounds": rounds,
        "reference_is": "every fit" if every_fit else "a sample of its fits, scaled",
        "boards": found,
        "total": total,
        "times_the_reference": total["reference"] / total["ours"],
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """What was found, a board a line."""

    def line(name: str, seconds: dict[str, float]) -> str:
        reference, ours = seconds["reference"], seconds["ours"]
        return f"{name:12} {reference:9.1f} s {ours:8.2f} s, {reference / ours:6.1f} times"

    for name, part in result["boards"].items():
        yield f"{line(name, part['median'])}, {part['differ']} of {part['compared']} differ"
    yield line("all", result["total"])


def main() -> None:
    """Measure every board, print a table, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="every fit of the reference, not a sample")
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/suite.json"))
    options = parser.parse_args()
    result = measure_all(options.rounds, options.whole)
    timing.write(options.out, result)
    print(*lines(result), sep="\n")


if __name__ == "__main__":
    main()
