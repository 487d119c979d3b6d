"""Confident learning: rows whose label an out-of-fold model contradicts with confidence.

Source: Northcutt et al., arXiv 1911.00068. The cross-validated model is scikit-learn's logistic regression.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from dataperf_fast.engine import checks
from dataperf_fast.valuation.common import Valuation, checked


class ConfidentLearning(Valuation):
    """Normalized margins: the label's out-of-fold probability less the greatest of the others'.

    Where the confident joint counts a row under another label, its value is 2 less, so that such rows come first. A row
    counts under the most probable of the labels whose probability is at least the mean that rows of that label have.
    Validation rows are not used.

    Args:
        folds: of the cross-validation; they shrink to the rarest label's count.
        seed: by which rows are put into folds.

    Attributes:
        suspect_: the rows that count under another label, ``(n,)`` bool.

    Raises:
        ValueError: for fewer than two folds; of ``fit``, unless there are two labels or more, each of two rows or more.

    Example:
        >>> from dataperf_fast.valuation.confident import ConfidentLearning
        >>> found = ConfidentLearning().fit(train_X, train_y, val_X, val_y)
        >>> bool(found.suspect_[found.order_[0]])
        True
    """

    suspect_: np.ndarray

    def __init__(self, folds: int = 5, seed: int = 0):
        checks.whole_number("folds", folds, 2)
        self.folds = folds
        self.seed = seed

    def fit(self, train_X: np.ndarray, train_y: np.ndarray, val_X: np.ndarray, val_y: np.ndarray) -> ConfidentLearning:
        """Value the rows (``Valuation.fit``); every label has two rows or more, and there are two labels."""
        features, labels, _, _ = checked(train_X, train_y, val_X, val_y)
        labels = np.unique(labels, return_inverse=True)[1]
        counts = np.bincount(labels)
        if len(counts) < 2 or counts.min() < 2:
            found = f"{checks.classes(labels)}, {counts.min()} of its rarest label"
            raise ValueError(f"train_y has {found}: expected two labels or more, of two rows or more each")
        splits = StratifiedKFold(min(self.folds, counts.min()), shuffle=True, random_state=self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            probabilities = cross_val_predict(LogisticRegression(), features, labels, cv=splits, method="predict_proba")
        every = np.arange(len(labels))
        thresholds = np.array([probabilities[labels == label, label].mean() for label in range(len(counts))])
        confident = np.where(probabilities >= thresholds, probabilities, -1.0)
        self.suspect_ = (confident.argmax(axis=1) != labels) & (confident.max(axis=1) >= 0)
        others = probabilities.copy()
        others[every, labels] = -1.0
        self.values_ = probabilities[every, labels] - others.max(axis=1) - 2.0 * self.suspect_
        return self
