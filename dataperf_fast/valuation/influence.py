"""Influence functions of a two-class logistic regression: what the validation loss would rise by without a row.

With loss gradients g_i of the rows, g of the mean validation loss, and the Hessian H of the whole penalized loss at its
optimum, leaving row i out moves the coefficients by about ``H^-1 g_i`` and the validation loss by ``g . H^-1 g_i``. One
linear system serves all rows, solved by conjugate gradients on products ``H v = X' (s (X v)) + v / C``, H never stored.
Source: Koh and Liang, arXiv 1703.04730.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from dataperf_fast.valuation.common import Valuation, checked

_TOLERANCE = 1e-8
_ITERATIONS = 10_000


class Influence(Valuation):
    """``values_``: the estimated rise of the mean validation cross-entropy when a row is left out.

    The model is the L2 logistic regression of ``models/logistic.py``, at its optimum and not where lbfgs stops.
    """

    def __init__(self, C: float = 1.0):
        self.C = C

    def fit(self, train_X: np.ndarray, train_y: np.ndarray, val_X: np.ndarray, val_y: np.ndarray) -> Influence:
        """Value the rows (``Valuation.fit``); two labels. Raises ValueError where the system is not solved."""
        features, labels, evaluation, truth = checked(train_X, train_y, val_X, val_y)
        if len(np.unique(labels)) != 2 or max(labels.max(), truth.max()) > 1:
            raise ValueError("train_y and val_y hold other than two labels")
        X, V = (np.column_stack([part, np.ones(len(part))]).astype(np.float64) for part in (features, evaluation))
        model = LogisticRegression(C=self.C, tol=_TOLERANCE, max_iter=_ITERATIONS).fit(X[:, :-1], labels)
        coefficients = np.append(model.coef_, model.intercept_)
        probabilities = expit(X @ coefficients)
        spread = probabilities * (1 - probabilities)
        penalty = np.append(np.full(X.shape[1] - 1, 1 / self.C), 0.0)
        product = LinearOperator((X.shape[1],) * 2, lambda v: X.T @ (spread * (X @ v)) + penalty * v, dtype=np.float64)
        gradient = V.T @ (expit(V @ coefficients) - truth) / len(V)
        direction, failed = cg(product, gradient, rtol=_TOLERANCE, maxiter=_ITERATIONS)
        if failed:
            raise ValueError(f"conjugate gradients did not converge in {_ITERATIONS} steps")
        self.values_ = (X @ direction) * (probabilities - labels)
        return self
