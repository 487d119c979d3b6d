"""One file a method: what each training row is worth to a validation set.

All are scikit-learn estimators with ``fit(train_X, train_y, val_X, val_y)``, which sets ``values_ (n,)`` and
``order_ (n,)``, and returns self.
"""

from dataperf_fast.valuation.common import Valuation
from dataperf_fast.valuation.confident import ConfidentLearning
from dataperf_fast.valuation.influence import LogisticInfluence, NetInfluence
from dataperf_fast.valuation.leave_one_out import LeaveOneOut
from dataperf_fast.valuation.monte_carlo_shapley import MonteCarloShapley
from dataperf_fast.valuation.neighbour_shapley import NeighbourShapley

__all__ = [
    "ConfidentLearning",
    "LeaveOneOut",
    "LogisticInfluence",
    "MonteCarloShapley",
    "NeighbourShapley",
    "NetInfluence",
    "Valuation",
]
