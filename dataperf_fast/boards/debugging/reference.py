"""The debugging board's score by plain retraining: PyTorch as the paper's script has it, scikit-learn for other models.

Source: DS3Lab/dataperf-vision-debugging, ``app/classifier.py`` and ``app/utils.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

LIBRARIES = {"linear-net": ("torch",), "boosted-trees": ("xgboost",)}  # that models need beside scikit-learn
DIMENSION = 2048
HIDDEN = 128


class LogisticClassifier:
    """The frozen model: two linear layers and a threshold.

    ``precision`` is float32, as in the script, or float64, the same in PyTorch's other arithmetic from the same start.
    """

    def __init__(self, precision: str = "float32") -> None:
        torch.manual_seed(42)
        self.dtype = getattr(torch, precision)
        self.model = torch.nn.Sequential(torch.nn.Linear(DIMENSION, HIDDEN), torch.nn.Linear(HIDDEN, 1))
        self.model.to(self.dtype)
        self.threshold = 0.5

    def fit(self, features: np.ndarray, labels: np.ndarray) -> None:
        """Train 20 epochs of batches of 64 rows in order, then choose the threshold on the training set."""
        X, y = torch.tensor(features, dtype=self.dtype), torch.tensor(labels, dtype=self.dtype)
        loss_of = torch.nn.BCEWithLogitsLoss()
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.01, weight_decay=0.9)
        for _ in range(20):
            for start in range(0, len(X), 64):
                optimizer.zero_grad()
                logits = self.model(X[start : start + 64]).reshape(-1)
                loss_of(logits, y[start : start + 64]).backward()
                optimizer.step()
        best, best_threshold = 0.0, 0.0
        for threshold in np.arange(0.1, 1, 0.05):
            self.threshold = float(threshold)
            accuracy = self.evaluate(features, labels)
            if accuracy > best:
                best, best_threshold = accuracy, self.threshold
        self.threshold = best_threshold

    def logits(self, features: np.ndarray) -> Any:
        """Logits ``(n, 1)``, a tensor."""
        with torch.no_grad():
            return self.model(torch.tensor(features, dtype=self.dtype))

    def evaluate(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Accuracy, rounded to two decimals."""
        probabilities = torch.sigmoid(self.logits(features)).numpy().ravel()
        return float(round(((probabilities > probabilities.dtype.type(self.threshold)) == labels).mean(), 2))


def other_classifier(model: str) -> Any:
    """One of the board's other models; the first two at their optimum, as the float32 of libsvm allows."""
    if model == "logistic-optimum":
        return LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=1000)
    if model == "support-vectors":
        return SVC(tol=1e-8)
    if model == "neighbour-votes":
        return KNeighborsClassifier(9, algorithm="brute")
    from xgboost import XGBClassifier

    return XGBClassifier(n_jobs=1)


def answer(
    model: str, precision: str, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Train from scratch; classes ``(m,)`` of ``evaluation (m, d)``, and decisions if any, positive for class 1.

    ``precision`` is ``LogisticClassifier``'s, and the net's alone.
    """
    if model == "linear-net":
        classifier = LogisticClassifier(precision)
        classifier.fit(features, labels)
        logits = classifier.logits(evaluation).numpy().ravel().astype(np.float64)
        with np.errstate(divide="ignore"):
            decisions = logits - np.log(classifier.threshold / (1 - classifier.threshold))
        return (decisions > 0).astype(np.uint8), decisions
    wide = evaluation.astype(np.float64)
    fitted = other_classifier(model).fit(features.astype(np.float64), labels)
    decisions = None
    if model == "neighbour-votes":
        decisions = fitted.predict_proba(wide)[:, 1] - 0.5
    elif model != "boosted-trees":
        decisions = fitted.decision_function(wide)
    return fitted.predict(wide), decisions


def score(
    model: str,
    precision: str,
    labels: np.ndarray,
    features: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
) -> float:
    """Train from scratch on ``features (n, d)``, ``labels (n,)``; the test accuracy, rounded to two decimals."""
    if model != "linear-net":
        fitted = other_classifier(model).fit(features.astype(np.float64), labels)
        return float(round(fitted.score(test_features.astype(np.float64), test_labels), 2))
    classifier = LogisticClassifier(precision)
    classifier.fit(features, labels)
    return classifier.evaluate(test_features, test_labels)
