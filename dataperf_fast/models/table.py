"""The frozen models by name: each the name of its class and of its file."""

from __future__ import annotations

from collections.abc import Sequence

from dataperf_fast.engine.plan import FrozenModel
from dataperf_fast.models.boosted_stumps import BoostedStumps
from dataperf_fast.models.boosted_trees import BoostedTrees
from dataperf_fast.models.linear_net import LinearNet
from dataperf_fast.models.logistic_optimum import LogisticOptimum
from dataperf_fast.models.logistic_regression import LogisticRegression
from dataperf_fast.models.nearest_neighbours import NearestNeighbours
from dataperf_fast.models.neighbour_votes import NeighbourVotes
from dataperf_fast.models.support_vectors import SupportVectors
from dataperf_fast.models.voting import Voting

MODELS: dict[str, type[FrozenModel]] = {
    model.name: model
    for model in (
        Voting,
        LinearNet,
        LogisticRegression,
        LogisticOptimum,
        SupportVectors,
        NearestNeighbours,
        NeighbourVotes,
        BoostedStumps,
        BoostedTrees,
    )
}
# What boards' scripts and earlier versions call them: ``--model`` takes it too, and files have it in their names.
SHORT = {
    "logistic-regression": "lr",
    "logistic-optimum": "logistic",
    "support-vectors": "svc",
    "nearest-neighbours": "knn",
    "neighbour-votes": "knn",
    "boosted-stumps": "rf",
    "boosted-trees": "xgb",
}


def short(name: str) -> str:
    """What files and command lines call a model."""
    return SHORT.get(name, name)


def in_full(given: str, names: Sequence[str]) -> str | None:
    """Which of ``names`` is meant by ``given``, a name or a short one; None if none is."""
    return next((name for name in names if given in (name, short(name))), None)
