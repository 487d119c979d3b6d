"""The acquisition board's peers: the reference's way from files, and fits of the same draws in memory."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from pyarrow import csv

from benchmarks_perf import defined, timing
from dataperf_fast.boards.acquisition import board, files
from dataperf_fast.boards.options import Options
from dataperf_fast.engine import backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool


class Draws(NamedTuple):
    """Training sets over one pool."""

    pool: Pool
    rows: list[np.ndarray]
    labels: list[np.ndarray]


class Forgetting:
    """A cache that keeps nothing, so that parsed tables are kept and retrains are not."""

    def get(self, keys: list[bytes]) -> dict[bytes, bytes]:
        """Know nothing."""
        return {}

    def put(self, items: dict[bytes, bytes]) -> None:
        """Keep nothing."""


def engine(threads: int) -> Engine:
    """A new engine that keeps tables and no retrain."""
    return Engine(backend.choose("cpu", threads), Forgetting())


def from_files(data: Path, submission: Path, model: str, threads: int) -> list[float]:
    """Score a submission as the command line does; the markets' trials, one after the other."""
    results = board.BOARD.evaluate(data, [submission], engine(threads), Options(model=model))
    return [
        accuracy
        for result in results
        if result.task != "mean"
        for record in result.records
        for accuracy in record.details["trials"]
    ]


def reference_from_files(
    market: files.MarketFiles, counts: np.ndarray, trials: int, generator: np.random.RandomState
) -> tuple[list[float], timing.Seconds]:
    """As the script does it: every trial reads every table again, draws, trains and scores."""
    arguments = files.seller_paths(market), market.buyer, counts.tolist(), trials, generator
    [accuracies], seconds = defined.timed(__name__, "trials_from_files", [arguments])
    return accuracies, seconds


def trials_from_files(
    sellers: list[Path], buyer: Path, counts: list[int], trials: int, generator: np.random.RandomState
) -> list[float]:
    """What the reference's process does for it."""
    from dataperf_fast.boards.acquisition import reference as pipeline

    accuracies = []
    for _ in range(trials):
        tables = [_read(path) for path in sellers]
        [drawn], generator = pipeline.draw([len(labels) for _, labels in tables], counts, 1, generator)
        chosen = [(features[rows], labels[rows]) for (features, labels), rows in zip(tables, drawn, strict=True)]
        features, labels = (np.concatenate(part) for part in zip(*chosen, strict=True))
        accuracies.append(pipeline.score("logistic-regression", features, labels, *_read(buyer)))
    return accuracies


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    # Arrow's reader is what pandas' engine="pyarrow", the script's, runs; here NumPy stacks the columns.
    table = csv.read_csv(path, csv.ReadOptions(autogenerate_column_names=True))
    matrix = np.column_stack([column.to_numpy() for column in table.columns])
    return matrix[:, :-1].astype(np.float64), matrix[:, -1]


class Answer(NamedTuple):
    """``accuracies (t,)`` of all draws; ``seconds`` are the peer's own, where it looked at the clock."""

    accuracies: np.ndarray
    seconds: timing.Seconds | None = None


def ours(draws: Draws, model: str, threads: int) -> Answer:
    """All draws in one plan."""
    plan = Plan(draws.pool, board.BOARD.make_model(model), draws.labels, draws.rows)
    return Answer(engine(threads).run(plan).values["correct"] / len(draws.pool.evaluation_labels))


def reference(draws: Draws, model: str, threads: int) -> Answer:
    """The same by scikit-learn, one fit after the other in one process of one thread."""
    accuracies, seconds = defined.reference("acquisition", "score", _fits(draws, model), *_buyer(draws))
    return Answer(np.array(accuracies), seconds)


def side_by_side(draws: Draws, model: str, threads: int) -> Answer:
    """The same by scikit-learn in as many processes, one thread each."""
    processes = defined.processes("acquisition", threads)
    return Answer(np.array(list(processes.each("score", _fits(draws, model), _buyer(draws)))))


def null(draws: Draws, model: str, threads: int) -> Answer:
    """No work at all: what the harness itself costs."""
    return Answer(np.zeros(len(draws.rows)))


def _fits(draws: Draws, model: str) -> list[tuple[str, np.ndarray, np.ndarray]]:
    return [(model, draws.pool.features[of], labels) for of, labels in zip(draws.rows, draws.labels, strict=True)]


def _buyer(draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    return draws.pool.evaluation_features, draws.pool.evaluation_labels
