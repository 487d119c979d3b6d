"""The speech board's score by scikit-learn's VotingClassifier, one seed after the other, as the paper's script has it.

Source: harvard-edge/dataperf-speech-example, ``eval.py``. It is defined at one BLAS thread: where the logistic
regression's lbfgs stops depends on float32 rounding, and that on the number of threads.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

if "probability" not in SVC().get_params():
    raise ModuleNotFoundError("SVC(probability=True) is gone from this scikit-learn", name="scikit-learn<1.11")


def predict(features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, seed: int) -> np.ndarray:
    """Train the frozen model on ``features (n, d)`` and predict the class of ``evaluation (m, d)``: ``(m,)``."""
    return _fit_and_ask(features, labels, evaluation, seed, ["predict"])[0]


def answer(
    features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """As ``predict``, and the probabilities ``(m, k)`` that decided."""
    classes, probabilities = _fit_and_ask(features, labels, evaluation, seed, ["predict", "predict_proba"])
    return classes, probabilities


def _fit_and_ask(
    features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, seed: int, questions: list[str]
) -> list[np.ndarray]:
    model = VotingClassifier(
        estimators=[
            ("svm", SVC(probability=True, random_state=seed)),
            ("lr", LogisticRegression(random_state=seed)),
        ],
        voting="soft",
    )
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that SVC's probabilities will go, and that lbfgs stops at 100 iterations
        model.fit(features, labels)
        return [getattr(model, question)(evaluation) for question in questions]


def evaluate(
    features: np.ndarray,
    labels: np.ndarray,
    evaluation: np.ndarray,
    truth: np.ndarray,
    seeds: Sequence[int] | np.ndarray,
    *,
    progress: Any = None,
) -> np.ndarray:
    """Macro F1 on ``evaluation`` for every seed: ``(S,)``."""
    if progress is not None:
        progress.planned(len(seeds))
    scores = []
    for seed in seeds:
        scores.append(f1_score(truth, predict(features, labels, evaluation, int(seed)), average="macro"))
        if progress is not None:
            progress.done(1)
    return np.array(scores)
