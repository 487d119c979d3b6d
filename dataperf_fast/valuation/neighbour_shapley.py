"""DataScope's neighbour Shapley: exact Shapley values of a k-nearest-neighbour proxy of the model.

Source: Karlas et al., arXiv 2204.11131, and datascope 0.0.32, ``importance/shapley.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dataperf_fast.engine import checks
from dataperf_fast.engine.backend import Backend
from dataperf_fast.models import known_answers
from dataperf_fast.valuation.common import Valuation, checked


class NeighbourShapley(Valuation):
    """Shapley values of nearest neighbours' votes, exact, on any backend the same.

    Formula: ``kernels/neighbours/shapley.py``.

    Args:
        neighbours: how many vote.
        empty_guesses: whether an empty training set is worth what always answering the class that is rarest in the
            validation set is, as in datascope, which takes the same from every row's value; else it is worth nothing,
            as in pyDVL.
        backend: where to compute; None chooses.
        done: is told how many more validation rows are finished; None for nobody.

    Raises:
        ValueError: for fewer than one neighbour.

    Example:
        >>> from dataperf_fast.valuation.neighbour_shapley import NeighbourShapley
        >>> found = NeighbourShapley(neighbours=1).fit(train_X, train_y, val_X, val_y)
        >>> float(found.values_.sum().round(2))  # the accuracy of one neighbour's vote
        0.8
    """

    def __init__(
        self,
        neighbours: int = 1,
        *,
        empty_guesses: bool = False,
        backend: Backend | None = None,
        done: Callable[[int], None] | None = None,
    ):
        checks.whole_number("neighbours", neighbours, 1)
        self.neighbours = neighbours
        self.empty_guesses = empty_guesses
        self.backend = backend
        self.done = done

    def fit(self, train_X: np.ndarray, train_y: np.ndarray, val_X: np.ndarray, val_y: np.ndarray) -> NeighbourShapley:
        """Value the rows (``Valuation.fit``), in O(m n (d + log n)) and memory for a float64 copy of ``train_X``."""
        data = checked(train_X, train_y, val_X, val_y)
        self.values_ = self._values(self.backend or known_answers.choose(), data)
        labels, evaluation_labels = data[1], data[3]
        if self.empty_guesses:
            shares = [(evaluation_labels == label).mean() for label in np.unique(labels)]
            self.values_ -= min(shares) / len(labels)
        return self

    def _values(self, backend: Backend, data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        from dataperf_fast.kernels import threads
        from dataperf_fast.kernels.neighbours import shapley

        if backend.name == "cuda":
            from dataperf_fast.kernels.launch import array_library
            from dataperf_fast.kernels.neighbours import shapley_cuda

            return shapley_cuda.values(*data, self.neighbours, backend.memory, array_library(), self.done)
        with threads.one_for_blas():
            return shapley.values(*data, self.neighbours, backend.threads, self.done)
