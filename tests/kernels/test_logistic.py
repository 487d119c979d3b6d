"""The logistic regression against scikit-learn's, bit for bit, and against what a minimum must satisfy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.linear_model import LogisticRegression

from dataperf_fast.kernels import logistic
from dataperf_fast.models import libraries, voting
from tests.problems import board, small_problem

pytestmark = pytest.mark.parity


@pytest.fixture(autouse=True)
def one_blas_thread():
    with libraries.blas().limit(limits=1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def following():
    if not libraries.multinomial_path_is_scikit_learns():
        pytest.skip(
            "with these versions of NumPy, SciPy and scikit-learn the path has other bits: theirs is then taken"
        )


def check(features, labels):
    ours, theirs = logistic.fit(features, labels), LogisticRegression().fit(features, labels)
    np.testing.assert_array_equal(ours.weights, theirs.coef_)
    np.testing.assert_array_equal(ours.intercepts, theirs.intercept_)
    np.testing.assert_array_equal(logistic.probabilities(ours, features), theirs.predict_proba(features))
    return int(theirs.n_iter_[0])


@pytest.mark.parametrize("training", [25, 60])
def test_boards_equal_scikit_learns_to_the_last_bit(following, training):
    iterations = [check(*board(seed, training, evaluation=1)[:2]) for seed in range(15)]
    assert max(iterations) > 8


def test_three_hundred_small_problems_equal_scikit_learns_to_the_last_bit(following):
    """Few columns, ties, constant rows; some take all hundred iterations, and long line searches."""
    generator = np.random.default_rng(5)
    iterations = []
    for number in range(300):
        features, labels, _, _ = small_problem(generator)
        if labels.max() > 1:
            iterations.append(check(features * np.float32(10.0 ** (number % 4)), labels))
    assert len(iterations) > 200
    assert max(iterations) == 100


def refuse(*_):
    raise AssertionError("our own path was taken")


def test_two_classes_are_left_to_scikit_learn(monkeypatch):
    monkeypatch.setattr(logistic, "fit", refuse)
    features, labels, evaluation, _ = board(2, training=40)
    labels = (labels > 2).astype(np.uint8)
    ours = voting.fit_logistic(features, labels, follows=True)
    theirs = LogisticRegression().fit(features, labels)
    np.testing.assert_array_equal(ours.weights, theirs.coef_)
    np.testing.assert_array_equal(logistic.probabilities(ours, evaluation), theirs.predict_proba(evaluation))


def test_a_converged_fit_is_the_minimum():
    """In float64 and by differences, without any of the code that was used to get there."""
    features, labels, _, _ = board(3, training=60, width=12)
    fitted = logistic.fit(features, labels)
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


@pytest.mark.parametrize("count", [1, 7, 8, 9, 60, 127, 128, 129, 300, 1000])
def test_sums_are_numpys(count):
    values = (np.random.default_rng(count).standard_normal(count) * 100).astype(np.float32)
    assert logistic.pairwise_sum(values) == np.sum(values)


def test_where_the_path_is_not_followed_scikit_learns_solver_runs(monkeypatch):
    monkeypatch.setattr(logistic, "fit", refuse)
    features, labels, _, _ = board(1)
    expected = voting.fit_logistic(features, labels, follows=False)
    np.testing.assert_array_equal(expected.weights, LogisticRegression().fit(features, labels).coef_)
