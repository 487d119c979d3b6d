"""The debugging board's other models against fits from scratch, and Monte-Carlo Shapley's retrains of the linear net.

python -m benchmarks_perf.debugging_models [--rounds 3] [--out benchmarks_perf/results/debugging_models.json]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks_perf import defined, timing
from benchmarks_perf.debugging import real_task
from dataperf_fast.boards.debugging import board, synth
from dataperf_fast.boards.debugging.files import Task
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import FrozenModel, Plan, Pool
from dataperf_fast.models.linear_net import LinearNet
from dataperf_fast.models.logistic_optimum import LogisticOptimum
from dataperf_fast.models.table import MODELS
from dataperf_fast.valuation.inputs import checked
from dataperf_fast.valuation.worth import Worth

THREADS = 2
# Fits from scratch that are timed, evenly spaced on the way, of all that a curve takes.
SAMPLES = {"neighbour-votes": 20, "logistic-optimum": 5, "support-vectors": 15}


class ColdLogistic(LogisticOptimum):
    """Ours, every fit from nothing."""

    name = "logistic-cold"

    def fit(
        self, shared: object, labels: np.ndarray, start: tuple[np.ndarray, np.ndarray] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Solve without the start."""
        return super().fit(shared, labels, None)


def engine() -> Engine:
    """An engine that remembers nothing from before."""
    return Engine(backends.choose("cpu", THREADS))


def pool_of(task: Task) -> Pool:
    """A pool of its own for every run: what is shared is part of the time."""
    return Pool(task.train.features, task.test.features, task.test.labels)


def curve(task: Task, model: str, rounds: int) -> dict:
    """A whole curve by ours beside a sample of the fits from scratch that the plain loop makes, one an inspection."""
    rows = len(task.true_labels)
    order = np.random.default_rng(0).permutation(rows)
    states, state_of = board.label_states(task, order)
    sampled = np.linspace(0, len(states) - 1, SAMPLES[model]).astype(int)
    answers: dict[str, np.ndarray] = {}

    def ours(model: str = model, made: Callable[[], FrozenModel] | None = None) -> None:
        trained = (made or MODELS[model])()
        outcomes = engine().run(Plan(pool_of(task), trained, list(states))).values
        answers["ours"] = np.round(trained.accuracy(outcomes, len(task.test.labels)), 2)

    data = task.train.features, task.test.features, task.test.labels

    def from_scratch() -> timing.Seconds:
        fits = [(model, "float32", states[at]) for at in sampled]
        found, seconds = defined.reference("debugging", "score", fits, *data)
        answers["reference"] = np.array(found)
        return seconds

    def loose() -> timing.Seconds:
        return defined.timed(__name__, "default_tolerance", [(states[at],) for at in sampled], *data)[1]

    cases: dict[str, Callable[[], None]] = {}
    if model == "logistic-optimum":
        cases["scikit-learn's default tolerance"] = loose
        cases["ours, cold starts"] = lambda: ours(made=ColdLogistic)
    cases |= {"reference": from_scratch, "ours": ours}
    ours()
    middle = timing.medians(seconds := timing.interleave(cases, rounds))
    a_fit = {name: middle[name] / (len(states) if "ours" in name else len(sampled)) for name in cases}
    equal = int((answers["ours"][sampled] == answers["reference"]).sum())
    print(f"{model}, {rows} rows: {middle}, {equal} of {len(sampled)} equal", file=sys.stderr, flush=True)
    return {
        "model": model,
        "rows": rows,
        "distinct": len(states),
        "inspections": len(state_of) - 1,
        "sampled": len(sampled),
        "equal": equal,
        "seconds": seconds,
        "seconds_a_fit": a_fit,
        "curve": {"reference": a_fit["reference"] * (len(state_of) - 1), "ours": middle["ours"]},
    }


def default_tolerance(
    labels: np.ndarray, features: np.ndarray, test_features: np.ndarray, test_labels: np.ndarray
) -> float:
    """A fit of scikit-learn's by lbfgs, as loose as it is unless asked; the accuracy."""
    return float(LogisticRegression().fit(features, labels).score(test_features, test_labels))


def shapley(task: Task, rounds: int) -> dict:
    """The training sets of a Monte-Carlo order, every tenth prefix: ours in one plan, PyTorch one fit at a time."""
    rows = len(task.true_labels)
    orders = [np.random.default_rng(seed).permutation(rows) for seed in range(4)]
    sets = [np.sort(order[:length]) for order in orders for length in range(10, rows + 1, 10)]
    data = task.train.features, task.train.labels, task.test.features, task.test.labels
    answers: dict[str, list[float]] = {}

    def plain() -> timing.Seconds:
        fits = [("linear-net", "float32", data[1][of], data[0][of]) for of in sets[::8]]
        answers["reference"], seconds = defined.reference("debugging", "score", fits, *data[2:])
        return seconds

    def ours() -> None:
        answers["ours"] = Worth(LinearNet(), engine(), checked(*data)).of(sets).tolist()

    ours()
    middle = timing.medians(seconds := timing.interleave({"reference": plain, "ours": ours}, rounds))
    a_fit = {"reference": middle["reference"] / len(sets[::8]), "ours": middle["ours"] / len(sets)}
    equal = sum(a == b for a, b in zip(answers["ours"][::8], answers["reference"], strict=True))
    print(f"Shapley: {a_fit}, {equal} of {len(sets[::8])} equal", file=sys.stderr, flush=True)
    return {"rows": rows, "sets": len(sets), "sampled": len(sets[::8]), "equal": equal, "seconds_a_fit": a_fit,
            "seconds": seconds}  # fmt: skip


def main() -> None:
    """Measure, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/debugging_models.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small = real_task(Path(folder) / "real")
        large = next(
            synth.write(Path(folder) / "made", synth.DebuggingScale(tasks=1, train=3000, test=500, val=1), seed=0)
        )
    cases = [
        (small, "neighbour-votes"),
        (large, "neighbour-votes"),
        (small, "logistic-optimum"),
        (small, "support-vectors"),
    ]
    result = {
        "threads": {"ours": THREADS, "reference": defined.REFERENCE},
        "rounds": options.rounds,
        "curves": [curve(task, model, options.rounds) for task, model in cases],
        "shapley": shapley(small, options.rounds),
    }
    timing.write(options.out, result)


if __name__ == "__main__":
    main()
