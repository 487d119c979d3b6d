"""``boosted-stumps``: gradient boosting, a hundred stumps at learning rate 1; in scripts called a random forest."""

from __future__ import annotations

import numpy as np

from dataperf_fast.engine.plan import Answers
from dataperf_fast.models.classifier import Classifier


class BoostedStumps(Classifier):
    """The frozen model as the engine sees it: ``GradientBoostingClassifier(100, learning_rate=1.0, max_depth=1)``."""

    name = "boosted-stumps"
    tolerance = 1e-12

    def answer(self, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, exact: bool) -> Answers:
        """Train and classify (``classifier.Classifier``); ``labels`` name two classes or more."""
        from dataperf_fast.kernels.trees import stumps

        classes, positions = np.unique(labels, return_inverse=True)
        fitted = stumps.fit(features.astype(np.float32), positions)
        decisions = stumps.decisions(fitted, evaluation.astype(np.float32))
        if len(classes) > 2:
            return Answers(classes[decisions.argmax(axis=1)])
        return Answers(classes[(decisions[:, 0] >= 0).astype(np.int64)], decisions[:, 0])
