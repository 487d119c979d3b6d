"""Leave-one-out: what accuracy falls by when a row is taken away. n + 1 retrains."""

from __future__ import annotations

import numpy as np

from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import FrozenModel
from dataperf_fast.valuation.common import Valuation
from dataperf_fast.valuation.worth import Worth


class LeaveOneOut(Valuation):
    """``values_[i] = v(all rows) - v(all but i)``, with v the validation accuracy of a model (``worth.Worth``).

    Args:
        model: a frozen model that tells its accuracy, one of ``dataperf_fast.models`` for instance.
        engine: runs the n + 1 retrains; None makes one.

    Raises:
        ValueError: of ``fit``, where the model cannot be trained on all rows.

    Example:
        >>> from dataperf_fast.models.neighbour_votes import NeighbourVotes
        >>> from dataperf_fast.valuation.leave_one_out import LeaveOneOut
        >>> found = LeaveOneOut(NeighbourVotes()).fit(train_X, train_y, val_X, val_y)
        >>> float(found.values_.min().round(2)), float(found.values_.max().round(2))
        (-0.1, 0.05)
    """

    def __init__(self, model: FrozenModel, engine: Engine | None = None):
        self.model = model
        self.engine = engine

    def fit(self, train_X: np.ndarray, train_y: np.ndarray, val_X: np.ndarray, val_y: np.ndarray) -> LeaveOneOut:
        """Value the rows (``Valuation.fit``)."""
        worth = Worth(self.model, self.engine, train_X, train_y, val_X, val_y)
        every = np.arange(worth.rows)
        worths = worth.of([every, *(np.delete(every, row) for row in every)])
        self.values_ = worths[0] - worths[1:]
        return self
