"""Training and validation sets of many kinds of classes, and what scikit-learn, fitted from scratch, makes of them."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from tests.models.test_linear_net import plain_accuracy

# By name, the labels that a problem's classes have.
LABELS = {
    "one": np.array([3]),
    "two": np.array([0, 1]),
    "bools": np.array([False, True]),
    "two from 7": np.array([7, 9]),
    "two strings": np.array(["no", "yes"]),
    "three": np.array([0.0, 1.0, 2.0]),
    "three from 7": np.array([7, 8, 9]),
    "three strings": np.array(["ant", "bee", "cat"]),
    "ten": np.arange(10),
    "300": np.arange(300),
}


class PlainNet:
    """The linear net by a plain loop; it scores as it trains."""

    def fit(self, X, y):
        self.given = X, y
        return self

    def score(self, X, y):
        rows, labels = self.given
        second = np.unique(np.concatenate([labels, y]))[1:]  # what counts as 1; of one label, none does
        return plain_accuracy(rows, np.isin(labels, second).astype(float), X, np.isin(y, second).astype(float))


class Boosted:
    """XGBoost on classes numbered from 0."""

    def fit(self, X, y):
        from xgboost import XGBClassifier

        self.classes, positions = np.unique(y, return_inverse=True)
        self.fitted = XGBClassifier(n_jobs=1).fit(X, positions)
        return self

    def score(self, X, y):
        return (self.classes[self.fitted.predict(X)] == y).mean()


PEERS = {
    "linear-net": PlainNet,
    "logistic-optimum": lambda: LogisticRegression(solver="newton-cholesky", tol=1e-12),
    "support-vectors": lambda: SVC(tol=1e-8),
    "neighbour-votes": lambda: KNeighborsClassifier(9, algorithm="brute"),
    "logistic-regression": LogisticRegression,
    "nearest-neighbours": lambda: KNeighborsClassifier(9, algorithm="brute"),
    "boosted-stumps": lambda: GradientBoostingClassifier(
        n_estimators=100, learning_rate=1.0, max_depth=1, random_state=0
    ),
    "boosted-trees": Boosted,
}


def problem(labels, rows=24, validation=60, width=5, seed=1):
    """Overlapping classes, all of them in the training set, some of its labels wrong."""
    generator = np.random.default_rng(seed)
    classes = len(labels)
    true = np.resize(np.arange(classes), rows)
    truth = generator.integers(0, classes, validation)
    centres = 1.2 * generator.standard_normal((classes, width))
    features, evaluation = (centres[of] + generator.standard_normal((len(of), width)) for of in (true, truth))
    given = true.copy()
    given[classes : classes + rows // 8] = 0
    return features, labels[given], evaluation, labels[truth]


def plain_worth(name, data, subset):
    """The accuracy of one fit from scratch; of too few rows or classes, that of the most frequent label."""
    features, labels, evaluation, truth = data
    subset = np.array(sorted(subset), int)
    found, counts = np.unique(labels[subset] if len(subset) else truth, return_counts=True)
    enough = {
        "nearest-neighbours": len(subset) >= 9,
        "neighbour-votes": len(subset) >= 9,
        "linear-net": len(subset) > 0,
    }
    if not enough.get(name, len(found) > 1 and len(subset) > 0):
        return (truth == found[counts.argmax()]).mean()
    return PEERS[name]().fit(features[subset], labels[subset]).score(evaluation, truth)


def worth_of_neighbour(data, subset):
    """The share of validation rows whose nearest row of ``subset`` has their label, by scikit-learn."""
    features, labels, evaluation, truth = data
    if not subset:
        return 0.0
    chosen = list(subset)
    return KNeighborsClassifier(1, algorithm="brute").fit(features[chosen], labels[chosen]).score(evaluation, truth)
