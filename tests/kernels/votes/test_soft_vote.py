"""Coupling, the float32 vote, exponentials and F1 against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from dataperf_fast.kernels.scores.f1 import macro_f1
from dataperf_fast.kernels.svm import coupling, svc
from dataperf_fast.kernels.votes import soft_vote
from dataperf_fast.kernels.votes.exponential import exponentiate
from tests.problems import board

pytestmark = pytest.mark.parity

SEEDS = np.array([5, 69, 98])


def exponential(values):
    x = np.array(values, np.float32)
    exponents = np.empty(len(x), np.int32)
    exponentiate(x, exponents, exponents.view(np.float32))
    return x


def test_exponentials_are_within_two_units_in_the_last_place():
    x = np.linspace(-87, 88, 200_001).astype(np.float32)
    expected = np.exp(x.astype(np.float64))
    assert np.abs(exponential(x) / expected - 1).max() < 2 * 2.0**-23
    assert exponential([0.0])[0] == 1
    np.testing.assert_array_equal(exponential([-1e30, 1e30]), exponential([-87, 88]))


@pytest.mark.parametrize("classes", [2, 3, 6, 12])
def test_coupling_finds_the_probabilities_that_consistent_pairs_come_from(classes):
    """r_ij = p_i / (p_i + p_j) has its minimum at p; the early stop leaves an error of its size."""
    for seed in range(50):
        expected = np.random.default_rng(seed).dirichlet(np.full(classes, 3.0))
        with np.errstate(invalid="ignore"):
            r = expected[:, None] / (expected[:, None] + expected)
        p = np.empty(classes)
        coupling.multiclass_probability(r, p, np.empty_like(r), np.empty_like(p))
        assert p.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(p, expected, atol=0.02)


def test_coupling_stops_at_once_where_nothing_is_known():
    p = np.empty(4)
    assert coupling.multiclass_probability(np.full((4, 4), 0.5), p, np.empty((4, 4)), np.empty(4)) == coupling.STOP / 4
    np.testing.assert_array_equal(p, 0.25)


def voted(seed, shares_of, **options):
    """The float32 vote and the float64 one, with a logistic regression's logits as given."""
    features, labels, evaluation, _ = board(seed, evaluation=1000, **options)
    classes, positions = np.unique(labels, return_inverse=True)
    fit = svc.fit(features, positions, SEEDS)
    logits = shares_of(len(classes), evaluation).astype(np.float32)
    ordered = features[fit.order]
    answers = np.empty((len(SEEDS), len(evaluation)), np.uint8)
    doubts = np.empty(len(evaluation), np.uint8)
    as_float32 = (part.astype(np.float32) for part in (fit.coefficients, fit.rho, fit.a, fit.b))
    squares = (ordered.astype(np.float64) ** 2).sum(axis=1).astype(np.float32)
    voter = soft_vote.Voter(
        np.arange(len(labels)), squares, np.float32(1e-6), np.float32(fit.gamma), fit.starts, *as_float32
    )
    products, row_squares = ordered @ evaluation.T, (evaluation**2).sum(axis=1)
    for begin, end in ((0, 130), (130, 1000)):
        part = np.ascontiguousarray(logits[:, begin:end])
        soft_vote.vote(voter, products, row_squares, part, begin, end, answers, doubts)
    shares = np.exp(logits.astype(np.float64))
    shares /= shares.sum(axis=0)
    votes = svc.predict_proba(fit, features, evaluation) + shares.T
    return answers, doubts.astype(bool), votes


def random_logits(classes, evaluation):
    return np.random.default_rng(1).standard_normal((classes, len(evaluation)))


@pytest.mark.parametrize("skew", ["", "single", "missing", "duplicates"])
@pytest.mark.parametrize("training", [25, 60])
def test_answers_without_doubt_are_those_of_float64(training, skew):
    answers, doubts, votes = voted(7, random_logits, training=training, skew=skew)
    np.testing.assert_array_equal(answers[:, ~doubts], votes.argmax(axis=2)[:, ~doubts])
    assert len(np.unique(answers)) > 3
    assert doubts.mean() < 0.02


def test_close_votes_are_doubted():
    """The logits are set so that the first seed's two best classes tie to about 1e-7, or differ by 1e-2."""

    def logits_with_margin(margin):
        def logits(classes, evaluation):
            _, _, votes = voted(7, lambda classes, rows: np.zeros((classes, len(rows))))
            p = votes[0] - 1 / classes  # the first seed's probabilities
            second, first = np.argsort(p, axis=1)[:, -2:].T
            rows = np.arange(len(p))
            gap = p[rows, first] - p[rows, second] - margin
            shares = np.full(p.shape, 1 / classes)
            shares[rows, first] -= gap / 2
            shares[rows, second] += gap / 2
            kept = (shares > 0.001).all(axis=1)
            shares[~kept] = 1 / classes
            return np.log(shares).T

        return logits

    _, doubts, votes = voted(7, logits_with_margin(0.0))
    ordered = np.sort(votes[0], axis=1)
    tied = ordered[:, -1] - ordered[:, -2] < 2e-7
    assert tied.sum() > 500
    assert doubts[tied].all()
    _, doubts, _ = voted(7, logits_with_margin(1e-2))
    assert doubts.mean() < 0.2


@pytest.mark.parametrize("seed", range(30))
def test_macro_f1_equals_scikit_learns(seed):
    generator = np.random.default_rng(seed)
    classes = int(generator.integers(2, 8))
    truth = generator.integers(0, generator.integers(1, classes + 1), 40).astype(np.uint8)
    answers = generator.integers(0, classes, (4, 40)).astype(np.uint8)
    scored = generator.random(40) < 0.6
    scored[0] = True
    for ours, line in zip(macro_f1(answers, truth, classes), answers, strict=True):
        assert ours == f1_score(truth, line, average="macro")
    for ours, line in zip(macro_f1(answers, truth, classes, scored), answers, strict=True):
        assert ours == f1_score(truth[scored], line[scored], average="macro")
