"""Monte-Carlo Shapley values with truncation, as waves of retrains.

A row's Shapley value is the mean, over all orders of the rows, of what accuracy rises by when it joins those before it.
Orders are drawn at random; where a prefix is worth nearly what all rows are, the rest of the order is taken to add
nothing.
Source: Ghorbani and Zou, arXiv 1904.02868, algorithm 1.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.engine import checks
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import FrozenModel
from dataperf_fast.valuation.common import Valuation
from dataperf_fast.valuation.worth import Worth

_WAVE = 400  # retrains at a time over all orders; an order is followed past its truncation by its share of them at most


class MonteCarloShapley(Valuation):
    """Shapley values from random orders of the rows and retrains of a model (``worth.Worth``).

    Args:
        model: a frozen model that tells its accuracy, one of ``dataperf_fast.models`` for instance.
        engine: runs the retrains; None makes one.
        permutations: how many random orders.
        tolerance: an order is truncated after its first prefix whose worth is within so much of all rows'; None follows
            every order to its end.
        seed: by which orders are drawn.

    Attributes:
        standard_errors_: those of the means over the orders, ``(n,)``; NaN of a single order.
        prefixes_: how many marginal contributions were looked at, retrained or known.

    Raises:
        ValueError: for fewer than one order and a tolerance below 0; of ``fit``, where the model cannot be trained on
            all rows.

    Example:
        >>> from dataperf_fast.models.neighbour_votes import NeighbourVotes
        >>> from dataperf_fast.valuation.monte_carlo_shapley import MonteCarloShapley
        >>> found = MonteCarloShapley(NeighbourVotes(), permutations=20).fit(train_X, train_y, val_X, val_y)
        >>> found.values_.shape, found.standard_errors_.shape, found.prefixes_ <= 20 * 40
        ((40,), (40,), True)
    """

    standard_errors_: np.ndarray
    prefixes_: int

    def __init__(
        self,
        model: FrozenModel,
        engine: Engine | None = None,
        *,
        permutations: int = 100,
        tolerance: float | None = 0.01,
        seed: int = 0,
    ):
        checks.whole_number("permutations", permutations, 1)
        if tolerance is not None and not tolerance >= 0:
            raise ValueError(f"tolerance is {tolerance}: expected 0 or more, or None to follow every order to its end")
        self.model = model
        self.engine = engine
        self.permutations = permutations
        self.tolerance = tolerance
        self.seed = seed

    def fit(self, train_X: np.ndarray, train_y: np.ndarray, val_X: np.ndarray, val_y: np.ndarray) -> MonteCarloShapley:
        """Value the rows (``Valuation.fit``)."""
        worth = Worth(self.model, self.engine, train_X, train_y, val_X, val_y)
        generator = np.random.default_rng(self.seed)
        orders = np.stack([generator.permutation(worth.rows) for _ in range(self.permutations)])
        worths = self._follow(worth, orders)
        self.prefixes_ = int((~np.isnan(worths[:, 1:])).sum())
        # Past its truncation an order adds nothing.
        added = np.nan_to_num(np.diff(worths, axis=1), nan=0.0)
        contributions = np.empty_like(added)
        np.put_along_axis(contributions, orders, added, axis=1)
        self.values_ = contributions.mean(axis=0)
        spread = contributions.std(axis=0, ddof=1) if self.permutations > 1 else np.full(worth.rows, np.nan)
        self.standard_errors_ = spread / np.sqrt(self.permutations)
        return self

    def _follow(self, worth: Worth, orders: np.ndarray) -> np.ndarray:
        """The worth of each order's prefixes ``(permutations, n + 1)``, NaN past its truncation."""
        rows = worth.rows
        nothing, everything = worth.of([np.arange(0), np.arange(rows)])
        worths = np.full((len(orders), rows + 1), np.nan)
        worths[:, 0] = nothing
        active, done = np.arange(len(orders)), 0
        while len(active) and done < rows:
            take = min(rows - done, max(1, _WAVE // len(active)))
            lengths = range(done + 1, done + take + 1)
            found = worth.of([orders[order, :length] for order in active for length in lengths])
            worths[active, done + 1 : done + take + 1] = found.reshape(len(active), take)
            done += take
            if self.tolerance is not None:
                active = active[[not _truncate(worths[order], everything, self.tolerance, done) for order in active]]
        return worths


def _truncate(worths: np.ndarray, everything: float, tolerance: float, done: int) -> bool:
    """Whether an order ends within its first ``done`` prefixes; forgets what was trained past that."""
    near = np.flatnonzero(np.abs(worths[1 : done + 1] - everything) <= tolerance) + 1
    if len(near):
        worths[near[0] + 1 :] = np.nan
    return len(near) > 0
