"""Markets that say nothing: there is nothing to choose, or nothing to be right about."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from dataperf_fast.boards.acquisition import files
from dataperf_fast.boards.acquisition.market import Market, open_market
from dataperf_fast.engine.engine import Engine


def find(data: Path, model: str | None, engine: Engine) -> dict[str, str]:
    """Markets whose budget buys everything or nothing, by what sellers tell, or whose buyer's rows have one label."""
    found = {}
    for of_market in files.find_markets(data):
        if why := _why(of_market, open_market(data, of_market.number)):
            found[str(of_market.number)] = why
    return found


def _why(of_market: files.MarketFiles, market: Market) -> str:
    prices = files.read_prices(of_market.prices, len(market.sellers))
    budget = files.read_budget(of_market.budget)
    rows = [Fraction(price.exact, seller.rows) for price, seller in zip(prices, market.sellers, strict=True)]
    if budget.exact >= sum(price.exact for price in prices):
        return f"the budget, {budget.amount:.15g}, buys every row of every seller"
    if budget.exact < min(rows):
        return f"the budget, {budget.amount:.15g}, buys no row of any seller"
    if len(np.unique(market.buyer_labels)) == 1:
        return f"all rows of the buyer have the label {market.buyer_labels[0]:g}, so that nothing has to be told apart"
    return ""
