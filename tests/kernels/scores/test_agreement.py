"""Agreement against published examples, brute force, and raters whose errors are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dataperf_fast.kernels.scores import agreement

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): sections A, B and C, a row an observer.
BINARY = ["0100000010", "1110010000"]
NOMINAL = ["aabbdcccedda", "babbbccceddd"]
MISSING = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]


def triplets(rows):
    """Units, raters, values and their numbers of a printed table."""
    symbols = sorted(set("".join(rows)) - {"."})
    given = [
        (unit, rater, symbols.index(symbol))
        for rater, row in enumerate(rows)
        for unit, symbol in enumerate(row)
        if symbol != "."
    ]
    units, raters, values = np.array(given).T
    return units, raters, values, (len(rows[0]), len(rows), len(symbols))


@pytest.mark.parametrize(("rows", "alpha"), [(BINARY, 0.095), (NOMINAL, 0.692), (MISSING, 0.743)])
def test_alpha_of_published_examples(rows, alpha):
    units, _, values, (u, _, k) = triplets(rows)
    assert round(agreement.krippendorff_alpha(agreement.value_counts(units, values, (u, k))), 3) == alpha


@pytest.mark.parametrize("seed", range(5))
def test_alpha_is_one_minus_the_disagreement_of_pairs(seed):
    generator = np.random.default_rng(seed)
    table = generator.integers(-1, 3, (30, 5))  # -1: not rated
    units, raters = np.nonzero(table >= 0)
    counts = agreement.value_counts(units, table[units, raters], (30, 3))
    rated = [[value for value in row if value >= 0] for row in table]
    rated = [row for row in rated if len(row) > 1]
    observed = sum(sum(a != b for a, b in itertools.permutations(row, 2)) / (len(row) - 1) for row in rated)
    every = [value for row in rated for value in row]
    expected = sum(a != b for a, b in itertools.permutations(every, 2)) / (len(every) - 1)
    assert agreement.krippendorff_alpha(counts) == pytest.approx(1 - observed / expected, abs=1e-12)


def test_alpha_where_nothing_could_differ():
    assert np.isnan(agreement.krippendorff_alpha(np.array([[3, 0], [2, 0], [0, 1]])))
    assert np.isnan(agreement.krippendorff_alpha(np.zeros((0, 2), int)))


def dense(table, k, steps):
    """The same steps written with dense arrays; -1 is no rating."""
    given = (table[:, :, None] == np.arange(k)).astype(float)
    votes = given.sum(axis=1) + 1e-2
    classes = votes / votes.sum(axis=1, keepdims=True)
    for _ in range(steps):
        prior = classes.mean(axis=0)
        errors = np.einsum("uk,urv->rkv", classes, given) + 1e-2
        errors /= errors.sum(axis=2, keepdims=True)
        joint = prior * np.exp(np.einsum("urv,rkv->uk", given, np.log(errors)))
        classes = joint / joint.sum(axis=1, keepdims=True)
    return classes, errors, np.log(joint.sum(axis=1)).sum()


@pytest.mark.parametrize("steps", [1, 7])
def test_the_steps_are_those_of_dense_arrays(steps):
    generator = np.random.default_rng(3)
    table = generator.integers(-1, 3, (40, 6))
    units, raters = np.nonzero(table >= 0)
    model = agreement.dawid_skene(units, raters, table[units, raters], (40, 6, 3), most=steps)
    classes, errors, likelihood = dense(table, 3, steps)
    np.testing.assert_allclose(model.classes, classes, rtol=1e-9)
    np.testing.assert_allclose(model.errors, errors, rtol=1e-9)
    assert model.log_likelihood == pytest.approx(likelihood, rel=1e-12)
    assert model.steps == steps


def test_planted_errors_come_back_and_beat_the_majority():
    generator = np.random.default_rng(0)
    u, k = 4000, 3
    accuracy = np.array([0.95, 0.9, 0.6, 0.55, 0.5, 0.5, 0.45])  # two who know, five who mostly guess
    prior = np.array([0.5, 0.3, 0.2])
    truth = generator.choice(k, u, p=prior)
    errors = np.stack([np.full((k, k), (1 - a) / (k - 1)) + np.eye(k) * (a - (1 - a) / (k - 1)) for a in accuracy])
    errors[2] = [[0.6, 0.35, 0.05], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]]  # one who leans
    table = np.array([[generator.choice(k, p=errors[r, t]) for r in range(len(accuracy))] for t in truth])
    table[generator.random(table.shape) < 0.2] = -1
    units, raters = np.nonzero(table >= 0)
    values = table[units, raters]
    model = agreement.dawid_skene(units, raters, values, (u, len(accuracy), k))
    # A share of some 640 draws (rater, true value) has a standard error of at most 0.02.
    assert np.abs(model.errors - errors).max() < 0.06
    assert np.abs(model.prior - prior).max() < 0.03
    right = (model.classes.argmax(axis=1) == truth).mean()
    majority = (agreement.value_counts(units, values, (u, k)).argmax(axis=1) == truth).mean()
    assert right > majority + 0.05
    bayes = np.log(prior) + np.zeros((u, k))
    for unit, rater, value in zip(units, raters, values, strict=True):
        bayes[unit] += np.log(errors[rater, :, value])
    assert right > (bayes.argmax(axis=1) == truth).mean() - 0.01  # who knows every error cannot do much better


def test_a_unit_that_nobody_rated_has_the_prior():
    model = agreement.dawid_skene(np.array([0, 0, 2]), np.array([0, 1, 0]), np.array([1, 1, 0]), (3, 2, 2))
    np.testing.assert_allclose(model.classes[1], model.prior, atol=1e-6)
