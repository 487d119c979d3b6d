"""The acquisition board's trials by NumPy's legacy generator and scikit-learn, as the paper's scripts have them.

Source: facebookresearch/Data_Acquisition_for_ML_Benchmark, ``evaluator_submission.py``, ``seller.py``, ``buyer.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier


def new_model(name: str) -> Any:
    """The frozen model of that name. What the scripts call a random forest is gradient boosting."""
    if name == "nearest-neighbours":
        return KNeighborsClassifier(n_neighbors=9)
    if name == "boosted-stumps":
        return GradientBoostingClassifier(n_estimators=100, learning_rate=1.0, max_depth=1, random_state=0)
    return LogisticRegression(random_state=0)


def draw(
    sizes: Sequence[int], counts: Sequence[int], trials: int, generator: np.random.RandomState
) -> tuple[list[list[np.ndarray]], np.random.RandomState]:
    """Draw ``counts`` rows of the sellers that have ``sizes``: rows by trial and seller, and the generator after it."""
    rows = [
        [generator.choice(size, size=int(count), replace=True) for size, count in zip(sizes, counts, strict=True)]
        for _ in range(trials)
    ]
    return rows, generator


def answer(
    model: str, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Train on ``features (n, d)``, ``labels (n,)``; classes ``(m,)`` of ``evaluation (m, d)``, decisions if any."""
    wide = evaluation.astype(np.float64)
    fitted = new_model(model).fit(features.astype(np.float64), labels)
    return fitted.predict(wide), None if model == "nearest-neighbours" else fitted.decision_function(wide)


def score(model: str, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, truth: np.ndarray) -> float:
    """Train on ``features (n, d)``, ``labels (n,)``; the accuracy on ``evaluation (m, d)``, ``truth (m,)``."""
    fitted = new_model(model).fit(features.astype(np.float64), labels)
    return float(fitted.score(evaluation.astype(np.float64), truth))
