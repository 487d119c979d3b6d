"""The acquisition board's trials by NumPy's legacy generator and scikit-learn, as the paper's scripts have them.

Source: facebookresearch/Data_Acquisition_for_ML_Benchmark, ``evaluator_submission.py``, ``seller.py``, ``buyer.py``. It
is defined at one BLAS thread: where lbfgs stops depends on rounding, and that on the number of threads.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits


def new_model(name: str) -> Any:
    """The frozen model of that name: lr, knn, or rf, which in the scripts means gradient boosting."""
    if name == "knn":
        return KNeighborsClassifier(n_neighbors=9)
    if name == "rf":
        return GradientBoostingClassifier(n_estimators=100, learning_rate=1.0, max_depth=1, random_state=0)
    return LogisticRegression(random_state=0)


def answer(
    model: str, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Train on ``features (n, d)``, ``labels (n,)``; classes ``(m,)`` of ``evaluation (m, d)``, decisions if any."""
    wide = evaluation.astype(np.float64)
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lbfgs stops at 100 iterations
        fitted = new_model(model).fit(features.astype(np.float64), labels)
        return fitted.predict(wide), None if model == "knn" else fitted.decision_function(wide)


def evaluate(
    sellers: Sequence[tuple[np.ndarray, np.ndarray]],
    counts: Sequence[int],
    buyer: tuple[np.ndarray, np.ndarray],
    model: str,
    trials: int,
    generator: np.random.RandomState,
    *,
    progress: Any = None,
) -> np.ndarray:
    """The accuracy of every trial ``(trials,)``; sellers and buyer are features ``(n, d)`` and labels ``(n,)``."""
    if progress is not None:
        progress.planned(trials)
    accuracies = []
    for _ in range(trials):
        drawn = [
            (features[rows], labels[rows])
            for (features, labels), count in zip(sellers, counts, strict=True)
            for rows in [generator.choice(len(labels), size=int(count), replace=True)]
        ]
        features = np.concatenate([part for part, _ in drawn]).astype(np.float64)
        labels = np.concatenate([part for _, part in drawn])
        with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lbfgs stops at 100 iterations
            fitted = new_model(model).fit(features, labels)
            accuracies.append(float(fitted.score(buyer[0].astype(np.float64), buyer[1])))
        if progress is not None:
            progress.done(1)
    return np.array(accuracies)
