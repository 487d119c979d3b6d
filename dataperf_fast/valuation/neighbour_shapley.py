"""DataScope's neighbour Shapley: exact Shapley values of a k-nearest-neighbour proxy of the model.

Source: Karlas et al., arXiv 2204.11131, and datascope 0.0.32, ``importance/shapley.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from dataperf_fast.models import libraries
from dataperf_fast.valuation.common import Valuation, checked


class NeighbourShapley(Valuation):
    """Shapley values of ``neighbours``-nearest-neighbour votes (``kernels/knn_shapley.py``), on ``threads`` threads.

    An empty training set is worth nothing, as in pyDVL. With ``empty_guesses`` it is worth what always answering the
    class that is rarest in the validation set is, as in datascope; that takes the same from every row's value. ``done``
    is told how many more validation rows are finished.
    """

    def __init__(
        self,
        neighbours: int = 1,
        *,
        empty_guesses: bool = False,
        threads: int | None = None,
        done: Callable[[int], None] | None = None,
    ):
        if neighbours < 1:
            raise ValueError(f"neighbours is {neighbours}: expected 1 or more")
        self.neighbours = neighbours
        self.empty_guesses = empty_guesses
        self.threads = threads
        self.done = done

    def fit(self, train_X: np.ndarray, train_y: np.ndarray, val_X: np.ndarray, val_y: np.ndarray) -> NeighbourShapley:
        """Value the rows (``Valuation.fit``), in O(m n (d + log n)) and memory for a float64 copy of ``train_X``."""
        from dataperf_fast.kernels import knn_shapley

        features, labels, evaluation, evaluation_labels = checked(train_X, train_y, val_X, val_y)
        with libraries.blas().limit(limits=1, user_api="blas"):
            self.values_ = knn_shapley.values(
                features, labels, evaluation, evaluation_labels, self.neighbours,
                self.threads or os.cpu_count() or 1, self.done,
            )  # fmt: skip
        if self.empty_guesses:
            shares = [(evaluation_labels == label).mean() for label in np.unique(labels)]
            self.values_ -= min(shares) / len(features)
        return self
