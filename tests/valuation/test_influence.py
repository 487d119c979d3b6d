"""Influence against retraining without each row, to the optimum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from dataperf_fast.kernels.net import training
from dataperf_fast.valuation import LogisticInfluence, NetInfluence


def problem(rows, width):
    generator = np.random.default_rng(rows)
    labels, truth = generator.integers(0, 2, rows), generator.integers(0, 2, 80)
    shift = np.zeros(width)
    shift[0] = 1.5
    features = generator.standard_normal((rows, width)) + labels[:, None] * shift
    evaluation = generator.standard_normal((80, width)) + truth[:, None] * shift
    labels[:10] ^= 1
    return features, labels, evaluation, truth


@pytest.mark.parametrize(("rows", "width"), [(120, 5), (60, 200)])
def test_orders_rows_as_retraining_without_them_does(rows, width):
    features, labels, evaluation, truth = problem(rows, width)

    def loss(kept):
        model = LogisticRegression(tol=1e-10, max_iter=10_000).fit(features[kept], labels[kept])
        return log_loss(truth, model.predict_proba(evaluation))

    every = np.arange(rows)
    risen = np.array([loss(np.delete(every, row)) for row in range(rows)]) - loss(every)
    found = LogisticInfluence().fit(features, labels, evaluation, truth)
    assert spearmanr(found.values_, risen).statistic > 0.95
    if rows > 10 * width:  # the sizes agree too where no row alone bends the Hessian
        assert 0.7 < np.polyfit(risen, found.values_, 1)[0] < 1.1


def test_the_nets_influence_is_that_of_its_gauss_newton_matrix():
    """By brute force: every weight moved by itself, the whole matrix stored and solved."""
    features, labels, evaluation, truth = problem(70, 4)
    start = training.prepare(70, 4, np.float64)
    weights = training.trained_weights(start, features, labels.astype(np.uint8))
    parameters = np.concatenate([part.ravel() for part in weights])

    def logits(parameters, rows):
        w1, b1, w2, b2 = np.split(parameters, [512, 640, 768])
        return (rows @ w1.reshape(128, 4).T + b1) @ w2 + b2

    kernels = training.train(start, features, evaluation, labels[None].astype(np.uint8))
    np.testing.assert_allclose(logits(parameters, features), kernels[0][0], rtol=0, atol=1e-10)

    def jacobian(rows):
        steps = 1e-4 * np.eye(len(parameters))
        return np.stack([(logits(parameters + e, rows) - logits(parameters - e, rows)) / 2e-4 for e in steps], axis=1)

    p, q = (1 / (1 + np.exp(-logits(parameters, rows))) for rows in (features, evaluation))
    own, other = jacobian(features), jacobian(evaluation)
    matrix = own.T @ ((p * (1 - p))[:, None] * own) / 70 + 0.02 * np.eye(len(parameters))
    expected = own @ np.linalg.solve(matrix, other.T @ (q - truth) / 80) * (p - labels) / 70
    found = NetInfluence(damping=0.02).fit(features, labels, evaluation, truth).values_
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("valuation", [LogisticInfluence, NetInfluence])
def test_three_labels_are_refused(valuation):
    features, labels, evaluation, truth = problem(60, 5)
    labels[0] = 2
    with pytest.raises(ValueError, match="two labels"):
        valuation().fit(features, labels, evaluation, truth)
