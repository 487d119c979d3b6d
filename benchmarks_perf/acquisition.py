"""The acquisition board, timed: the reference's way from files, and scikit-learn's fits, against ours.

python -m benchmarks_perf.acquisition [--rows 3000] [--markets 5] [--rounds 3] [--data DIR]
    [--out benchmarks_perf/results/acquisition.json]

The markets are made up, in ``--data`` if they are not there yet. The reference rereads every table in every trial, so
its time is that of one trial a market, times ten; the fewer rows a seller has, the less of it that is.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks_perf import acquisition_adapters as adapters
from benchmarks_perf import defined, timing
from dataperf_fast.boards.acquisition import baselines, board, files, synth, trading
from dataperf_fast.engine import clock
from dataperf_fast.files import csv_tables
from dataperf_fast.kernels.logistic import binary

THREADS = 2
TRIALS_TIMED = 1
RF_TRIALS = 2


def measure_files(data: Path, submission: Path, rounds: int, reference_rounds: int) -> dict:
    """One submission to all markets, from files: ours with its tables parsed before, the reference as it is."""
    markets = files.find_markets(data)
    started = clock.now()
    ours = adapters.from_files(data, submission, "logistic-regression", THREADS)
    first = clock.now() - started
    answers: dict[str, list[float]] = {}

    def plain() -> timing.Seconds:
        answers["reference"], taken = [], 0.0
        for market in markets:
            sizes = trading.open_full_market(market, csv_tables.default_folder()).sizes
            counts = files.read_plan(submission / f"{market.number}.csv", sizes)
            generator = stream(data, submission, market)
            accuracies, seconds = adapters.reference_from_files(market, counts, TRIALS_TIMED, generator)
            answers["reference"] += accuracies
            taken += seconds
        return timing.Seconds(taken)

    def fast() -> None:
        answers["ours"] = adapters.from_files(data, submission, "logistic-regression", THREADS)

    seconds = timing.interleave({"ours": fast, "reference": plain}, reference_rounds)
    more = timing.interleave({"ours": fast}, rounds - reference_rounds)
    seconds["ours"] += more["ours"]
    seconds["reference"] = [value * board.TRIALS / TRIALS_TIMED for value in seconds["reference"]]
    middle = timing.medians(seconds)
    same = [ours[number * board.TRIALS + trial] for number in range(len(markets)) for trial in range(TRIALS_TIMED)]
    return {
        "markets": len(markets),
        "bytes": sum(path.stat().st_size for market in markets for path in files.seller_paths(market)),
        "reference_is": f"{TRIALS_TIMED} of {board.TRIALS} trials a market, scaled",
        "first_run_with_parsing": first,
        "seconds": seconds,
        "median": middle,
        "times_the_reference": middle["reference"] / middle["ours"],
        "compared": len(same),
        "differ": sum(a != b for a, b in zip(same, answers["reference"], strict=True)),
    }


def stream(data: Path, submission: Path, until: files.MarketFiles) -> np.random.RandomState:
    """The one stream of draws where it stands before a market: as if all trials of those before had been drawn."""
    generator = np.random.RandomState(board.SEED)
    for market in files.find_markets(data):
        if market.number == until.number:
            break
        opened = trading.open_full_market(market, csv_tables.default_folder())
        counts = files.read_plan(submission / f"{market.number}.csv", opened.sizes)
        for _ in range(board.TRIALS):
            trading.draw(opened, counts, generator)
    return generator


def draws_of(data: Path, submission: Path) -> adapters.Draws:
    """Ten trials of the first market, in memory."""
    market = files.find_markets(data)[0]
    opened = trading.open_full_market(market, csv_tables.default_folder())
    counts = files.read_plan(submission / f"{market.number}.csv", opened.sizes)
    generator = np.random.RandomState(board.SEED)
    drawn = [trading.draw(opened, counts, generator) for _ in range(board.TRIALS)]
    features, rows, labels = trading.gather(opened, drawn)
    return adapters.Draws(adapters.Pool(features, opened.buyer.features, opened.buyer.labels), rows, labels)


def measure_fits(draws: adapters.Draws, model: str, rounds: int) -> dict:
    """The fits alone, the same draws for all."""
    peers = {
        "reference": adapters.reference,
        "side by side": adapters.side_by_side,
        "ours": adapters.ours,
        "null": adapters.null,
    }
    answers: dict[str, adapters.Answer] = {}
    adapters.ours(draws._replace(rows=draws.rows[:2], labels=draws.labels[:2]), model, THREADS)  # loads compiled code

    def case(name: str) -> Callable[[], timing.Seconds | None]:
        def run() -> timing.Seconds | None:
            answers[name] = peers[name](draws, model, THREADS)
            return answers[name].seconds

        return run

    seconds = timing.interleave({name: case(name) for name in peers}, rounds)
    middle = timing.medians(seconds)
    return {
        "fits": len(draws.rows),
        "rows": len(draws.rows[0]),
        "seconds": seconds,
        "median": middle,
        "times_the_reference": middle["reference"] / middle["ours"],
        "times_side_by_side": middle["side by side"] / middle["ours"],
        "accuracies_equal": bool((answers["reference"].accuracies == answers["ours"].accuracies).all()),
    }


def measure_pass(draws: adapters.Draws) -> dict:
    """One evaluation of the loss, on one thread, against reading the same bytes and against its multiplications."""
    features = np.ascontiguousarray(draws.pool.features[draws.rows[0]])
    rows, width = features.shape
    labels, x = (draws.labels[0] == 1).astype(np.float64), np.full(width + 1, 0.01)
    of_rows, back, gradient = np.empty((4, rows)), np.empty(width), np.empty(width + 1)

    def evaluate() -> None:
        for _ in range(50):
            binary._evaluate(features, labels, x, of_rows, back, gradient)

    def read() -> None:
        for _ in range(50):
            features.max()

    middle = timing.medians(timing.interleave({"evaluate": evaluate, "read": read}, 5))
    size = features.nbytes * 50
    return {
        "rows": rows,
        "width": width,
        "dtype": str(features.dtype),
        "milliseconds": middle["evaluate"] * 20,
        "gigabytes_a_second": size / middle["evaluate"] / 1e9,
        "gigabytes_a_second_of_a_maximum": size / middle["read"] / 1e9,
        "billion_multiply_adds_a_second": 2 * rows * width * 50 / middle["evaluate"] / 1e9,
    }


def main() -> None:
    """Measure, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reference-rounds", type=int, default=1, help="from files, which take minutes")
    parser.add_argument("--markets", type=int, default=5)
    parser.add_argument("--sellers", type=int, default=20)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/acquisition.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATAPERF_FAST_CACHE"] = str(Path(folder) / "cache")
        data = options.data or Path(folder) / "data"
        scale = replace(synth.SCALES["paper"], markets=options.markets, sellers=options.sellers, rows=options.rows)
        if not (data / "marketinfo").is_dir():
            list(synth.write(data, scale, 0))
        submission = Path(folder) / "uniform"
        baselines.write(data, submission.parent, ["uniform"], 0, adapters.engine(THREADS))
        from_files = measure_files(data, submission, options.rounds, options.reference_rounds)
        draws = draws_of(data, submission)
        few = draws._replace(rows=draws.rows[:RF_TRIALS], labels=draws.labels[:RF_TRIALS])
        result = {
            "threads": {"ours": THREADS, "reference": defined.REFERENCE, "side by side": f"{THREADS} processes"},
            "rounds": options.rounds,
            "from_files": from_files,
            "fits": {
                "logistic-regression": measure_fits(draws, "logistic-regression", options.rounds),
                "nearest-neighbours": measure_fits(draws, "nearest-neighbours", options.rounds),
                "boosted-stumps": measure_fits(few, "boosted-stumps", 1),
            },
            "pass": measure_pass(draws),
        }
    timing.write(options.out, result)


if __name__ == "__main__":
    main()
