"""The logistic regression against scikit-learn's, bit for bit, and against what a minimum must satisfy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.linear_model import LogisticRegression

from dataperf_fast.kernels.logistic import multinomial
from dataperf_fast.models import voting
from tests.problems import board, small_problem

pytestmark = pytest.mark.parity


def check(oracle, features, labels, probable=True):
    ours = multinomial.fit(features, labels)
    question = "predict_proba" if probable else "decision_function"
    theirs, answers = oracle.fit(LogisticRegression(), features, labels, **{question: features})
    np.testing.assert_array_equal(ours.weights, theirs.coef_)
    np.testing.assert_array_equal(ours.intercepts, theirs.intercept_)
    np.testing.assert_array_equal(
        (multinomial.probabilities if probable else multinomial.logits)(ours, features), answers
    )
    return int(theirs.n_iter_[0])


@pytest.mark.parametrize("training", [25, 60])
def test_boards_equal_scikit_learns_to_the_last_bit(oracle, training):
    iterations = [check(oracle, *board(seed, training, evaluation=1)[:2]) for seed in range(15)]
    assert max(iterations) > 8


def test_three_hundred_small_problems_equal_scikit_learns_to_the_last_bit(oracle):
    """Few columns, ties, constant rows; some take all hundred iterations, and long line searches."""
    generator = np.random.default_rng(5)
    iterations = []
    for number in range(300):
        features, labels, _, _ = small_problem(generator)
        if labels.max() > 1:
            iterations.append(check(oracle, features * np.float32(10.0 ** (number % 4)), labels))
    assert len(iterations) > 200
    assert max(iterations) == 100


def test_float64_is_scikit_learns_float64(oracle):
    generator = np.random.default_rng(6)
    iterations = []
    for number in range(100):
        features, labels, _, _ = small_problem(generator)
        if labels.max() > 1:
            iterations.append(check(oracle, (features * 10.0 ** (number % 4)).astype(np.float64), labels, False))
    assert len(iterations) > 60
    assert max(iterations) == 100
    for classes in (8, 9, 17):  # an odd number of rows and classes from four on have sums of their own
        labels = np.arange(101) % classes
        check(oracle, generator.standard_normal((101, 300)) + labels[:, None], labels, False)


@pytest.mark.parametrize("classes", [8, 11, 16, 25, 40])
def test_many_classes_have_orders_of_sums_of_their_own(oracle, classes):
    generator = np.random.default_rng(classes)
    for rows in (classes, 61, 135):
        labels = np.arange(max(rows, classes)) % classes
        check(oracle, generator.standard_normal((len(labels), 70)).astype(np.float32), labels)


def test_rows_asked_for_are_those_of_the_whole(oracle):
    """Their sums hang on how many rows there are, and on their places among them."""
    generator = np.random.default_rng(8)
    for classes, width in ((2, 40), (3, 1024), (6, 33), (12, 64)):
        features, labels = generator.standard_normal((50, width)).astype(np.float32), np.arange(50) % classes
        rows = generator.standard_normal((45, width)).astype(np.float32)
        ours = voting.fit_logistic(features, labels)
        _, expected, alone = oracle.fit(
            LogisticRegression(), features, labels, predict_proba=rows, decision_function=rows[:1]
        )
        asked = np.array([0, 7, 31, 43, 44])
        np.testing.assert_array_equal(multinomial.probabilities(ours, rows, asked), expected[asked])
        np.testing.assert_array_equal(multinomial.logits(ours, rows[:1]).ravel(), alone.ravel())


def test_two_classes_in_float32(oracle):
    generator = np.random.default_rng(2)
    for number in range(60):
        features, labels, _, probes = small_problem(generator)
        features *= np.float32(10.0 ** (number % 3 - 1))
        labels = (labels > 0).astype(np.uint8)
        ours = voting.fit_logistic(features, labels)
        theirs, probabilities = oracle.fit(LogisticRegression(), features, labels, predict_proba=probes)
        np.testing.assert_array_equal(ours.weights, theirs.coef_)
        np.testing.assert_array_equal(ours.intercepts, theirs.intercept_)
        np.testing.assert_array_equal(multinomial.probabilities(ours, probes), probabilities)


def test_a_converged_fit_is_the_minimum():
    """In float64 and by differences, without any of the code that was used to get there."""
    features, labels, _, _ = board(3, training=60, width=12)
    fitted = multinomial.fit(features, labels)
    X, hot = features.astype(np.float64), np.eye(6)[labels]

    def split(flat):
        parameters = flat.reshape(6, 13)
        return parameters[:, :12], parameters[:, 12]

    def loss(flat):
        weights, intercepts = split(flat)
        z = X @ weights.T + intercepts
        return (np.log(np.exp(z).sum(axis=1)) - (z * hot).sum(axis=1)).mean() + (weights**2).sum() / 120

    def gradient(flat):
        weights, intercepts = split(flat)
        p = np.exp(X @ weights.T + intercepts)
        p = (p / p.sum(axis=1, keepdims=True) - hot) / 60
        return np.concatenate([p.T @ X + weights / 60, p.sum(axis=0)[:, None]], axis=1).ravel()

    found = np.concatenate([fitted.weights, fitted.intercepts[:, None]], axis=1).astype(np.float64).ravel()
    assert check_grad(loss, gradient, found) < 1e-5
    assert np.abs(gradient(found)).max() < 1.1e-4
    assert np.abs(gradient(np.zeros_like(found))).max() > 1e-2
