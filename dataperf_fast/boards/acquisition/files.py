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
from dataperf_fast.files.numbers import BLANKS, decimal
from dataperf_fast.files.paths import read_text, write_text

NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_PLAN_NAME = re.compile(rf"({NUMBER.pattern})\.(?:csv|txt)")
_LONGEST_COUNT = 32  # bytes, with spaces
_MOST_PERCENT = 10_000
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
    numbers = sorted(int(path.name) for path in folder.iterdir() if path.is_dir() and NUMBER.fullmatch(path.name))
    if not numbers:
        raise InputError(folder, "holds no market", expected=what)
    return [market_files(data, number) for number in numbers]


def read_prices(path: Path, sellers: int | None) -> list[Price]:
    """Read the price list, a line a seller: ``lin,MAXPRICE``, a finite number from 0.

    Lines beyond ``sellers`` are dropped with a warning: a list in the public repository has one too many.
    """
    prices = []
    for number, line in enumerate(_lines(path, "a price list"), start=1):
        method, _, text = (part.strip(BLANKS) for part in line.partition(","))
        exact = amount(text)
        if method.lower() != "lin" or exact is None:
            expected = "lin,NUMBER with a number from 0"
            raise InputError(path, "holds", f"line {number}", line, expected)
        prices.append(Price(float(exact), exact, text))
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
    exact = amount(lines[0])
    if exact is None:
        raise InputError(path, "holds", "line 1", lines[0], expected)
    return Budget(float(exact), exact)


def _lines(path: Path, what: str) -> list[str]:
    text = read_text(path, what).rstrip(f"{BLANKS}\n")
    if not text:
        raise InputError(path, "is empty", expected=what)
    return text.split("\n")


def amount(text: str) -> Fraction | None:
    """The exact value of a decimal from 0, else None."""
    exact = decimal(text)
    return None if exact is None or exact < 0 else exact


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
        if not NUMBER.fullmatch(name):
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
    require_classes(table, lambda row: f"line {row + 1}, column {columns}")
    return table


def require_classes(table: Table, place: Callable[[int], str]) -> None:
    """Raise ``InputError`` for the first label that is no whole number, at ``place(row)``."""
    wrong = np.flatnonzero(table.labels != np.rint(table.labels))
    if len(wrong):
        row = int(wrong[0])
        value = float(table.labels[row])
        raise InputError(table.path, "holds the label", place(row), value, "a whole number, the class")


def recognize(path: Path) -> Named | None:
    """What ``handed_in.find`` asks: the market that a plan is for, by its name."""
    match = _PLAN_NAME.fullmatch(path.name.lower())
    return Named(int(match[1]), rank=int(path.name != path.name.lower())) if match else None


def read_plan(path: Path, sizes: Sequence[int]) -> np.ndarray:
    """Read a plan: a count a seller, seller 0 first, on one line with commas between or each on a line of its own.

    What ``np.loadtxt`` reads, and ``np.savetxt`` writes: comments after ``#``, blank lines, and whole numbers in any
    decimal form. ``sizes`` are the numbers of rows that the sellers have. Returns int64 ``(sellers,)``. Raises
    ``InputError`` with line and seller for another number of counts, and for one that is no whole number from 0 to the
    seller's rows.
    """
    what = f"{len(sizes)} whole numbers from 0, on one line with commas between, or one a line"
    if path.is_file() and path.stat().st_size > (len(sizes) + 100) * _LONGEST_COUNT:
        raise InputError(path, f"is too large ({path.stat().st_size} bytes)", expected=what)
    lines = read_text(path, f"a plan: {what}").split("\n")
    texts = {number: line.partition("#")[0] for number, line in enumerate(lines, start=1)}
    rows = [(number, text.split(",")) for number, text in texts.items() if text.strip()]
    if not rows:
        raise InputError(path, "is empty", expected=what)
    for number, row in rows[1:]:
        if len(row) > 1 or len(rows[0][1]) > 1:
            raise InputError(path, "holds more:", f"line {number}", texts[number], what)
    places = [f"line {number}" for number, row in rows for _ in row]
    return counts_of(path, [value.strip() for _, row in rows for value in row], sizes, places)


def counts_of(path: Path, values: Sequence[str], sizes: Sequence[int], places: Sequence[str]) -> np.ndarray:
    """A plan, int64 ``(sellers,)``, of counts as texts; ``places`` say where in ``path`` each stands."""
    counts = [
        _read_count(path, f"{place}, seller {seller}", value)
        for seller, (place, value) in enumerate(zip(places, values, strict=True))
    ]
    if len(counts) != len(sizes):
        place = places[min(len(sizes), len(counts) - 1)]
        raise InputError(path, f"lists {len(counts)} counts", place, expected=f"{len(sizes)}, one a seller")
    for seller, (place, count, size) in enumerate(zip(places, counts, sizes, strict=True)):
        if count > size:
            expected = f"at most {size}, the rows that it has"
            raise InputError(path, "buys too many rows:", f"{place}, seller {seller}", count, expected)
    return np.array(counts, dtype=np.int64)


def _read_count(path: Path, place: str, text: str) -> int:
    """The whole number from 0 that a text is in decimals."""
    known = decimal(text)
    if known is None:
        problem = "holds no count:"
    elif known < 0:
        problem = "holds a negative count:"
    elif known.denominator != 1:
        problem = "holds a fractional count:"
    else:
        return int(known)
    raise InputError(path, problem, place, text, "a whole number from 0")


def check_plan(
    path: Path,
    counts: np.ndarray,
    sizes: Sequence[int],
    prices: Sequence[Price],
    budget: Budget,
    over: Fraction = Fraction(0),
    in_contest: bool = False,
) -> tuple[float, float]:
    """Check a plan against the rules; returns its cost, summed over the sellers in order in float64, and its excess.

    Illegal are nothing at all, and a cost over the budget by more than the share ``over`` of it, which is decided
    exactly: what spends the budget to the cent is legal however float64 rounds it. ``sizes`` are the sellers' numbers
    of rows. The excess is the share of the budget by which the plan costs more, 0 for one that does not. ``in_contest``
    nothing allows more, and nothing is said that does.
    """
    if not counts.any():
        raise InputError(path, "buys nothing", expected="at least one row, or no model can be trained")
    cost, exact = 0.0, Fraction(0)
    for count, size, price in zip(counts.tolist(), sizes, prices, strict=True):
        cost += price.maximum * (count / size)
        exact += price.exact * Fraction(count, size)
    if exact <= budget.exact:
        return cost, 0.0
    most = budget.exact * (1 + over)
    if exact > most:
        if over:
            expected = f"at most {float(most):.15g}, the budget and what may be over it"
        else:
            expected = f"at most {budget.amount:.15g}, the budget"
            expected += "" if in_contest else "; --over-budget PERCENT, own={'over_budget': PERCENT}, allows more"
        raise InputError(path, f"costs {_show_cost(exact, most)}", expected=expected)
    return cost, float(exact / budget.exact - 1)


def read_percent(text: str) -> Fraction:
    """A percentage of at most 10,000 as a share, exactly; ``ValueError`` for what is no number from 0."""
    percent = amount(text)
    if percent is None or percent > _MOST_PERCENT:
        raise ValueError(text)
    return percent / 100


def _show_cost(cost: Fraction, most: Fraction) -> str:
    """A cost with as few digits as show that it is more than ``most``."""
    for digits in range(2, 18):
        text = f"{float(cost):.{digits}f}"
        if Fraction(text) > most:
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
