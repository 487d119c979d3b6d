"""``logistic-optimum``: L2 logistic regression with C = 1, at its optimum; several classes: multinomial.

Not ``logistic-regression``, which is defined by where lbfgs stops: an optimum can be reached from any start.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dataperf_fast.engine.plan import Pool
from dataperf_fast.models.relabelled import WarmModel

_SOLVED = 1e-6  # an error of the equations that rounding can leave: 5e-12 was the largest seen at 300 x 2,048


class Products(NamedTuple):
    """Products of the rows with themselves ``(n, n)`` and with the evaluation rows ``(m, n)``, float64."""

    gram: np.ndarray
    cross: np.ndarray


class LogisticOptimum(WarmModel):
    """The frozen model as the engine sees it."""

    name = "logistic-optimum"
    tolerance = 1e-7
    on_cuda = True
    unsure = 1e-6

    def share(self, pool: Pool, rows: np.ndarray, exact: bool, xp: Any = np) -> Products:
        """Compute the products."""
        from dataperf_fast.kernels.arithmetic.matrix_product import product

        multiply = product if exact else xp.matmul
        features = xp.asarray(pool.features[rows], np.float64)
        evaluation = xp.asarray(pool.evaluation_features, np.float64)
        return Products(multiply(features, features.T), multiply(evaluation, features.T))

    def fit(
        self, shared: Products, labels: np.ndarray, start: tuple[np.ndarray, np.ndarray] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Solve (``relabelled.WarmModel.fit``)."""
        from dataperf_fast.kernels.arithmetic.matrix_vector import rows_times
        from dataperf_fast.kernels.logistic import dual

        signs = np.where(labels == 1, 1.0, -1.0)
        solution = dual.start(signs) if start is None else start[1].copy()
        error, _ = dual.solve(shared.gram, signs, solution)
        solved = error <= _SOLVED  # which NaN is not
        if not solved and start is not None:
            return self.fit(shared, labels, None)
        if not solved:
            raise FloatingPointError(f"logistic regression did not converge: its equations are off by {error:.1e}")
        decisions = np.empty(len(shared.cross))
        rows_times(np.ascontiguousarray(shared.cross), dual.C * signs * solution[:-1], decisions)
        return solution, decisions + solution[-1]

    def fit_several(self, shared: Products, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
        """Solve the multinomial model (``relabelled.WarmModel.fit_several``)."""
        from dataperf_fast.kernels.arithmetic.matrix_vector import rows_times
        from dataperf_fast.kernels.logistic import optimum

        coefficients, intercepts = np.empty((classes, len(labels))), np.empty(classes)
        moved, _ = optimum.solve(shared.gram, labels, coefficients, intercepts)
        if not moved <= _SOLVED:
            raise FloatingPointError(f"logistic regression did not converge: its last step is {moved:.1e} long")
        decisions, cross = np.empty((len(shared.cross), classes)), np.ascontiguousarray(shared.cross)
        for label in range(classes):
            of_label = np.empty(len(decisions))
            rows_times(cross, coefficients[label], of_label)
            decisions[:, label] = of_label + intercepts[label]
        second, first = np.sort(decisions, axis=1)[:, -2:].T
        return decisions, first - second <= self.unsure

    def bytes_on_device(self, rows: int) -> int:
        """Its matrix and factors (``relabelled.WarmModel``)."""
        from dataperf_fast.kernels.logistic import dual_cuda

        return dual_cuda.bytes_per_state(rows)

    def fit_on_device(self, shared: Products, labels: np.ndarray, xp: Any) -> tuple[Any, np.ndarray]:
        """Solve all states (``relabelled.WarmModel``)."""
        from dataperf_fast.kernels.logistic import dual, dual_cuda

        signs = np.where(labels == 1, 1.0, -1.0)
        weights, intercepts, error = dual_cuda.solve(shared.gram, signs, xp)
        decisions = (dual.C * xp.asarray(signs) * weights) @ shared.cross.T + intercepts[:, None]
        return decisions, error <= _SOLVED
