"""DataScope's neighbour Shapley: exact Shapley values of a k-nearest-neighbour proxy of the model.

Source: Karlas et al., arXiv 2204.11131, and datascope 0.0.32, ``importance/shapley.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dataperf_fast.engine import checks
from dataperf_fast.engine.backend import Backend
from dataperf_fast.models import known_answers
from dataperf_fast.valuation.common import Valuation
from dataperf_fast.valuation.inputs import Data


class NeighbourShapley(Valuation):
    """Shapley values of nearest neighbours' votes, exact, on any backend the same.

    Values add up to v(all rows) - v(none): v(none) is 0, but for ``empty_guesses``. What v says of fewer rows than
    vote is the right votes' share of ``n_neighbors``.
    Formula: ``kernels/neighbours/shapley.py``, in O(m n (d + log n)) and memory for a float64 copy of ``train_X``.

    Args:
        n_neighbors: how many vote.
        empty_guesses: whether an empty training set is worth what always answering the class that is rarest in the
            validation set is, as in datascope, which takes the same from every row's value; else it is worth nothing,
            as in pyDVL.
        backend: where to compute; None chooses.
        done: is told how many more validation rows are finished; None for nobody.

    Raises:
        ValueError: of ``fit``, for fewer than one neighbour.

    Example:
        >>> from dataperf_fast.valuation import NeighbourShapley
        >>> found = NeighbourShapley(n_neighbors=1).fit(train_X, train_y, val_X, val_y)
        >>> float(found.values_.sum().round(2))  # the accuracy of one neighbour's vote
        0.8
    """

    def __init__(
        self,
        n_neighbors: int = 1,
        *,
        empty_guesses: bool = False,
        backend: Backend | None = None,
        done: Callable[[int], None] | None = None,
    ):
        self.n_neighbors = n_neighbors
        self.empty_guesses = empty_guesses
        self.backend = backend
        self.done = done

    def _check_parameters(self) -> None:
        checks.whole_number("n_neighbors", self.n_neighbors, 1)

    def _values(self, data: Data) -> np.ndarray:
        values = self._votes(data[:4])
        if self.empty_guesses:
            shares = [(data.truth == label).mean() for label in np.unique(data.labels)]
            values -= min(shares) / len(values)
        return values

    def _votes(self, data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        from dataperf_fast.kernels import threads
        from dataperf_fast.kernels.neighbours import shapley

        backend = self.backend or known_answers.choose()
        if backend.name == "cuda":
            from dataperf_fast.kernels.launch import array_library
            from dataperf_fast.kernels.neighbours import shapley_cuda

            return shapley_cuda.values(*data, self.n_neighbors, backend.memory, array_library(), self.done)
        with threads.one_for_blas():
            return shapley.values(*data, self.n_neighbors, backend.threads, self.done)
