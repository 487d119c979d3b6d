"""``nearest-neighbours``: ``KNeighborsClassifier(n_neighbors=9)``, on float64 features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dataperf_fast.engine.plan import Answers, Pool
from dataperf_fast.models.classifier import Classifier, OnDevice

NEIGHBOURS = 9


class NearestNeighbours(Classifier):
    """The frozen model as the engine sees it."""

    name = "nearest-neighbours"
    tolerance = 0.0
    on_cuda = True
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

    def bytes_on_device(self, pool: Pool) -> int:
        """What a retrain takes of a GPU's memory (``classifier.Classifier``)."""
        return 16 * pool.features.size  # its rows; they go one retrain after the other, and products are cut

    def answer_on_device(
        self, device: OnDevice, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray]
    ) -> list[Answers | None]:
        """Vote, but for more classes than a thread has room for (``classifier.Classifier``)."""
        from dataperf_fast.kernels.neighbours import vote_cuda

        found: list[Answers | None] = []
        for of_rows, of_labels in zip(rows, labels, strict=True):
            classes, positions = np.unique(of_labels, return_inverse=True)
            if len(classes) > vote_cuda.MOST:
                found.append(None)
                continue
            features = device.features[device.xp.asarray(of_rows)].astype(np.float64)
            problem = features, positions, len(classes), device.evaluation, NEIGHBOURS
            answers, certain = vote_cuda.vote(*problem, device.memory, device.xp)
            found.append(Answers(classes[answers], certain=bool(certain.all())))
        return found
