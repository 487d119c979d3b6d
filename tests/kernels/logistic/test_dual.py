"""The optimum by its own conditions, by scikit-learn's Newton method, and from any start."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from dataperf_fast.kernels.logistic import dual


def problem(seed):
    """Rows that can be told apart, rows that cannot, long and short ones, repeated ones with different labels."""
    generator = np.random.default_rng(seed)
    rows, width = int(generator.integers(5, 70)), int(generator.integers(1, 90))
    labels = generator.permutation(np.arange(rows) % 3 == 0)
    features = generator.standard_normal((rows, width)) * 10.0 ** generator.integers(-2, 2)
    features[:, 0] += labels * generator.integers(0, 3)
    if seed % 4 == 0:
        features[rows // 2 :] = features[: rows - rows // 2]
    return features, np.where(labels, 1.0, -1.0), generator


def optimum(features, signs, start=None):
    solution = dual.start(signs) if start is None else start.copy()
    error, steps = dual.solve(features @ features.T, signs, solution)
    assert error <= dual.TOLERANCE
    return features.T @ (signs * solution[:-1]), solution[-1], solution, steps


@pytest.mark.parametrize("seed", range(40))
def test_the_gradient_of_the_penalized_loss_vanishes(seed):
    features, signs, _ = problem(seed)
    weights, intercept, _, steps = optimum(features, signs)
    slopes = -signs * expit(-signs * (features @ weights + intercept))
    assert steps > 0
    assert np.abs(features.T @ slopes + weights).max() < 1e-9 * (1 + np.abs(features).max())
    assert abs(slopes.sum()) < 1e-9


@pytest.mark.parametrize("seed", range(10))
def test_coefficients_are_scikit_learns_at_its_optimum(seed):
    features, signs, _ = problem(seed)
    weights, intercept, *_ = optimum(features, signs)
    theirs = LogisticRegression(solver="newton-cholesky", tol=1e-12).fit(features, signs)
    np.testing.assert_allclose(weights, theirs.coef_[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(intercept, theirs.intercept_[0], rtol=0, atol=1e-8)


@pytest.mark.parametrize("seed", range(40))
def test_any_start_ends_at_the_cold_starts_optimum(seed):
    features, signs, generator = problem(seed)
    *_, before, cold_steps = optimum(features, signs)
    changed = signs.copy()
    changed[generator.permutation(len(signs))[: 1 + seed % 2]] *= -1
    if len(np.unique(changed)) < 2:
        return
    cold, warm = optimum(features, changed), optimum(features, changed, before)
    np.testing.assert_allclose(features @ warm[0] + warm[1], features @ cold[0] + cold[1], rtol=0, atol=1e-8)
    assert warm[3] <= cold_steps + 5


def test_a_system_that_cannot_be_solved_says_so():
    signs = np.array([1.0, -1.0, 1.0])
    gram = np.diag([1.0, -100.0, 1.0])  # no Gram matrix: Newton's is not positive definite
    error, steps = dual.solve(gram, signs, dual.start(signs))
    assert error > 1
    assert steps == 0
