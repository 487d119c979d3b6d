"""``rf``: what the board's script calls a random forest is gradient boosting, a hundred stumps at learning rate 1."""

from __future__ import annotations

import numpy as np

from dataperf_fast.backend import Backend
from dataperf_fast.models import libraries
from dataperf_fast.models.classifier import OUTCOME, Answers, ClassifierTrainer
from dataperf_fast.plan import Pool


class BoostedStumps:
    """The frozen model as the engine sees it: ``GradientBoostingClassifier(100, learning_rate=1.0, max_depth=1)``."""

    name = "rf"
    uses_seed = False
    outcome = OUTCOME

    def __init__(self) -> None:
        self.version = f"1 {libraries.versions()}"

    def bind(self, pool: Pool, backend: Backend) -> ClassifierTrainer:
        """Bind the model to a pool."""
        return ClassifierTrainer(self, pool, backend)

    def answer(self, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, exact: bool) -> Answers:
        """Train and classify (``classifier.Classifier``); ``labels`` name two classes or more."""
        from sklearn.ensemble import GradientBoostingClassifier

        model = GradientBoostingClassifier(n_estimators=100, learning_rate=1.0, max_depth=1, random_state=0)
        return Answers(model.fit(features.astype(np.float64), labels).predict(evaluation))
