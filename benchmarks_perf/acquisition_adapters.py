"""The acquisition board's peers: the reference's way from files, and fits of the same draws in memory."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pyarrow import csv
from threadpoolctl import threadpool_limits

from dataperf_fast import backend
from dataperf_fast.benchmarks import acquisition as board
from dataperf_fast.benchmarks.common import Options
from dataperf_fast.engine import Engine
from dataperf_fast.formats import acquisition as files
from dataperf_fast.plan import Plan, Pool
from dataperf_fast.reference import acquisition as pipeline


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
) -> list[float]:
    """As the script does it: every trial reads every table again, draws, trains and scores."""
    accuracies = []
    for _ in range(trials):
        sellers = [_read(path) for path in files.seller_paths(market)]
        buyer = _read(market.buyer)
        accuracies += pipeline.evaluate(sellers, counts.tolist(), buyer, "lr", 1, generator).tolist()
    return accuracies


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    # Arrow's reader is what pandas' engine="pyarrow", the script's, runs; here NumPy stacks the columns.
    table = csv.read_csv(path, csv.ReadOptions(autogenerate_column_names=True))
    matrix = np.column_stack([column.to_numpy() for column in table.columns])
    return matrix[:, :-1].astype(np.float64), matrix[:, -1]


def ours(draws: Draws, model: str, threads: int) -> np.ndarray:
    """The accuracies of all draws, in one plan."""
    plan = Plan(draws.pool, board.MODELS[model](), draws.labels, draws.rows)
    return engine(threads).run(plan).values["correct"] / len(draws.pool.evaluation_labels)


def reference(draws: Draws, model: str, threads: int) -> np.ndarray:
    """The same by scikit-learn, one fit after the other on one BLAS thread."""
    return np.array([_fit(draws, retrain, model) for retrain in range(len(draws.rows))])


def side_by_side(draws: Draws, model: str, threads: int) -> np.ndarray:
    """The same by scikit-learn, a fit a thread, one BLAS thread each."""
    with ThreadPoolExecutor(threads) as pool:
        return np.array(list(pool.map(lambda retrain: _fit(draws, retrain, model), range(len(draws.rows)))))


def null(draws: Draws, model: str, threads: int) -> np.ndarray:
    """No work at all: what the harness itself costs."""
    return np.zeros(len(draws.rows))


def _fit(draws: Draws, retrain: int, model: str) -> float:
    features = draws.pool.features[draws.rows[retrain]].astype(np.float64)
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted: Any = pipeline.new_model(model).fit(features, draws.labels[retrain])
        return float(fitted.score(draws.pool.evaluation_features.astype(np.float64), draws.pool.evaluation_labels))
