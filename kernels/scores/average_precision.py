"""Average precision: the mean precision over the positives, each at the threshold that first finds it.

    AP = sum_t (R_t - R_{t-1}) P_t      over the different scores t, from the highest down

Source: ``average_precision_score`` in scikit-learn 1.9, ``sklearn/metrics/_ranking.py``.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.kernels.arithmetic.sums import pairwise_sum
from dataperf_fast.kernels.watched import watched


@watched("average precision")
def average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """Average precision of ``scores (m,)`` for ``positive (m,)`` bool, rows of equal score together; 0 of none."""
    if not positive.any():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    ranked, found = scores[order], np.cumsum(positive[order])
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # of every score
    recall = found[last] / found[-1]
    terms = np.diff(recall, prepend=0.0) * (found[last] / (last + 1))
    return float(pairwise_sum(terms[::-1].copy()))  # scikit-learn adds from the lowest score up
