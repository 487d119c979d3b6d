"""The vision board's scores by scikit-learn, as the paper's script has them, with average precision beside them.

Source: CoactiveAI/dataperf-vision-selection, ``eval.py``.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
)


def answer(features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Train on ``features (n, d)``, ``labels (n,)``; classes and decision values ``(m,)`` of ``evaluation (m, d)``."""
    model = LogisticRegression(random_state=0).fit(features.astype(np.float64), labels)
    wide = evaluation.astype(np.float64)
    return model.predict(wide), model.decision_function(wide)


def evaluate(features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Train on ``features (n, d)``, ``labels (n,)`` in 0, 1 and score on ``evaluation (m, d)``, ``truth (m,)``."""
    predictions, decisions = answer(features, labels, evaluation)
    counts = confusion_matrix(truth, predictions, labels=[0, 1]).ravel().tolist()
    return {
        "accuracy": float(accuracy_score(truth, predictions)),
        "recall": float(recall_score(truth, predictions, pos_label=1)),
        "precision": float(precision_score(truth, predictions, pos_label=1)),
        "f1": float(f1_score(truth, predictions, pos_label=1)),
        "average_precision": float(average_precision_score(truth, decisions, pos_label=1)),
        **dict(zip(("true_negatives", "false_positives", "false_negatives", "true_positives"), counts, strict=True)),
    }
