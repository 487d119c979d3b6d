"""The debugging board's score by plain retraining: PyTorch as the paper's script has it, scikit-learn for other models.

Source: DS3Lab/dataperf-vision-debugging, ``app/main.py``, ``app/classifier.py`` and ``app/utils.py``. The target is
the accuracy on the fully cleaned training set, which for a complete order is the script's own last point.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

DIMENSION = 2048
HIDDEN = 128
TARGET_SHARE = 0.95


class Ran(NamedTuple):
    """Accuracies before cleaning, on the cleaned set, and after 1, 2 .. inspections; the first to reach the target."""

    before: float
    cleaned: float
    curve: list[float]
    crossing: int


class Classifier:
    """The frozen model: two linear layers and a threshold."""

    def __init__(self) -> None:
        torch.manual_seed(42)
        self.model = torch.nn.Sequential(torch.nn.Linear(DIMENSION, HIDDEN), torch.nn.Linear(HIDDEN, 1))
        self.threshold = 0.5

    def fit(self, features: np.ndarray, labels: np.ndarray) -> None:
        """Train 20 epochs of batches of 64 rows in order, then choose the threshold on the training set."""
        X, y = torch.tensor(features), torch.tensor(labels).float()
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

    def evaluate(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Accuracy, rounded to two decimals."""
        with torch.no_grad():
            probabilities = torch.sigmoid(self.model(torch.tensor(features))).numpy().ravel()
        return float(round(((probabilities > np.float32(self.threshold)) == labels).mean(), 2))


def other_classifier(model: str, threads: int) -> Any:
    """``logistic``, ``svc``, ``knn`` or ``xgb``: the first two at their optimum, as the float32 of libsvm allows."""
    if model == "logistic":
        return LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=1000)
    if model == "svc":
        return SVC(tol=1e-8)
    if model == "knn":
        return KNeighborsClassifier(9, algorithm="brute")
    from xgboost import XGBClassifier

    return XGBClassifier(n_jobs=threads)


def answer(
    model: str, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, threads: int = 1
) -> tuple[np.ndarray, np.ndarray | None]:
    """Train from scratch; classes ``(m,)`` of ``evaluation (m, d)``, and decisions if any, positive for class 1."""
    if model == "linear-net":
        torch.set_num_threads(threads)
        classifier = Classifier()
        classifier.fit(features, labels)
        with torch.no_grad():
            logits = classifier.model(torch.tensor(evaluation)).numpy().ravel().astype(np.float64)
        with np.errstate(divide="ignore"):
            decisions = logits - np.log(classifier.threshold / (1 - classifier.threshold))
        return (decisions > 0).astype(np.uint8), decisions
    wide = evaluation.astype(np.float64)
    fitted = other_classifier(model, threads).fit(features.astype(np.float64), labels)
    decisions = None
    if model == "knn":
        decisions = fitted.predict_proba(wide)[:, 1] - 0.5
    elif model != "xgb":
        decisions = fitted.decision_function(wide)
    return fitted.predict(wide), decisions


def fit_and_evaluate(
    features: np.ndarray,
    labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
    model: str = "linear-net",
    threads: int = 1,
) -> float:
    """Train from scratch and return the test accuracy, rounded to two decimals."""
    if model != "linear-net":
        fitted = other_classifier(model, threads).fit(features.astype(np.float64), labels)
        return float(round(fitted.score(test_features.astype(np.float64), test_labels), 2))
    classifier = Classifier()
    classifier.fit(features, labels)
    return classifier.evaluate(test_features, test_labels)


def evaluate(
    features: np.ndarray,
    labels: np.ndarray,
    true_labels: np.ndarray,
    order: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
    *,
    model: str = "linear-net",
    stop_at_target: bool = False,
    threads: int = 1,
    progress: Any = None,
) -> Ran:
    """Retrain after every inspection of ``order``; with ``stop_at_target`` only until the target is reached.

    ``features (n, 2048)`` and ``test_features (m, 2048)`` float32 (of any width but for linear-net), labels 0/1.
    """
    torch.set_num_threads(threads)
    if progress is not None:
        progress.planned(len(order) + 2)
    before = fit_and_evaluate(features, labels, test_features, test_labels, model, threads)
    cleaned = fit_and_evaluate(features, true_labels, test_features, test_labels, model, threads)
    target = TARGET_SHARE * cleaned
    curve: list[float] = []
    crossing = 0
    for inspections in range(1, len(order) + 1):
        fixed = labels.copy()
        fixed[order[:inspections]] = true_labels[order[:inspections]]
        curve.append(fit_and_evaluate(features, fixed, test_features, test_labels, model, threads))
        if progress is not None:
            progress.done(1)
        if not crossing and curve[-1] >= target:
            crossing = inspections
            if stop_at_target:
                break
    return Ran(before, cleaned, curve, crossing)
