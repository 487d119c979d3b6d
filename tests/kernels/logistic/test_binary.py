"""Two-class logistic regression against scikit-learn's, bit for bit, and against what a minimum must satisfy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.linear_model import LogisticRegression

from dataperf_fast.kernels.logistic import binary

pytestmark = pytest.mark.parity


def problem(generator, rows, width, scale=1.0):
    latent = generator.standard_normal((rows, 8))
    features = (latent @ generator.standard_normal((8, width)) + 0.3 * generator.standard_normal((rows, width))) * scale
    labels = (latent[:, 0] + 0.7 * generator.standard_normal(rows) > 0).astype(np.int64)
    labels[0], labels[-1] = 0, 1
    return features, labels


def check(oracle, features, labels):
    ours = binary.fit(features, labels)
    theirs = oracle.fit(LogisticRegression(), features.astype(np.float64), labels)
    np.testing.assert_array_equal(ours.weights, theirs.coef_)
    np.testing.assert_array_equal(ours.intercepts, theirs.intercept_)
    return int(theirs.n_iter_[0])


# Rows left over after groups of four are summed in other orders: two, one, and three as two and one.
@pytest.mark.parametrize("rows", [2, 3, 4, 5, 6, 7, 8, 97, 128, 129, 500, 1001])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 12, 256, 768, 2048, 2051, 4100])
def test_same_bits_for_any_number_of_rows(oracle, rows, width):
    generator = np.random.default_rng(rows * width)
    check(oracle, problem(generator, rows, width)[0].astype(np.float32), problem(generator, rows, width)[1])


def test_same_bits_for_random_problems_and_some_stop_unconverged(oracle):
    generator = np.random.default_rng(4)
    iterations = []
    for number in range(80):
        rows, width = int(generator.integers(2, 300)), int(generator.choice([4, 8, 64, 256]))
        features, labels = problem(generator, rows, width, 10 ** generator.uniform(-2, 2))
        if number % 5 == 0:
            features[::2] = features[0]  # equal rows with contradicting labels
        iterations.append(check(oracle, features if number % 2 else features.astype(np.float32), labels))
    assert sum(count == 100 for count in iterations) >= 10
    assert sum(count < 100 for count in iterations) >= 10


def test_float32_features_give_what_the_same_numbers_give_in_float64():
    features, labels = problem(np.random.default_rng(5), 203, 64)
    narrow = features.astype(np.float32)
    for ours, wide in zip(binary.fit(narrow, labels), binary.fit(narrow.astype(np.float64), labels), strict=True):
        np.testing.assert_array_equal(ours, wide)


@pytest.mark.parametrize("rows", [4, 7])
def test_the_gradient_is_that_of_the_loss(rows):
    generator = np.random.default_rng(6)
    features, labels = problem(generator, rows, 8)

    def both(x):
        gradient = np.empty(9)
        value = binary._evaluate(features, labels.astype(float), x, np.empty((4, rows)), np.empty(8), gradient)
        return value, gradient

    x = 0.5 * generator.standard_normal(9)
    assert check_grad(lambda x: both(x)[0], lambda x: both(x)[1], x) < 1e-6
    logits = features @ x[:8] + x[8]
    loss = np.mean(np.logaddexp(0, logits) - labels * logits) + 0.5 / rows * x[:8] @ x[:8]
    np.testing.assert_allclose(both(x)[0], loss, rtol=1e-13)


@pytest.mark.parametrize("logit", [-800.0, -37.5, -36.0, -2.5, -1.0, 0.0, 3.0, 17.9, 18.1, 40.0, 800.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_the_loss_of_a_row_keeps_its_digits(logit, label):
    logits, powers, losses, slopes = np.empty((4, 1))
    logits[0] = logit - 0.5
    binary._pointwise(logits, 0.5, np.array([label]), 1, powers, losses, slopes)
    [loss], [slope] = losses, slopes
    sign = 1 if label else -1
    np.testing.assert_allclose(loss, np.logaddexp(0, -sign * logit), rtol=1e-14, atol=2e-16)
    np.testing.assert_allclose(slope, -sign / (1 + np.exp(np.clip(sign * logit, -700, 700))), rtol=1e-13, atol=1e-300)
