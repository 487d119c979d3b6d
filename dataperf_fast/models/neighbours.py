"""``knn``: ``KNeighborsClassifier(n_neighbors=9)``, on float64 features."""

from __future__ import annotations

import numpy as np

from dataperf_fast.backend import Backend
from dataperf_fast.models import libraries
from dataperf_fast.models.classifier import OUTCOME, Answers, ClassifierTrainer
from dataperf_fast.plan import Pool

NEIGHBOURS = 9


class NearestNeighbours:
    """The frozen model as the engine sees it; doubtful votes are settled by scikit-learn."""

    name = "knn"
    uses_seed = False
    outcome = OUTCOME

    def __init__(self) -> None:
        self.version = f"1 {libraries.versions()}"

    def bind(self, pool: Pool, backend: Backend) -> ClassifierTrainer:
        """Bind the model to a pool."""
        return ClassifierTrainer(self, pool, backend)

    def answer(self, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, exact: bool) -> Answers:
        """Train and classify (``classifier.Classifier``); at least nine rows."""
        from dataperf_fast.kernels import neighbours

        features = features.astype(np.float64)
        if exact:
            from sklearn.neighbors import KNeighborsClassifier

            return Answers(KNeighborsClassifier(n_neighbors=NEIGHBOURS).fit(features, labels).predict(evaluation))
        classes, positions = np.unique(labels, return_inverse=True)
        answers, certain = neighbours.vote(features, positions, len(classes), evaluation, NEIGHBOURS)
        return Answers(classes[answers], certain=bool(certain.all()))
