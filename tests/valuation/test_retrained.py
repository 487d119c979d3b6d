"""Values from retrains against every subset, every order and one fit at a time with scikit-learn."""

from __future__ import annotations

from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import pytest
from sklearn import linear_model

from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.models.linear_net import LinearNet
from dataperf_fast.models.logistic_regression import LogisticRegression
from dataperf_fast.models.nearest_neighbours import NearestNeighbours
from dataperf_fast.valuation import LeaveOneOut, MonteCarloShapley
from dataperf_fast.valuation.inputs import checked
from dataperf_fast.valuation.worth import Worth


def problem(rows=8, seed=1):
    generator = np.random.default_rng(seed)
    labels, truth = np.arange(rows) % 2, generator.integers(0, 2, 50)
    features = generator.standard_normal((rows, 8)).astype(np.float32) + labels[:, None].astype(np.float32)
    evaluation = generator.standard_normal((50, 8)).astype(np.float32) + truth[:, None].astype(np.float32)
    labels[1] = 0  # a wrong one
    return features, labels, evaluation, truth


def plain_worth(features, labels, evaluation, truth, subset):
    """One scikit-learn fit of one subset."""
    given = labels[sorted(subset)]
    if len(np.unique(given)) < 2:
        return (truth == np.bincount(given if len(given) else truth).argmax()).mean()
    fitted = linear_model.LogisticRegression().fit(features[sorted(subset)].astype(np.float64), given)
    return fitted.score(evaluation.astype(np.float64), truth)


def exact_values(rows, worth):
    """Shapley values by their definition, from ``worth`` of every subset."""
    values = np.zeros(rows)
    for size in range(rows):
        for subset in combinations(range(rows), size):
            for row in set(range(rows)) - set(subset):
                values[row] += (worth[frozenset(subset) | {row}] - worth[frozenset(subset)]) / comb(rows - 1, size)
    return values / rows


def subsets(rows):
    return [subset for size in range(rows + 1) for subset in combinations(range(rows), size)]


def engine(threads=1):
    return Engine(backends.choose("cpu", threads))


def test_worths_are_those_of_one_fit_at_a_time():
    data = problem()
    worth = Worth(LogisticRegression(), engine(), checked(*data))
    found = worth.of([np.array(subset, int) for subset in subsets(6)])
    expected = [plain_worth(*data, subset) for subset in subsets(6)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("model", [LinearNet(), LogisticRegression()], ids=lambda model: model.name)
def test_monte_carlo_is_within_its_confidence_interval(model):
    data = problem()
    shared = engine(2)
    worths = Worth(model, shared, checked(*data)).of([np.array(subset, int) for subset in subsets(8)])
    exact = exact_values(8, {frozenset(s): w for s, w in zip(subsets(8), worths, strict=True)})
    found = MonteCarloShapley(model, shared, n_permutations=2000, tolerance=None, random_state=3).fit(*data)
    assert np.ptp(exact) > 0.02
    assert found.standard_errors_.max() < 0.005
    assert found.prefixes_ == 2000 * 8
    # Eight intervals of 3.3 standard errors: all hold in 99.2% of seeds.
    assert (np.abs(found.values_ - exact) <= 3.3 * found.standard_errors_).all()
    assert found.values_.sum() == pytest.approx(worths[-1] - worths[0], abs=1e-12)


@pytest.mark.parametrize("tolerance", [0.0, 0.05])
def test_truncation_follows_the_algorithm(tolerance):
    """Ghorbani and Zou's algorithm, order by order, with scikit-learn."""
    data = problem(12)
    found = MonteCarloShapley("lr", engine(), n_permutations=15, tolerance=tolerance, random_state=5).fit(*data)
    generator = np.random.default_rng(5)
    everything, values, looked_at = plain_worth(*data, range(12)), np.zeros(12), 0
    for _ in range(15):
        order, before = generator.permutation(12), plain_worth(*data, ())
        for length in range(1, 13):
            worth = plain_worth(*data, order[:length])
            looked_at += 1
            values[order[length - 1]] += (worth - before) / 15
            before = worth
            if abs(worth - everything) <= tolerance:
                break
    np.testing.assert_allclose(found.values_, values, rtol=0, atol=1e-14)
    assert found.prefixes_ == looked_at < 15 * 12


def test_leave_one_out_retrains_without_each_row():
    data = problem(20)
    found = LeaveOneOut(LogisticRegression(), engine()).fit(*data)
    everything = plain_worth(*data, range(20))
    expected = [everything - plain_worth(*data, set(range(20)) - {row}) for row in range(20)]
    np.testing.assert_allclose(found.values_, expected, rtol=0, atol=1e-15)
    assert np.ptp(expected) > 0


def test_too_few_rows_for_nine_neighbours_answer_their_most_frequent_label():
    features, labels, evaluation, truth = problem(10)
    worth = Worth(NearestNeighbours(), engine(), checked(features, labels, evaluation, truth))
    few = "^nearest-neighbours cannot be trained on 8 rows of 2 classes; expected 9 rows or more: such sets are"
    with pytest.warns(UserWarning, match=few):
        eight, nine = worth.of([np.arange(8), np.arange(9)])
    assert eight == (truth == 0).mean()  # five of eight are labelled 0
    nearest = ((evaluation[:, None].astype(float) - features[:9]) ** 2).sum(axis=2).argsort(axis=1)[:, :9]
    assert nine == (truth == (labels[nearest].mean(axis=1) > 0.5)).mean()
    worth.of([np.arange(7)])  # a warning is an error here: it is said once


def test_a_named_model_says_that_it_falls_back_and_of_one_class_or_no_row_says_nothing():
    features, labels, evaluation, truth = problem(9)
    with pytest.warns(UserWarning, match=r"^neighbour-votes cannot be trained on 8 rows of 2 classes; .*") as said:
        values = LeaveOneOut("knn", engine()).fit(features, labels, evaluation, truth).values_
    assert len(said) == 1
    assert Path(said[0].filename) == Path(__file__)
    majority = [(truth == np.bincount(np.delete(labels, row)).argmax()).mean() for row in range(9)]
    nearest = (labels.mean() > 0.5) == truth
    np.testing.assert_allclose(values, nearest.mean() - np.array(majority), atol=1e-15)
    found = MonteCarloShapley("lr", engine(), n_permutations=3, tolerance=None).fit(*problem(9))  # and says nothing
    share = max((truth == 0).mean(), (truth == 1).mean())
    everything = plain_worth(features, labels, evaluation, truth, range(9))
    assert found.values_.sum() == pytest.approx(everything - share, abs=1e-12)


def test_labels_that_no_training_row_has_make_every_answer_wrong():
    features, labels, evaluation, truth = problem(9)
    with pytest.warns(UserWarning, match=r"^val_y holds no label of train_y: no answer is right, whatever is trained"):
        values = LeaveOneOut("lr", engine()).fit(features, labels, evaluation, truth + 5).values_
    assert not values.any()
