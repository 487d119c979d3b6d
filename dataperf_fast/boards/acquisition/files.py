"""The data-acquisition board's files: markets, prices, budgets, sellers' and buyer's tables, plans, results.

What a participant sees, and the writers of a market, stand in ``market.py``.
Source: facebookresearch/Data_Acquisition_for_ML_Benchmark, ``src/helper.py`` and ``src/evaluator_submission.py``.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from dataperf_fast.files.csv_tables import Table, read_table
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.handed_in import Named
from dataperf_fast.files.paths import read_text, write_text

# Bounded, or the exact fraction of 1e999999999 would take all memory.
_AMOUNT = re.compile(r"\+?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_PLAN_NAME = re.compile(rf"({_NUMBER.pattern})\.(?:csv|txt)")
_MOST_ROWS = 10**12
_LONGEST_COUNT = 32  # bytes, with spaces
NAMED = "files named {market}.csv or {market}.txt"


@dataclass(frozen=True)
class MarketFiles:
    """Where a market's files are: ``marketinfo/{number}`` and ``features/{number}``, which participants lack."""

    number: int
    folder: Path
    features: Path

    @property
    def prices(self) -> Path:
        """A line a seller: ``lin,MAXPRICE``."""
        return self.folder / "price" / "price.txt"

    @property
    def budget(self) -> Path:
        """One number."""
        return self.folder / "price" / "budget.txt"

    @property
    def buyer(self) -> Path:
        """The buyer's table."""
        return self.folder / "data_buyer" / "20.csv"

    @property
    def seller_ids(self) -> Path:
        """A line a seller: its number."""
        return self.folder / "sellerid.txt"

    @property
    def summaries(self) -> Path:
        """The folder of ``{seller}.csv.json`` and ``{seller}.csvsamples.csv``."""
        return self.folder / "summary"

    def seller(self, number: int) -> Path:
        """A seller's table."""
        return self.features / f"{number}.csv"


@dataclass(frozen=True)
class Price:
    """What all rows of a seller cost; ``exact`` is the decimal in the file, ``maximum`` the nearest float64."""

    maximum: float
    exact: Fraction
    text: str


@dataclass(frozen=True)
class Budget:
    """What a plan may cost; ``exact`` is the decimal in the file, ``amount`` the nearest float64."""

    amount: float
    exact: Fraction


def market_files(data: Path, number: int) -> MarketFiles:
    """Name a market's files; none is opened."""
    return MarketFiles(number, data / "marketinfo" / str(number), data / "features" / str(number))


def find_markets(data: Path) -> list[MarketFiles]:
    """List the markets ``marketinfo/{number}`` of a data folder in numeric order; ``InputError`` if there is none."""
    folder, what = data / "marketinfo", "a folder of markets, marketinfo/0 and on"
    if not folder.is_dir():
        raise InputError(folder, "is not a folder" if folder.exists() else "no such folder", expected=what)
    numbers = sorted(int(path.name) for path in folder.iterdir() if path.is_dir() and _NUMBER.fullmatch(path.name))
    if not numbers:
        raise InputError(folder, "holds no market", expected=what)
    return [market_files(data, number) for number in numbers]


def read_prices(path: Path, sellers: int | None) -> list[Price]:
    """Read the price list, a line a seller: ``lin,MAXPRICE``, a finite number from 0.

    Lines beyond ``sellers`` are dropped with a warning: a list in the public repository has one too many.
    """
    prices = []
    for number, line in enumerate(_lines(path, "a price list"), start=1):
        method, _, text = (part.strip() for part in line.partition(","))
        exact = _amount(text)
        if method.lower() != "lin" or exact is None:
            expected = "lin,NUMBER with a number from 0"
            raise InputError(path, "holds", f"line {number}", line, expected)
        prices.append(Price(float(text), exact, text))
    if sellers is None:
        return prices
    if len(prices) < sellers:
        raise InputError(path, f"has {len(prices)} prices", expected=f"{sellers}, one a seller")
    if len(prices) > sellers:
        warnings.warn(f"{path}: has {len(prices)} prices for {sellers} sellers; the last are dropped", stacklevel=2)
    return prices[:sellers]


def read_budget(path: Path) -> Budget:
    """Read the budget: one finite number from 0."""
    expected = "one number from 0"
    lines = _lines(path, "a budget")
    if len(lines) > 1:
        raise InputError(path, "holds more:", "line 2", lines[1], expected)
    exact = _amount(lines[0].strip())
    if exact is None:
        raise InputError(path, "holds", "line 1", lines[0], expected)
    return Budget(float(lines[0]), exact)


def _lines(path: Path, what: str) -> list[str]:
    text = read_text(path, what).rstrip()
    if not text:
        raise InputError(path, "is empty", expected=what)
    return text.split("\n")


def _amount(text: str) -> Fraction | None:
    """The exact value of a decimal that is finite as a float64, else None."""
    return Fraction(text) if _AMOUNT.fullmatch(text) and np.isfinite(float(text)) else None


def read_sellers(market: MarketFiles, kept: Path | None, on_read: Callable[[], None] | None = None) -> list[Table]:
    """Read the sellers' tables ``{number}.csv`` in numeric order, from 0 without a gap, all of equal width.

    Labels must be whole numbers. ``kept`` is as in ``csv_tables.read_table``; ``on_read`` is called after each table.
    """
    tables: list[Table] = []
    for path in seller_paths(market):
        dimension = tables[0].features.shape[1] if tables else None
        tables.append(_read_labelled(path, f"the rows of seller {path.stem}", kept, dimension, "seller 0"))
        if on_read:
            on_read()
    return tables


