"""``rf``: what the board's script calls a random forest is gradient boosting, a hundred stumps at learning rate 1."""

from __future__ import annotations

from functools import partial

import numpy as np

from dataperf_fast.models.classifier import Classifier
from dataperf_fast.plan import Answers


class BoostedStumps(Classifier):
    """The frozen model as the engine sees it: ``GradientBoostingClassifier(100, learning_rate=1.0, max_depth=1)``."""

    name = "rf"

    def answer(self, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, exact: bool) -> Answers:
        """Train and classify (``classifier.Classifier``); ``labels`` name two classes or more."""
        from sklearn.ensemble import GradientBoostingClassifier

        classes, positions = np.unique(labels, return_inverse=True)
        model = GradientBoostingClassifier(n_estimators=100, learning_rate=1.0, max_depth=1, random_state=0)
        # Before 1.9 a gain was another formula, and so were its last bits.
        if len(classes) > 2 or getattr(model, "criterion", "deprecated") != "deprecated":
            return Answers(model.fit(features.astype(np.float64), labels).predict(evaluation))
        from dataperf_fast.kernels import stumps

        narrow = features.astype(np.float32)
        fitted = stumps.fit(narrow, positions, partial(_split_by_scikit_learn, narrow))
        decisions = stumps.decisions(fitted, evaluation.astype(np.float32))
        return Answers(classes[(decisions >= 0).astype(np.int64)], decisions)


def _split_by_scikit_learn(features: np.ndarray, stage: int, residuals: np.ndarray) -> tuple[int, float]:
    """The feature and threshold that its own stump takes in that stage."""
    from sklearn.tree import DecisionTreeRegressor

    generator = np.random.RandomState(0)
    generator.randint(0, 2**31 - 1, stage)
    stump = DecisionTreeRegressor(max_depth=1, random_state=generator).fit(features, residuals, check_input=False)
    leaf = stump.tree_.node_count == 1
    return (0, np.inf) if leaf else (int(stump.tree_.feature[0]), float(stump.tree_.threshold[0]))
