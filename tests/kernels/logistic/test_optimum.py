"""The optimum by its own conditions and by scikit-learn's Newton method."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from dataperf_fast.kernels.logistic.optimum import solve


def problem(seed):
    """Classes of one row and of many, that can be told apart or not, long and short rows, repeated ones."""
    generator = np.random.default_rng(seed)
    classes = int(generator.integers(3, 9))
    rows, width = int(generator.integers(classes, 60)), int(generator.integers(1, 80))
    labels = generator.permutation(np.concatenate([np.arange(classes), generator.integers(0, classes, rows - classes)]))
    features = generator.standard_normal((rows, width)) + generator.integers(0, 3) * np.eye(classes, width)[labels]
    features *= 10.0 ** generator.integers(-2, 3)
    if seed % 4 == 0:
        features[rows // 2 :] = features[: rows - rows // 2]
    return features, labels, classes


def optimum(features, labels, classes):
    coefficients, intercepts = np.empty((classes, len(labels))), np.empty(classes)
    moved, steps = solve(features @ features.T, labels, coefficients, intercepts)
    assert moved <= 1e-7
    return coefficients, intercepts, steps


@pytest.mark.parametrize("seed", range(40))
def test_the_gradient_of_the_penalized_loss_vanishes(seed):
    features, labels, classes = problem(seed)
    coefficients, intercepts, steps = optimum(features, labels, classes)
    weights = coefficients @ features
    slopes = softmax(features @ weights.T + intercepts, axis=1) - np.eye(classes)[labels]
    assert 1 < steps < 50
    assert np.abs(slopes.T @ features + weights).max() < 1e-9 * (1 + np.abs(features).max())
    assert np.abs(slopes.sum(axis=0)).max() < 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_probabilities_are_scikit_learns_at_its_optimum(seed):
    features, labels, classes = problem(seed)
    coefficients, intercepts, _ = optimum(features, labels, classes)
    theirs = LogisticRegression(solver="newton-cholesky", tol=1e-12).fit(features, labels)
    ours = softmax(features @ (coefficients @ features).T + intercepts, axis=1)
    np.testing.assert_allclose(ours, theirs.predict_proba(features), rtol=0, atol=1e-7)


def test_a_matrix_that_is_no_gram_matrix_says_so():
    coefficients, intercepts = np.empty((3, 3)), np.empty(3)
    moved, steps = solve(np.diag([1.0, -100.0, 1.0]), np.arange(3), coefficients, intercepts)
    assert (moved, steps) == (np.inf, 0)
