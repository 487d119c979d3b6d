"""``logistic``: ``LogisticRegression()`` with scikit-learn's defaults, on float64 features.

Two classes take our own path (``kernels/binary_logistic.py``), more of them, and machines whose BLAS sums in another
order, scikit-learn's.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from dataperf_fast.models import libraries
from dataperf_fast.models.classifier import Classifier
from dataperf_fast.plan import Answers

if TYPE_CHECKING:
    from dataperf_fast.kernels.logistic import Logistic


class LogisticRegression(Classifier):
    """The frozen model as the engine sees it."""

    name = "logistic"

    def answer(self, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, exact: bool) -> Answers:
        """Train and classify (``classifier.Classifier``); ``labels`` name two classes or more."""
        classes, positions = np.unique(labels, return_inverse=True)
        fitted = _fit(features, positions)
        decisions = evaluation @ fitted.weights.T + fitted.intercepts
        if len(classes) > 2:
            return Answers(classes[decisions.argmax(axis=1)])
        decisions = decisions.ravel()
        return Answers(classes[(decisions > 0).astype(np.int64)], decisions)


def _fit(features: np.ndarray, positions: np.ndarray) -> Logistic:
    from dataperf_fast.kernels import binary_logistic
    from dataperf_fast.kernels.logistic import Logistic

    if positions.max() == 1 and libraries.binary_path_is_scikit_learns(features.shape[1]):
        return binary_logistic.fit(features, positions)
    from sklearn import linear_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lbfgs stops at its 100 iterations: that is the model
        fitted = linear_model.LogisticRegression().fit(features.astype(np.float64), positions)
    return Logistic(fitted.coef_, fitted.intercept_)
