"""``logistic-regression``: ``LogisticRegression()`` with scikit-learn's defaults, on float64 features."""

from __future__ import annotations

import numpy as np

from dataperf_fast.engine.plan import Answers
from dataperf_fast.models.classifier import Classifier


class LogisticRegression(Classifier):
    """The frozen model as the engine sees it."""

    name = "logistic-regression"
    tolerance = 1e-12

    def answer(self, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, exact: bool) -> Answers:
        """Train and classify (``classifier.Classifier``); ``labels`` name two classes or more."""
        from dataperf_fast.kernels.logistic import binary, multinomial

        classes, positions = np.unique(labels, return_inverse=True)
        if len(classes) > 2:
            decisions = multinomial.logits(multinomial.fit(features.astype(np.float64), positions), evaluation)
            return Answers(classes[decisions.argmax(axis=1)])
        decisions = multinomial.logits(binary.fit(features, positions), evaluation).ravel()
        return Answers(classes[(decisions > 0).astype(np.int64)], decisions)
