"""Leave-one-out: what accuracy falls by when a row is taken away. n + 1 retrains."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator

from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import FrozenModel
from dataperf_fast.valuation.common import Valuation
from dataperf_fast.valuation.inputs import Data
from dataperf_fast.valuation.worth import Worth


class LeaveOneOut(Valuation):
    """``values_[i] = v(all rows) - v(all but i)``, with v the validation accuracy of a model (``worth.Worth``).

    A set that the model cannot be trained on is worth what always answering its most frequent label is, of equals the
    lowest: of one class without a word, of more with a warning. The empty set, all but one of a single row, is worth
    the share of the validation set's most frequent label.

    Args:
        model: the name of one, as ``--model`` has it, ``"svc"`` or ``"support-vectors"`` for instance; a frozen model
            that tells its accuracy; or any scikit-learn classifier, a clone of which is fitted for each set, slowly.
        engine: runs the n + 1 retrains; None makes one.

    Raises:
        ValueError: of ``fit``, where ``model`` is none, and where it cannot be trained on all rows.

    Example:
        >>> from dataperf_fast.valuation import LeaveOneOut
        >>> found = LeaveOneOut("neighbour-votes").fit(train_X, train_y, val_X, val_y)
        >>> float(found.values_.min().round(2)), float(found.values_.max().round(2))
        (-0.1, 0.05)
    """

    def __init__(self, model: str | FrozenModel | BaseEstimator, engine: Engine | None = None):
        self.model = model
        self.engine = engine

    def _values(self, data: Data) -> np.ndarray:
        worth = Worth(self.model, self.engine, data)
        every = np.arange(worth.rows)
        worths = worth.of([every, *(np.delete(every, row) for row in every)])
        values: np.ndarray = worths[0] - worths[1:]
        return values
