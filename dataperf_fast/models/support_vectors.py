"""``support-vectors``: ``SVC(kernel="rbf", gamma="scale", C=1)``, at its optimum.

libsvm stops where no pair of rows violates the conditions by 1e-3; here it is 1e-10, which can be reached from any
start. The kernel matrix does not depend on the labels, so all label states share it. Several classes vote pair by pair,
of equal votes the first wins.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from dataperf_fast.engine.plan import Pool
from dataperf_fast.models.relabelled import WarmModel

_STOP = 1e-10


class Kernels(NamedTuple):
    """The Gaussian kernel between the rows ``(n, n)`` and from the evaluation rows to them ``(m, n)``, float64."""

    gram: np.ndarray
    cross: np.ndarray


class SupportVectors(WarmModel):
    """The frozen model as the engine sees it."""

    name = "support-vectors"
    tolerance = 1e-5
    on_cuda = True
    unsure = 1e-7

    def share(self, pool: Pool, rows: np.ndarray, exact: bool, xp: Any = np) -> Kernels:
        """Compute the kernels."""
        from dataperf_fast.kernels.neighbours import knn
        from dataperf_fast.kernels.svm import gram

        features = pool.features[rows]
        gamma = gram.scale_gamma(features)
        evaluation = xp.asarray(pool.evaluation_features, np.float64)
        if exact:
            wide = features.astype(np.float64)
            return Kernels(gram.gram(wide, gamma)[1], gram.cross_all(evaluation, wide, gamma))
        table = knn.prepare(features, xp)

        def gaussian(queries: Any) -> Any:
            squared, _ = knn.distances(table, queries)
            return xp.exp(-gamma * xp.maximum(squared, 0.0))

        own = gaussian(table.features)
        xp.fill_diagonal(own, 1.0)
        return Kernels(own, gaussian(evaluation))

    def fit(
        self, shared: Kernels, labels: np.ndarray, start: tuple[np.ndarray, np.ndarray] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Solve (``relabelled.WarmModel.fit``)."""
        from dataperf_fast.kernels.arithmetic.matrix_vector import rows_times
        from dataperf_fast.kernels.svm import smo

        y = np.where(labels == 1, 1, -1)
        if start is None:
            alpha = np.zeros(len(y))
        else:
            alpha = np.where(labels == start[0], start[1], 0.0)
            smo.balance(y, alpha)
        rho, _ = smo.improve(y[:, None] * y * shared.gram, y, alpha, _STOP, smo.new_room(len(y)))
        decisions = np.empty(len(shared.cross))
        rows_times(np.ascontiguousarray(shared.cross), alpha * y, decisions)
        return alpha, decisions - rho

    def fit_several(self, shared: Kernels, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
        """Solve each pair of classes, and let it vote (``relabelled.WarmModel.fit_several``)."""
        members = [np.flatnonzero(labels == label) for label in range(classes)]
        votes = np.zeros((len(shared.cross), classes))
        doubtful = np.zeros(len(votes), np.bool_)
        for i, j in combinations(range(classes), 2):
            rows = np.concatenate([members[j], members[i]])
            pair = Kernels(shared.gram[np.ix_(rows, rows)], shared.cross[:, rows])
            _, decisions = self.fit(pair, (labels[rows] == i).astype(np.uint8), None)
            votes[:, i] += decisions > 0
            votes[:, j] += decisions <= 0
            doubtful |= np.abs(decisions) <= self.unsure
        return votes, doubtful

    def bytes_on_device(self, rows: int) -> int:
        """Its variables (``relabelled.WarmModel``); a block keeps the rest."""
        return 64 * rows

    def fit_on_device(self, shared: Kernels, labels: np.ndarray, xp: Any) -> tuple[Any, np.ndarray]:
        """Solve all states, but for more rows than a block has room for (``relabelled.WarmModel``)."""
        from dataperf_fast.kernels.launch import on_host
        from dataperf_fast.kernels.svm import optimum_cuda

        if labels.shape[1] > optimum_cuda.LARGEST:
            return xp.zeros((len(labels), len(shared.cross))), np.zeros(len(labels), np.bool_)
        signs = xp.asarray(np.where(labels == 1, 1.0, -1.0))
        alpha, rho, solved = optimum_cuda.solve(shared.gram, signs, _STOP, xp)
        return (alpha * signs) @ shared.cross.T - rho[:, None], on_host(solved)
