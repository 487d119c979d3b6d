"""Confident learning: rows whose label an out-of-fold model contradicts with confidence.

Source: Northcutt et al., arXiv 1911.00068. The cross-validated model is scikit-learn's logistic regression.
"""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from dataperf_fast.engine import checks
from dataperf_fast.valuation.common import Valuation, require_random_state
from dataperf_fast.valuation.inputs import Data


class ConfidentLearning(Valuation):
    """Normalized margins: the label's out-of-fold probability less the greatest of the others'.

    Where the confident joint counts a row under another label, its value is 2 less, so that such rows come first. A row
    counts under the most probable of the labels whose probability is at least the mean that rows of that label have.
    Validation rows are not used: ``fit(train_X, train_y)`` will do.

    Args:
        n_splits: folds of the cross-validation, or as many as the rarest label has rows.
        random_state: puts rows into folds, as scikit-learn has it: a number, a RandomState, or None for others each
            time.

    Attributes:
        suspect_: the rows that count under another label, ``(n,)`` bool.

    Raises:
        ValueError: of ``fit``, for fewer than two folds, and unless there are two labels or more, each of two rows or
            more.

    Example:
        >>> from dataperf_fast.valuation import ConfidentLearning
        >>> found = ConfidentLearning().fit(train_X, train_y)
        >>> bool(found.suspect_[found.order_[0]])
        True
    """

    suspect_: np.ndarray

    def __init__(self, n_splits: int = 5, random_state: int | np.random.RandomState | None = 0):
        self.n_splits = n_splits
        self.random_state = random_state

    def fit(self, train_X: Any, train_y: Any, val_X: Any = None, val_y: Any = None) -> Self:
        """Value the rows (``Valuation.fit``); a validation set that is given is checked and not used."""
        if val_X is None and val_y is None:
            val_X, val_y = train_X, train_y
        return super().fit(train_X, train_y, val_X, val_y)

    def _check_parameters(self) -> None:
        checks.whole_number("n_splits", self.n_splits, 2)
        require_random_state(self.random_state)

    def _values(self, data: Data) -> np.ndarray:
        labels = np.unique(data.labels, return_inverse=True)[1]
        counts = np.bincount(labels)
        if len(counts) < 2 or counts.min() < 2:
            found = f"{checks.classes(labels)}, {counts.min()} of its rarest label"
            raise ValueError(f"train_y has {found}: expected two labels or more, of two rows or more each")
        splits = StratifiedKFold(min(self.n_splits, counts.min()), shuffle=True, random_state=self.random_state)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            probabilities = cross_val_predict(
                LogisticRegression(), data.features, labels, cv=splits, method="predict_proba"
            )
        every = np.arange(len(labels))
        thresholds = np.array([probabilities[labels == label, label].mean() for label in range(len(counts))])
        confident = np.where(probabilities >= thresholds, probabilities, -1.0)
        self.suspect_ = (confident.argmax(axis=1) != labels) & (confident.max(axis=1) >= 0)
        others = probabilities.copy()
        others[every, labels] = -1.0
        values: np.ndarray = probabilities[every, labels] - others.max(axis=1) - 2.0 * self.suspect_
        return values
