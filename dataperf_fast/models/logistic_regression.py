"""``logistic-regression``: ``LogisticRegression()`` with scikit-learn's defaults, on float64 features."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import partial

import numpy as np

from dataperf_fast.engine.plan import Answers, Pool
from dataperf_fast.models.classifier import Classifier, OnDevice, answer_two_classes


class LogisticRegression(Classifier):
    """The frozen model as the engine sees it."""

    name = "logistic-regression"
    tolerance = 1e-12
    on_cuda = True

    def answer(self, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, exact: bool) -> Answers:
        """Train and classify (``classifier.Classifier``); ``labels`` name two classes or more."""
        from dataperf_fast.kernels.logistic import binary, multinomial

        classes, positions = np.unique(labels, return_inverse=True)
        if len(classes) > 2:
            decisions = multinomial.logits(multinomial.fit(features.astype(np.float64), positions), evaluation)
            return Answers(classes[decisions.argmax(axis=1)])
        decisions = multinomial.logits(binary.fit(features, positions), evaluation).ravel()
        return Answers(classes[(decisions > 0).astype(np.int64)], decisions)

    def bytes_on_device(self, pool: Pool) -> int:
        """What a retrain takes of a GPU's memory (``classifier.Classifier``)."""
        from dataperf_fast.kernels.logistic import cuda

        rows, columns = pool.features.shape
        return cuda.bytes_per_fit(rows, columns, len(pool.evaluation_features))

    def answer_on_device(
        self, device: OnDevice, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray]
    ) -> list[Answers | None]:
        """Train and classify those of two classes (``classifier.Classifier``)."""
        from dataperf_fast.kernels.logistic import cuda

        if not cuda.covers(device.features, device.evaluation):
            return [None] * len(rows)
        decide = partial(cuda.decisions, device.features, device.evaluation, xp=device.xp)
        return answer_two_classes(rows, labels, decide, operator.gt)
