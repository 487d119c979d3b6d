"""``knn``: ``KNeighborsClassifier(n_neighbors=9)``, on float64 features."""

from __future__ import annotations

import numpy as np

from dataperf_fast.models.classifier import Classifier
from dataperf_fast.plan import Answers

NEIGHBOURS = 9


class NearestNeighbours(Classifier):
    """The frozen model as the engine sees it; doubtful votes are settled by scikit-learn."""

    name = "knn"

    def can_train(self, labels: np.ndarray) -> bool:
        """Whether there are nine rows to vote."""
        return len(labels) >= NEIGHBOURS

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
