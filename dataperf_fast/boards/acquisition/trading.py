"""An opened market: all its tables and rules, and what a plan of purchase draws from it.

Source: facebookresearch/Data_Acquisition_for_ML_Benchmark, ``src/seller.py`` and ``src/helper.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from dataperf_fast.boards.acquisition import files
from dataperf_fast.engine.engine import Engine
from dataperf_fast.files import csv_tables
from dataperf_fast.files.csv_tables import Table
from dataperf_fast.files.handed_in import HandedIn


@dataclass(frozen=True)
class FullMarket:
    """The sellers' and the buyer's tables, the prices and the budget."""

    sellers: list[Table]
    buyer: Table
    prices: list[files.Price]
    budget: files.Budget

    @property
    def sizes(self) -> list[int]:
        """The sellers' numbers of rows."""
        return [len(table.labels) for table in self.sellers]


class Source(Protocol):
    """Where a market is: in files, or in memory."""

    @property
    def number(self) -> int:
        """The market's."""

    def open(self, engine: Engine) -> FullMarket:
        """All of it."""

    def plan(self, submission: HandedIn, sizes: Sequence[int]) -> tuple[Path, np.ndarray]:
        """A submission's counts for the market, and the file, or name, that they are in."""


@dataclass(frozen=True)
class MarketInFiles:
    """A market in its official files."""

    files: files.MarketFiles

    @property
    def number(self) -> int:
        """The market's."""
        return self.files.number

    def open(self, engine: Engine) -> FullMarket:
        """All of it; its tables are kept for the next run unless the engine keeps nothing."""
        engine.progress.begin(f"reading market {self.number}")
        engine.progress.planned(len(files.seller_paths(self.files)))
        kept = csv_tables.default_folder() if engine.keeps else None
        return open_full_market(self.files, kept, lambda: engine.progress.done(1))

    def plan(self, submission: HandedIn, sizes: Sequence[int]) -> tuple[Path, np.ndarray]:
        """A submission's counts for the market, and the file that they are in."""
        path = submission.file(self.number, f"{self.number}.csv")
        return path, files.read_plan(path, sizes)


def open_full_market(
    of_market: files.MarketFiles, kept: Path | None, on_read: Callable[[], None] | None = None
) -> FullMarket:
    """Read a market; ``kept`` and ``on_read`` are as in ``files.read_sellers``."""
    sellers = files.read_sellers(of_market, kept, on_read)
    buyer = files.read_buyer(of_market, sellers[0].features.shape[1], kept)
    prices = files.read_prices(of_market.prices, len(sellers))
    return FullMarket(sellers, buyer, prices, files.read_budget(of_market.budget))


def draw(market: FullMarket, counts: np.ndarray, generator: np.random.RandomState) -> np.ndarray:
    """The rows that a plan ``counts (sellers,)`` draws, with replacement, seller after seller.

    Numbered through all sellers: int64 ``(counts.sum(),)``. NumPy's legacy generator is the reference's.
    """
    firsts = np.cumsum([0, *market.sizes[:-1]])
    drawn = [
        first + generator.choice(size, size=int(count), replace=True)
        for first, size, count in zip(firsts, market.sizes, counts, strict=True)
    ]
    return np.concatenate(drawn)


def gather(market: FullMarket, draws: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """The features ``(n, d)`` of all rows in some draw, and each draw's rows (int32) and labels in it.

    Only these rows are read of tables that are mapped.
    """
    wanted, places = np.unique(np.concatenate(draws), return_inverse=True)
    firsts = np.cumsum([0, *market.sizes])
    bounds = np.searchsorted(wanted, firsts)
    dtype = np.result_type(*(table.features.dtype for table in market.sellers))
    features = np.empty((len(wanted), market.sellers[0].features.shape[1]), dtype)
    labels = np.empty(len(wanted))
    for number, table in enumerate(market.sellers):
        of_seller = slice(bounds[number], bounds[number + 1])
        rows = wanted[of_seller] - firsts[number]
        features[of_seller], labels[of_seller] = table.features[rows], table.labels[rows]
    rows = np.split(places.astype(np.int32), np.cumsum([len(drawn) for drawn in draws])[:-1])
    return features, rows, [labels[of_draw] for of_draw in rows]
