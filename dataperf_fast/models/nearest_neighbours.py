"""``nearest-neighbours``: ``KNeighborsClassifier(n_neighbors=9)``, on float64 features."""

from __future__ import annotations

import numpy as np

from dataperf_fast.engine.plan import Answers
from dataperf_fast.models.classifier import Classifier

NEIGHBOURS = 9


class NearestNeighbours(Classifier):
    """The frozen model as the engine sees it."""

    name = "nearest-neighbours"
    tolerance = 0.0
    trains_on = f"{NEIGHBOURS} rows or more"

    def can_train(self, labels: np.ndarray) -> bool:
        """Whether there are nine rows to vote."""
        return len(labels) >= NEIGHBOURS

    def answer(self, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, exact: bool) -> Answers:
        """Train and classify (``classifier.Classifier``); at least nine rows."""
        from dataperf_fast.kernels.neighbours import vote

        classes, positions = np.unique(labels, return_inverse=True)
        problem = features.astype(np.float64), positions, len(classes), evaluation, NEIGHBOURS
        answers, certain = vote.vote(*problem)
        doubtful = np.flatnonzero(~certain)
        if not exact or not len(doubtful):
            return Answers(classes[answers], certain=not len(doubtful))
        answers[doubtful] = vote.settle(*problem, doubtful)
        return Answers(classes[answers])
