"""A data market as a participant sees it, and the writers of a whole market in the official files.

Source: facebookresearch/Data_Acquisition_for_ML_Benchmark, ``src/dam.py``; its ``mlmodel.pickle`` is never opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dataperf_fast.boards.acquisition.files import MarketFiles, market_files, read_budget, read_buyer, read_prices
from dataperf_fast.files.csv_tables import write_table
from dataperf_fast.files.errors import InputError, not_json
from dataperf_fast.files.numbers import BLANKS, decimal
from dataperf_fast.files.paths import StrPath, path_of, read_text, write_text

_KEYS = ("row_number", "column_number", "hist", "label_correlation")
_BINS = 10
_SAMPLES = 5


@dataclass(frozen=True)
class Seller:
    """What a seller shows of its rows; the summary and the samples are read when they are asked for.

    Attributes:
        number: its place among the sellers, from 0.
        maximum_price: the price of all rows.
        dimension: the number of features.
        files: where the market's files lie.

    Example:
        >>> seller = dpf.open_market("made/acquisition", 0).sellers[3]
        >>> seller.rows, seller.price(seller.rows) == seller.maximum_price, seller.samples.shape
        (72, True, (5, 769))
    """

    number: int
    maximum_price: float
    dimension: int
    files: MarketFiles = field(repr=False)

    @property
    def rows(self) -> int:
        """The number of rows for sale."""
        return int(self.summary["row_number"])

    def price(self, count: int) -> float:
        """The price of ``count`` rows, a whole number from 0 to ``rows``; raises ``InputError`` for any other."""
        if not 0 <= count <= self.rows or count != int(count):
            raise InputError(f"seller {self.number}", "cannot sell", value=count, expected=f"0 to {self.rows} rows")
        return float(self.maximum_price * (count / self.rows))

    @cached_property
    def summary(self) -> dict[str, Any]:
        """``row_number``, ``column_number``, ``hist`` (feature -> ``{bin}_size``, ``{edge}_range``) and
        ``label_correlation`` (feature -> Pearson's); the features' numbers are strings.
        """
        path = self.files.summaries / f"{self.number}.csv.json"
        what = f"a seller's summary: {', '.join(_KEYS)}"
        text = read_text(path, what)
        try:
            summary = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise not_json(path, error, what) from error
        if not isinstance(summary, dict):
            raise InputError(path, "holds no object", expected=what)
        for key in _KEYS:
            if key not in summary:
                raise InputError(path, "has no key", value=key, expected=what)
            expected = "a whole number from 1" if key.endswith("number") else "an object"
            value = summary[key]
            if isinstance(value, bool) or not isinstance(value, int if key.endswith("number") else dict):
                raise InputError(path, "holds", key, value, expected)
            if isinstance(value, int) and value < 1:
                raise InputError(path, "holds", key, value, expected)
        if summary["column_number"] != self.dimension + 1:
            expected = f"{self.dimension + 1}, as the buyer's table"
            raise InputError(path, "holds", "column_number", summary["column_number"], expected)
        return summary

    @cached_property
    def samples(self) -> np.ndarray:
        """Some of the rows, ``(5, d + 1)`` float64, label last; a seller of fewer rows shows them all."""
        path = self.files.summaries / f"{self.number}.csvsamples.csv"
        what = f"a seller's sample: {_SAMPLES} rows of {self.dimension + 1} numbers, spaces or commas between"
        lines = read_text(path, what).rstrip(f"{BLANKS}\n").split("\n")
        if len(lines) != min(_SAMPLES, self.rows):
            raise InputError(path, f"holds {len(lines)} rows", expected=what)
        samples = np.empty((len(lines), self.dimension + 1))
        for row, line in enumerate(lines):
            values = re.findall(r"[^ \t,]+", line)
            if len(values) != samples.shape[1]:
                raise InputError(path, f"has {len(values)} columns", f"line {row + 1}", expected=what)
            for column, value in enumerate(values):
                if (number := decimal(value)) is None:
                    place = f"line {row + 1}, column {column + 1}"
                    raise InputError(path, "holds", place, value, "a finite number")
                samples[row, column] = float(number)
        return samples


@dataclass(frozen=True)
class Market:
    """A market as a buyer may know it, without its sellers' rows.

    Attributes:
        number: the market's.
        budget: what the buyer may spend.
        buyer_features: the buyer's features ``(m, d)`` float64.
        buyer_labels: the buyer's labels ``(m,)`` float64.
        sellers: the sellers, in the order of their numbers.

    Example:
        >>> market = dpf.open_market("made/acquisition", 0)
        >>> market.buyer_features.shape, len(market.sellers)
        ((80, 768), 4)
    """

    number: int
    budget: float
    buyer_features: np.ndarray
    buyer_labels: np.ndarray
    sellers: list[Seller]


def open_market(data: StrPath, number: int) -> Market:
    """Read what a participant may see of a market.

    Args:
        data: the folder of the board's official files.
        number: the market's.

    Returns:
        The market; its sellers are those that have a summary. A seller's summary and samples are read, and checked,
        when they are asked for.

    Raises:
        InputError: for what is missing or broken.

    Example:
        >>> market = dpf.open_market("made/acquisition", 0)
        >>> market.sellers[0].summary["column_number"]  # the features, and the label
        769
    """
    files = market_files(path_of("data", data, "a folder's path"), number)
    if not files.folder.is_dir():
        raise InputError(files.folder, "no such folder", expected=f"market {number}")
    names = {path.name.removesuffix(".csv.json") for path in files.summaries.glob("*.csv.json")}
    if not names:
        raise InputError(files.summaries, "holds no seller's summary", expected="0.csv.json, 1.csv.json and on")
    for seller in range(len(names)):
        if str(seller) not in names:
            expected = f"0.csv.json and on without a gap, as there are {len(names)}"
            raise InputError(files.summaries / f"{seller}.csv.json", "no such file", expected=expected)
    budget = read_budget(files.budget)
    prices = read_prices(files.prices, len(names))
    buyer = read_buyer(files, None)
    dimension = buyer.features.shape[1]
    sellers = [Seller(seller, price.maximum, dimension, files) for seller, price in enumerate(prices)]
    return Market(number, budget.amount, buyer.features.astype(np.float64), buyer.labels, sellers)


def write_market(
    data: StrPath,
    number: int,
    sellers: Iterable[tuple[np.ndarray, np.ndarray]],
    prices: Sequence[float],
    budget: float,
    buyer: tuple[np.ndarray, np.ndarray],
) -> MarketFiles:
    """Write all of a market's files but the pickled model; equal input gives equal bytes.

    ``sellers`` gives each seller's features ``(n, d)`` and whole-number labels ``(n,)``, and is held one at a time;
    ``prices`` are those of all of a seller's rows; ``buyer`` is the buyer's features and labels.
    """
    files = market_files(Path(data), number)
    sizes = []
    for seller, (features, labels) in enumerate(sellers):
        write_table(files.seller(seller), features, labels)
        _write_summary(files, seller, features, labels)
        sizes.append(len(labels))
    if len(sizes) != len(prices):
        raise ValueError(f"{len(prices)} prices for {len(sizes)} sellers")
    write_table(files.buyer, *buyer)
    write_text(files.prices, "".join(f"lin,{_shortest(price)}\n" for price in prices))
    write_text(files.budget, f"{_shortest(budget)}\n")
    write_text(files.seller_ids, "".join(f"{seller}\n" for seller in range(len(sizes))))
    write_text(files.folder / "seller_datasize.csv", "".join(f"{size}\n" for size in sizes))
    return files


def _write_summary(files: MarketFiles, seller: int, features: np.ndarray, labels: np.ndarray) -> None:
    hist: dict[str, dict[str, float]] = {}
    correlation: dict[str, float] = {}
    for number, values in enumerate(features.T):
        column = np.ascontiguousarray(values, dtype=np.float64)
        sizes, edges = np.histogram(column, _BINS)
        counts = {f"{at}_size": int(size) for at, size in enumerate(sizes)}
        hist[str(number)] = counts | {f"{at}_range": float(edge) for at, edge in enumerate(edges)}
        correlation[str(number)] = _correlation(column, labels.astype(np.float64))
    summary = dict(zip(_KEYS, (len(labels), features.shape[1] + 1, hist, correlation), strict=True))
    write_text(files.summaries / f"{seller}.csv.json", json.dumps(summary))
    samples = np.column_stack([features[:_SAMPLES].astype(np.float64), labels[:_SAMPLES]])
    rows = "".join(" ".join(map(_shortest, row)) + "\n" for row in samples)
    write_text(files.summaries / f"{seller}.csvsamples.csv", rows)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation; 0 where a vector is constant."""
    if not np.ptp(one) or not np.ptp(other):
        return 0.0
    one, other = one - one.mean(), other - other.mean()
    # Not dot products: their rounding, and so the bytes, would depend on the machine.
    length = np.sqrt((one * one).sum()) * np.sqrt((other * other).sum())
    return float((one * other).sum() / length)


def _shortest(value: float) -> str:
    """The shortest decimal that reads back as the same float64."""
    return repr(float(value)).removesuffix(".0")
