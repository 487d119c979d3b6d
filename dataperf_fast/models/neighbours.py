"""``knn``: ``KNeighborsClassifier(n_neighbors=9)``, on float64 features."""

from __future__ import annotations

import numpy as np

from dataperf_fast.models.classifier import Classifier
from dataperf_fast.plan import Answers

NEIGHBOURS = 9


class NearestNeighbours(Classifier):
    """The frozen model as the engine sees it; of equally near rows the first comes first."""

    name = "knn"

    def can_train(self, labels: np.ndarray) -> bool:
        """Whether there are nine rows to vote."""
        return len(labels) >= NEIGHBOURS

    def answer(self, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, exact: bool) -> Answers:
        """Train and classify (``classifier.Classifier``); at least nine rows."""
        from dataperf_fast.kernels import knn, neighbours

        classes, positions = np.unique(labels, return_inverse=True)
        features = features.astype(np.float64)
        if not exact:
            answers, certain = neighbours.vote(features, positions, len(classes), evaluation, NEIGHBOURS)
            return Answers(classes[answers], certain=bool(certain.all()))
        voters = positions[knn.nearest(features, evaluation, NEIGHBOURS)]
        votes = (voters[:, :, None] == np.arange(len(classes))).sum(axis=1)
        return Answers(classes[votes.argmax(axis=1)])
