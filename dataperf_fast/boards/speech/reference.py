"""The speech board's score by scikit-learn's VotingClassifier, a seed at a time, as the paper's script has it.

Source: harvard-edge/dataperf-speech-example, ``eval.py``.
"""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.svm import SVC

if "probability" not in SVC().get_params():
    raise ModuleNotFoundError("SVC(probability=True) is gone from this scikit-learn", name="scikit-learn<1.11")


def fit(features: np.ndarray, labels: np.ndarray, seed: int) -> VotingClassifier:
    """Train the frozen model on ``features (n, d)``, ``labels (n,)``."""
    model = VotingClassifier(
        estimators=[
            ("svm", SVC(probability=True, random_state=seed)),
            ("lr", LogisticRegression(random_state=seed)),
        ],
        voting="soft",
    )
    return model.fit(features, labels)


def predict(features: np.ndarray, labels: np.ndarray, seed: int, evaluation: np.ndarray) -> np.ndarray:
    """Train on ``features (n, d)``, ``labels (n,)``, and predict the class of ``evaluation (m, d)``: ``(m,)``."""
    classes: np.ndarray = fit(features, labels, seed).predict(evaluation)
    return classes


def answer(
    features: np.ndarray, labels: np.ndarray, seed: int, evaluation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As ``predict``, and the probabilities ``(m, k)`` that decided."""
    model = fit(features, labels, seed)
    return model.predict(evaluation), model.predict_proba(evaluation)


def score(features: np.ndarray, labels: np.ndarray, seed: int, evaluation: np.ndarray, truth: np.ndarray) -> float:
    """Macro F1 on ``evaluation (m, d)``, ``truth (m,)``."""
    return float(f1_score(truth, predict(features, labels, seed, evaluation), average="macro"))
