"""``boosted-stumps``: gradient boosting, a hundred stumps at learning rate 1; in scripts called a random forest."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence

import numpy as np

from dataperf_fast.engine.plan import Answers, Pool
from dataperf_fast.models.classifier import Classifier, OnDevice, answer_two_classes


class BoostedStumps(Classifier):
    """The frozen model as the engine sees it: ``GradientBoostingClassifier(100, learning_rate=1.0, max_depth=1)``."""

    name = "boosted-stumps"
    tolerance = 1e-12
    on_cuda = True

    def answer(self, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, exact: bool) -> Answers:
        """Train and classify (``classifier.Classifier``); ``labels`` name two classes or more."""
        from dataperf_fast.kernels.trees import stumps

        classes, positions = np.unique(labels, return_inverse=True)
        fitted = stumps.fit(features.astype(np.float32), positions)
        decisions = stumps.decisions(fitted, evaluation.astype(np.float32))
        if len(classes) > 2:
            return Answers(classes[decisions.argmax(axis=1)])
        return Answers(classes[(decisions[:, 0] >= 0).astype(np.int64)], decisions[:, 0])

    def bytes_on_device(self, pool: Pool) -> int:
        """What a retrain takes of a GPU's memory (``classifier.Classifier``)."""
        from dataperf_fast.kernels.trees import cuda

        rows, columns = pool.features.shape
        return cuda.bytes_per_fit(rows, columns)

    def answer_on_device(
        self, device: OnDevice, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray]
    ) -> list[Answers | None]:
        """Train and classify those of two classes whose splits are not chance (``classifier.Classifier``)."""
        from dataperf_fast.kernels.trees import cuda, stumps

        evaluation = device.pool.evaluation_features.astype(np.float32)

        def decide(of_two: list[np.ndarray], second: list[np.ndarray]) -> Iterator[np.ndarray | None]:
            for fitted in cuda.fit(device.features.astype(np.float32, copy=False), of_two, second, device.xp):
                yield None if fitted is None else stumps.decisions(fitted, evaluation)[:, 0]

        return answer_two_classes(rows, labels, decide, operator.ge)