def seller_paths(market: MarketFiles) -> list[Path]:
    """List the sellers' tables in numeric order; hidden files and other endings are passed over."""
    folder, what = market.features, "the sellers' tables 0.csv, 1.csv and on"
    if not folder.is_dir():
        raise InputError(folder, "is not a folder" if folder.exists() else "no such folder", expected=what)
    names = {path.stem for path in folder.glob("*.csv") if not path.name.startswith(".")}
    if not names:
        raise InputError(folder, "holds no seller's table", expected=what)
    for name in sorted(names):
        if not _NUMBER.fullmatch(name):
            raise InputError(folder / f"{name}.csv", "is not named as a seller's table", expected=what)
    paths = [market.seller(number) for number in range(len(names))]
    for path in paths:
        if path.stem not in names:
            raise InputError(path, "no such file", expected=f"{what} without a gap, as there are {len(names)}")
    return paths


def read_buyer(market: MarketFiles, dimension: int | None, kept: Path | None = None) -> Table:
    """Read the buyer's table; ``dimension`` is the number of features (None: any), labels must be whole numbers."""
    return _read_labelled(market.buyer, "the buyer's rows", kept, dimension, "the sellers")


def _read_labelled(path: Path, what: str, kept: Path | None, dimension: int | None, whose: str) -> Table:
    table = read_table(path, f"{what}: features, commas between, and a label last", kept)
    columns = table.features.shape[1] + 1
    if dimension is not None and columns != dimension + 1:
        raise InputError(path, f"has {columns} columns", "line 1", expected=f"{dimension + 1}, as {whose}")
    wrong = np.flatnonzero(table.labels != np.rint(table.labels))
    if len(wrong):
        value = float(table.labels[wrong[0]])
        place = f"line {wrong[0] + 1}, column {columns}"
        raise InputError(path, "holds the label", place, value, "a whole number, the class")
    return table


def recognize(path: Path) -> Named | None:
    """What ``handed_in.find`` asks: the market that a plan is for, by its name."""
    match = _PLAN_NAME.fullmatch(path.name.lower())
    return Named(int(match[1]), rank=int(path.name != path.name.lower())) if match else None


def read_plan(path: Path, sellers: int) -> np.ndarray:
    """Read a plan: one line of counts, commas between, seller 0 first. Returns int64 ``(sellers,)``."""
    what = f"one line of {sellers} whole numbers from 0, commas between"
    if path.is_file() and path.stat().st_size > (sellers + 100) * _LONGEST_COUNT:
        raise InputError(path, f"is too large ({path.stat().st_size} bytes)", expected=what)
    line, *more = read_text(path, f"a plan: {what}").removesuffix("\n").split("\n")
    if more:
        raise InputError(path, "holds more:", "line 2", more[0], what)
    if not line.strip():
        raise InputError(path, "is empty", "line 1", expected=what)
    values = [value.strip() for value in line.split(",")]
    for seller, value in enumerate(values):
        if problem := _count_problem(value):
            expected = f"a whole number from 0 to {_MOST_ROWS}"
            raise InputError(path, problem, f"line 1, seller {seller}", value, expected)
    if len(values) != sellers:
        raise InputError(path, f"lists {len(values)} counts", "line 1", expected=f"{sellers}, one a seller")
    return np.array([int(value) for value in values], dtype=np.int64)


def _count_problem(value: str) -> str:
    if re.fullmatch(r"[0-9]+", value):
        return "holds too large a count:" if len(value) > 13 or int(value) > _MOST_ROWS else ""
    if not value:
        return "holds no count:"
    if re.fullmatch(r"-[0-9]+", value):
        return "holds a negative count:"
    return "holds a fractional count:" if re.fullmatch(r"[+-]?[0-9]*\.[0-9]*", value) else "holds no count:"


def check_plan(path: Path, counts: np.ndarray, sizes: Sequence[int], prices: Sequence[Price], budget: Budget) -> float:
    """Check a plan against the rules and return its cost, summed over the sellers in order in float64.

    Illegal are more rows of a seller than it has, nothing at all, and a cost over the budget, which is decided exactly:
    what spends the budget to the cent is legal however float64 rounds it. ``sizes`` are the sellers' numbers of rows.
    """
    cost, exact = 0.0, Fraction(0)
    for seller, (count, size, price) in enumerate(zip(counts.tolist(), sizes, prices, strict=True)):
        if count > size:
            expected = f"at most {size}, the rows that it has"
            raise InputError(path, "buys too many rows:", f"line 1, seller {seller}", count, expected)
        cost += price.maximum * (count / size)
        exact += price.exact * Fraction(count, size)
    if not counts.any():
        raise InputError(path, "buys nothing", "line 1", expected="at least one row, or no model can be trained")
    if exact > budget.exact:
        found = _show_cost(exact, budget.exact)
        raise InputError(path, f"costs {found}", "line 1", expected=f"at most {budget.amount:.15g}, the budget")
    return cost


def _show_cost(cost: Fraction, budget: Fraction) -> str:
    """A cost with as few digits as show that it is more than the budget."""
    for digits in range(2, 18):
        text = f"{float(cost):.{digits}f}"
        if Fraction(text) > budget:
            return text
    return f"{float(cost)!r} and a little"


def write_plan(path: Path, counts: Iterable[int]) -> Path:
    """Write a plan: a count a seller, seller 0 first; ``ValueError`` for one that is no whole number from 0."""
    values = list(counts)
    for value in values:
        if value != int(value) or value < 0:
            raise ValueError(f"a count must be a whole number from 0, not {value!r}")
    write_text(path, ",".join(str(int(value)) for value in values) + "\n")
    return path


def write_result(path: Path, result: dict[str, Any]) -> Path:
    """Write scores as the reference does: market -> cost, acc and what else there is."""
    write_text(path, json.dumps(result, indent=4))
    return path
