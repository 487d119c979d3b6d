"""Monte-Carlo Shapley values with truncation, as waves of retrains.

A row's Shapley value is the mean, over all orders of the rows, of what accuracy rises by when it joins those before it.
Orders are drawn at random; where a prefix is worth nearly what all rows are, the rest of the order is taken to add
nothing.
Source: Ghorbani and Zou, arXiv 1904.02868, algorithm 1.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator

from dataperf_fast.engine import checks
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import FrozenModel
from dataperf_fast.valuation.common import Valuation, generator, require_random_state
from dataperf_fast.valuation.inputs import Data
from dataperf_fast.valuation.worth import Worth

_WAVE = 400  # retrains at a time over all orders; an order is followed past its truncation by its share of them at most


class MonteCarloShapley(Valuation):
    """Shapley values from random orders of the rows and retrains of a model, v(rows) its validation accuracy.

    Values add up to v(all rows) - v(none), of orders that are followed to their end. The empty set is worth the share
    of the validation set's most frequent label, and a set that the model cannot be trained on what always answering its
    most frequent label is, of equals the lowest: of one class without a word, of more with a warning (every order of
    nearest neighbours begins with too few rows). ``NeighbourShapley`` takes an empty set for worth nothing.

    Args:
        model: the name of one, as ``--model`` has it, ``"svc"`` or ``"support-vectors"`` for instance; a frozen model
            that tells its accuracy; or any scikit-learn classifier, a clone of which is fitted for each set, slowly.
        engine: runs the retrains; None makes one.
        n_permutations: how many random orders.
        tolerance: an order is truncated after its first prefix whose worth is within so much of all rows'; None follows
            every order to its end.
        random_state: draws the orders, as scikit-learn has it: a number, a RandomState, or None for others each time.

    Attributes:
        standard_errors_: those of the means over the orders, ``(n,)``; NaN of a single order.
        prefixes_: how many marginal contributions were looked at, retrained or known.

    Raises:
        ValueError: of ``fit``, for fewer than one order and a tolerance below 0, where ``model`` is none, and where it
            cannot be trained on all rows.

    Example:
        >>> from dataperf_fast.valuation import MonteCarloShapley
        >>> found = MonteCarloShapley("lr", n_permutations=20).fit(train_X, train_y, val_X, val_y)
        >>> found.values_.shape, found.standard_errors_.shape, found.prefixes_ <= 20 * 40
        ((40,), (40,), True)
    """

    standard_errors_: np.ndarray
    prefixes_: int

    def __init__(
        self,
        model: str | FrozenModel | BaseEstimator,
        engine: Engine | None = None,
        *,
        n_permutations: int = 100,
        tolerance: float | None = 0.01,
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.model = model
        self.engine = engine
        self.n_permutations = n_permutations
        self.tolerance = tolerance
        self.random_state = random_state

    def _check_parameters(self) -> None:
        checks.whole_number("n_permutations", self.n_permutations, 1)
        tolerance = self.tolerance
        if tolerance is not None and not (isinstance(tolerance, int | float | np.number) and tolerance >= 0):
            raise ValueError(f"tolerance is {tolerance!r}: expected 0 or more, or None to follow orders to their end")
        require_random_state(self.random_state)

    def _values(self, data: Data) -> np.ndarray:
        worth = Worth(self.model, self.engine, data)
        drawn = generator(self.random_state)
        orders = np.stack([drawn.permutation(worth.rows) for _ in range(self.n_permutations)])
        worths = self._follow(worth, orders)
        self.prefixes_ = int((~np.isnan(worths[:, 1:])).sum())
        # Past its truncation an order adds nothing.
        added = np.nan_to_num(np.diff(worths, axis=1), nan=0.0)
        contributions = np.empty_like(added)
        np.put_along_axis(contributions, orders, added, axis=1)
        spread = contributions.std(axis=0, ddof=1) if self.n_permutations > 1 else np.full(worth.rows, np.nan)
        self.standard_errors_ = spread / np.sqrt(self.n_permutations)
        values: np.ndarray = contributions.mean(axis=0)
        return values

    def _follow(self, worth: Worth, orders: np.ndarray) -> np.ndarray:
        """The worth of each order's prefixes ``(n_permutations, n + 1)``, NaN past its truncation."""
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
