"""Plans of purchase to compare with, and the script's sweep of what an accuracy costs.

UNIFORM spends the same on every seller, RSS all on one seller at random, FSS all on the first. The sweep buys shares of
the sellers' rows, of one at random or of all of them in random parts, a hundred times a share, whatever the budget is.
Source: DataPerf (arXiv 2207.10062), table of baselines; facebookresearch/Data_Acquisition_for_ML_Benchmark,
``evaluator_acc_cost.py``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from dataperf_fast.boards import methods as asked
from dataperf_fast.boards.acquisition import files, trading
from dataperf_fast.boards.acquisition.market import open_market
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.files import csv_tables
from dataperf_fast.files.paths import StrPath, write_text
from dataperf_fast.models.logistic_regression import LogisticRegression

FRACTIONS, TRIALS, SEED = (0.01, 0.025, 0.05, 0.1, 0.2), 100, 1111
_AT_ONCE = 20  # trials whose rows are in memory: 100,000 at the paper's scale


def affordable(money: Fraction, price: Fraction, rows: int) -> int:
    """How many of a seller's ``rows`` the money buys, where all of them cost ``price``."""
    return rows if money >= price else int(money * rows / price)


def uniform(budget: Fraction, prices: Sequence[Fraction], rows: Sequence[int], seed: int) -> list[int]:
    """The same money for every seller."""
    share = budget / len(prices)
    return [affordable(share, price, of_seller) for price, of_seller in zip(prices, rows, strict=True)]


def rss(budget: Fraction, prices: Sequence[Fraction], rows: Sequence[int], seed: int) -> list[int]:
    """All the money for one seller, at random."""
    return _single(budget, prices, rows, int(np.random.default_rng(seed).integers(len(prices))))


def fss(budget: Fraction, prices: Sequence[Fraction], rows: Sequence[int], seed: int) -> list[int]:
    """All the money for the first seller."""
    return _single(budget, prices, rows, 0)


def _single(budget: Fraction, prices: Sequence[Fraction], rows: Sequence[int], seller: int) -> list[int]:
    counts = [0] * len(prices)
    counts[seller] = affordable(budget, prices[seller], rows[seller])
    return counts


PLANS: dict[str, Callable[[Fraction, Sequence[Fraction], Sequence[int], int], list[int]]] = {
    "uniform": uniform,
    "rss": rss,
    "fss": fss,
}
METHODS = (*PLANS, "sweep")


def write(data: StrPath, out: StrPath, methods: Sequence[str] | None, seed: int, engine: Engine) -> list[Path]:
    """Write ``{out}/{method}/{market}.csv`` for every plan, and ``{out}/sweep/sweep_market_{market}.csv`` if asked for.

    Plans need only what participants see; the sweep, a thousand retrains a market, needs the sellers' tables.
    """
    data, out = Path(data), Path(out)
    chosen = asked.chosen(methods, METHODS, PLANS)
    written = []
    for of_market in files.find_markets(data):
        for method in chosen:
            if method == "sweep":
                path = out / "sweep" / f"sweep_market_{of_market.number}.csv"
                written.append(_write_sweep(path, of_market, engine))
                continue
            market = open_market(data, of_market.number)
            prices = [price.exact for price in files.read_prices(of_market.prices, len(market.sellers))]
            rows = [seller.rows for seller in market.sellers]
            budget = files.read_budget(of_market.budget).exact
            counts = PLANS[method](budget, prices, rows, seed + of_market.number)
            written.append(files.write_plan(out / method / f"{of_market.number}.csv", counts))
    return written


def _write_sweep(path: Path, of_market: files.MarketFiles, engine: Engine) -> Path:
    kept = csv_tables.default_folder() if engine.keeps else None
    engine.progress.begin(f"sweep of market {of_market.number}")
    market = trading.open_full_market(of_market, kept)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["strategy", "fraction", "trial", "rows", "cost", "accuracy"])
    for strategy in ("single", "uniform"):
        generator = np.random.RandomState(SEED)
        for fraction in FRACTIONS:
            writer.writerows(_sweep(market, strategy, fraction, generator, engine))
    write_text(path, text.getvalue())
    return path


def _sweep(
    market: trading.FullMarket, strategy: str, fraction: float, generator: np.random.RandomState, engine: Engine
) -> list[list[object]]:
    """Buy and train a hundred times; a draw of one label only has no accuracy."""
    plans, draws = [], []
    for _ in range(TRIALS):
        plans.append(_random_counts(market.sizes, strategy, fraction, generator))
        draws.append(trading.draw(market, plans[-1], generator))
    accuracies: list[float | None] = []
    for start in range(0, TRIALS, _AT_ONCE):
        accuracies += _accuracies(market, draws[start : start + _AT_ONCE], engine)
    prices = [price.maximum for price in market.prices]
    costs = [sum(p * (m / n) for p, m, n in zip(prices, counts, market.sizes, strict=True)) for counts in plans]
    return [
        [strategy, fraction, trial, int(sum(plans[trial])), costs[trial], accuracies[trial]] for trial in range(TRIALS)
    ]


def _accuracies(market: trading.FullMarket, draws: Sequence[np.ndarray], engine: Engine) -> list[float | None]:
    features, rows, labels = trading.gather(market, draws)
    trained = [trial for trial in range(len(draws)) if len(set(labels[trial])) > 1]
    accuracies: list[float | None] = [None] * len(draws)
    if trained:
        pool = Pool(features, market.buyer.features, market.buyer.labels)
        of = [labels[trial] for trial in trained], [rows[trial] for trial in trained]
        correct = engine.run(Plan(pool, LogisticRegression(), *of)).values["correct"]
        for trial, count in zip(trained, correct.tolist(), strict=True):
            accuracies[trial] = count / len(market.buyer.labels)
    return accuracies


def _random_counts(
    sizes: Sequence[int], strategy: str, fraction: float, generator: np.random.RandomState
) -> np.ndarray:
    """The script's random plan for a share of the rows; where that leaves nothing to draw from, 0 or 1 row."""
    counts = np.zeros(len(sizes), np.int64)
    if strategy == "single":
        seller = generator.randint(0, len(sizes))
        counts[seller] = int(sizes[seller] * fraction)
    else:
        counts[:] = [generator.randint(0, max(1, int(size * fraction / len(sizes) * 2))) for size in sizes]
    return counts
