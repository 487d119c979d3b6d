"""Macro F1: the mean over classes of ``2 tp / (true + predicted)``, over the classes that occur in either.

Source: ``f1_score(average="macro")`` in scikit-learn 1.9, ``sklearn/metrics/_classification.py``.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.kernels.arithmetic.sums import pairwise_sum
from dataperf_fast.kernels.compiled import kernel
from dataperf_fast.kernels.watched import watched


@watched("macro F1")
def macro_f1(answers: np.ndarray, truth: np.ndarray, classes: int, scored: np.ndarray | None = None) -> np.ndarray:
    """Score each line of ``answers (S, m)`` against ``truth (m,)``, uint8 in 0 .. classes - 1; returns ``(S,)``.

    Where ``scored (m,)`` bool is given, only those rows count.
    """
    if scored is None:
        scored = np.ones(len(truth), np.bool_)
    return from_counts(_count(answers, truth, scored, classes))


def from_counts(counts: np.ndarray) -> np.ndarray:
    """The scores ``(S,)`` of ``counts (S, 3, classes)``: right, true and predicted rows of each class."""
    right, total = counts[:, 0], counts[:, 1] + counts[:, 2]
    scores = 2.0 * right / np.maximum(total, 1)
    return np.array([pairwise_sum(line[found]) / found.sum() for line, found in zip(scores, total > 0, strict=True)])


@kernel
def _count(answers, truth, scored, classes):
    """Right, true and predicted rows of each class: ``(S, 3, classes)``."""
    counts = np.zeros((answers.shape[0], 3, classes), np.int64)
    for line in range(answers.shape[0]):
        for row in range(truth.shape[0]):
            if scored[row]:
                counts[line, 1, truth[row]] += 1
                counts[line, 2, answers[line, row]] += 1
                if truth[row] == answers[line, row]:
                    counts[line, 0, truth[row]] += 1
    return counts
