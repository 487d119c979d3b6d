"""Acquisition's markets and plans in memory, read with the files' own checks.

``data`` is a mapping from markets' numbers to markets: ``sellers``, a list of tables, ``buyer``, a table, ``prices``,
what all rows of each seller cost, and ``budget``. A table is features ``(n, d)`` and labels ``(n,)``, a pair, or one
matrix of both, label last, as its file is. A submission is a plan a market: a count a seller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dataperf_fast.boards.acquisition import files
from dataperf_fast.boards.acquisition.trading import FullMarket
from dataperf_fast.engine.engine import Engine
from dataperf_fast.files.csv_tables import Table, table_of
from dataperf_fast.files.errors import InputError, has_no_order, told
from dataperf_fast.files.handed_in import HandedIn
from dataperf_fast.files.in_memory import Given, InMemory, submissions_of

_PARTS = ("sellers", "buyer", "prices", "budget")
_WHAT = f"a mapping of {', '.join(_PARTS)}"
_MARKETS = f"a mapping from numbers to markets, each {_WHAT}"
_TABLE = "features (n, d) and labels (n,), or a matrix of both, label last"


@dataclass(frozen=True)
class MarketInMemory:
    """A market as it was given, in the place of its files."""

    number: int
    given: dict[str, Given]

    def open(self, engine: Engine) -> FullMarket:
        """All of it, checked as its files are."""
        given = self.given["sellers"]
        if not isinstance(given.value, list | tuple) or not given.value:
            raise given.error(f"a list of sellers' tables, each {_TABLE}")
        sellers: list[Table] = []
        for at, value in enumerate(given.value):
            dimension = sellers[0].features.shape[1] if sellers else None
            sellers.append(_table(Given(f"{given.name}[{at}]", value), dimension, "seller 0"))
        buyer = _table(self.given["buyer"], sellers[0].features.shape[1], "the sellers")
        return FullMarket(sellers, buyer, self._prices(len(sellers)), self._budget())

    def plan(self, submission: HandedIn, sizes: Sequence[int]) -> tuple[Path, np.ndarray]:
        """A submission's counts for the market, and their name."""
        path = submission.file(self.number, str(self.number))
        assert isinstance(submission, InMemory)
        counts = submission.given[self.number].values(f"{len(sizes)} whole numbers from 0, one a seller")
        if not counts:
            raise InputError(path, "is empty", expected=f"{len(sizes)} whole numbers from 0, one a seller")
        places = [f"position {at}" for at in range(len(counts))]
        return path, files.counts_of(path, [str(count) for count in counts], sizes, places)

    def _prices(self, sellers: int) -> list[files.Price]:
        given = self.given["prices"]
        texts = [str(value) for value in given.values(f"{sellers} numbers from 0, one a seller")]
        if len(texts) != sellers:
            raise InputError(given.path, f"holds {len(texts)} prices", expected=f"{sellers}, one a seller")
        prices = []
        for at, text in enumerate(texts):
            if (exact := files.amount(text)) is None:
                raise InputError(given.path, "holds", f"position {at}", text, "a number from 0")
            prices.append(files.Price(float(exact), exact, text))
        return prices

    def _budget(self) -> files.Budget:
        given = self.given["budget"]
        if (exact := files.amount(str(given.value))) is None:
            raise InputError(given.path, "is", "", given.value, "one number from 0")
        return files.Budget(float(exact), exact)


def _table(given: Given, dimension: int | None, whose: str) -> Table:
    is_pair = isinstance(given.value, tuple)
    for part in [Given(f"{given.name}[{at}]", of) for at, of in enumerate(given.value)] if is_pair else [given]:
        if has_no_order(part.value):
            raise part.error(_TABLE)
    try:
        if is_pair:
            features, labels = (np.asarray(part) for part in given.value)
            numbers = np.column_stack([features, labels])
        else:
            numbers = np.asarray(given.value)
    except (TypeError, ValueError) as error:
        raise InputError(given.path, f"is no table ({told(error)})", expected=_TABLE) from error
    table = table_of(given.path, numbers)
    columns = table.features.shape[1] + 1
    if dimension is not None and columns != dimension + 1:
        raise InputError(given.path, f"has {columns} columns", expected=f"{dimension + 1}, as {whose}")
    files.require_classes(table, lambda row: f"row {row}")
    return table


def markets_of(data: Any) -> list[MarketInMemory]:
    """The markets, in the order of their numbers."""
    given = Given("data", data)
    found = given.parts(_MARKETS, pattern=files.NUMBER.pattern)
    if not found:
        raise InputError(given.path, "holds no market", expected=_MARKETS)
    return [
        MarketInMemory(number, found[str(number)].parts(_WHAT, _PARTS, _PARTS)) for number in sorted(map(int, found))
    ]


def plans_of(submissions: Any, numbers: Sequence[int]) -> tuple[list[InMemory], list[tuple[str, InputError]]]:
    """The submissions, and names with what is wrong."""
    known = {str(number): number for number in numbers}
    return submissions_of(submissions, known.get, " or ".join(known), "a plan, a count a seller")
