"""Every valuation and model on every kind of classes: equal to scikit-learn's fits from scratch, or refused.

``TABLE`` is the whole answer to which is which.
"""

from __future__ import annotations

from contextlib import nullcontext
from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.models.logistic_optimum import LogisticOptimum
from dataperf_fast.models.support_vectors import SupportVectors
from dataperf_fast.models.table import MODELS
from dataperf_fast.valuation import (
    ConfidentLearning,
    LeaveOneOut,
    LogisticInfluence,
    MonteCarloShapley,
    NeighbourShapley,
    NetInfluence,
)
from dataperf_fast.valuation.inputs import checked
from dataperf_fast.valuation.worth import Worth

from .classes import LABELS, plain_worth, problem, worth_of_neighbour

TWO = ("two", "bools", "two from 7", "two strings")
SEVERAL = ("three", "three from 7", "three strings", "ten")
ANY, EVERY = (*TWO, *SEVERAL), ("one", *TWO, *SEVERAL)
# What values sets of these classes; all others are refused.
TABLE = {
    "linear-net": ("one", *TWO),
    "logistic-optimum": ANY,
    "support-vectors": ANY,
    "neighbour-votes": EVERY,
    "logistic-regression": ANY,
    "nearest-neighbours": EVERY,
    "boosted-stumps": ANY,
    "boosted-trees": ANY,
    "NeighbourShapley": EVERY,
    "LogisticInfluence": TWO,
    "NetInfluence": TWO,
    "ConfidentLearning": ANY,
}
CASES = [(what, classes) for what in TABLE for classes in EVERY]


def engine():
    return Engine(backends.choose("cpu", 2))


def leave_one_out(name, data):
    every = range(len(data[0]))
    return [plain_worth(name, data, every) - plain_worth(name, data, set(every) - {row}) for row in every]


def shapley(name, data, permutations, seed):
    """Whole orders, one fit after the other."""
    generator, rows = np.random.default_rng(seed), len(data[0])
    values = np.zeros(rows)
    for _ in range(permutations):
        order = generator.permutation(rows)
        worths = [plain_worth(name, data, order[:length]) for length in range(rows + 1)]
        values[order] += np.diff(worths) / permutations
    return values


def enumerated(rows, worth):
    """Shapley values by their definition."""
    known = {subset: worth(subset) for size in range(rows + 1) for subset in combinations(range(rows), size)}
    values = np.zeros(rows)
    for subset, before in known.items():
        for row in set(range(rows)) - set(subset):
            gain = known[tuple(sorted((*subset, row)))] - before
            values[row] += gain / comb(rows - 1, len(subset)) / rows
    return values


def recursion(data):
    """One nearest neighbour's Shapley values by the theorem of Jia et al., row by row."""
    features, labels, evaluation, truth = data
    values = np.zeros(len(features))
    for query, label in zip(evaluation, truth, strict=True):
        order = ((features - query) ** 2).sum(axis=1).argsort()
        right = (labels[order] == label).astype(float)
        own = right[-1] / len(order)
        values[order[-1]] += own
        for place in range(len(order) - 1, 0, -1):
            own += (right[place - 1] - right[place]) / place
            values[order[place - 1]] += own
    return values / len(evaluation)


def influences(data):
    """The whole Hessian at scikit-learn's optimum, solved at once."""
    features, labels, evaluation, truth = data
    model = LogisticRegression(solver="newton-cholesky", tol=1e-12).fit(features, labels)
    own, other = (np.column_stack([rows, np.ones(len(rows))]) for rows in (features, evaluation))
    p, q = (expit(model.decision_function(rows)) for rows in (features, evaluation))
    second = model.classes_[1]
    hessian = own.T @ ((p * (1 - p))[:, None] * own) + np.diag([*np.ones(features.shape[1]), 0])
    return own @ np.linalg.solve(hessian, other.T @ (q - (truth == second)) / len(truth)) * (p - (labels == second))


def margins(data):
    """Confident learning's, two folds."""
    features, labels, *_ = data
    classes, positions = np.unique(labels, return_inverse=True)
    shares = np.empty((len(labels), len(classes)))
    for train, held_out in StratifiedKFold(2, shuffle=True, random_state=0).split(features, labels):
        shares[held_out] = LogisticRegression().fit(features[train], labels[train]).predict_proba(features[held_out])
    thresholds = [shares[positions == label, label].mean() for label in range(len(classes))]
    values = []
    for row, given in zip(shares, positions, strict=True):
        passed = [label for label in range(len(classes)) if row[label] >= thresholds[label]]
        suspect = bool(passed) and max(passed, key=lambda label: row[label]) != given
        values.append(row[given] - np.delete(row, given).max() - 2 * suspect)
    return values


@pytest.mark.parametrize(("what", "classes"), CASES)
def test_values_are_scikit_learns_or_refused(what, classes):
    if what == "boosted-trees":
        pytest.importorskip("xgboost")
    rows = max(8, len(LABELS[classes])) if what == "NeighbourShapley" else 24
    data = problem(LABELS[classes], rows)
    valuation = {
        "NeighbourShapley": NeighbourShapley,
        "LogisticInfluence": LogisticInfluence,
        "NetInfluence": NetInfluence,
        "ConfidentLearning": lambda: ConfidentLearning(n_splits=2),
    }.get(what, lambda: LeaveOneOut(MODELS[what](), engine()))()
    if classes not in TABLE[what]:
        with pytest.raises(ValueError, match="expected") as refused:
            valuation.fit(*data)
        assert "\n" not in str(refused.value)
        return
    if what in ("boosted-stumps", "boosted-trees"):  # seconds a fit
        sets = [np.arange(10), np.arange(3, 17)]
        found = Worth(MODELS[what](), engine(), checked(*data)).of(sets)
        assert found.tolist() == [plain_worth(what, data, of) for of in sets]
        return
    found = valuation.fit(*data).values_
    if what == "NetInfluence":  # checked on 0 and 1 by its matrix: here, that other names of two labels are these
        named = [(y == np.unique(data[1])[1]).astype(int) for y in (data[1], data[3])]
        expected = NetInfluence().fit(data[0], named[0], data[2], named[1]).values_
    elif what == "LogisticInfluence":
        expected = influences(data)
    elif what == "ConfidentLearning":
        expected = margins(data)
    elif what == "NeighbourShapley":
        expected = enumerated(rows, lambda subset: worth_of_neighbour(data, subset))
    else:
        expected = leave_one_out(what, data)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 if what.endswith("Influence") else 1e-12)
    assert classes == "one" or np.ptp(expected) > 0


@pytest.mark.parametrize("what", ["logistic-optimum", "support-vectors", "neighbour-votes", "logistic-regression"])
@pytest.mark.parametrize("classes", ["two strings", "three from 7", "ten"])
def test_orders_are_followed_as_by_scikit_learn(what, classes):
    data = problem(LABELS[classes], rows=16)
    valuation = MonteCarloShapley(MODELS[what](), engine(), n_permutations=3, tolerance=None, random_state=4)
    with pytest.warns(UserWarning, match="expected 9 rows") if what == "neighbour-votes" else nullcontext():
        found = valuation.fit(*data)
    np.testing.assert_allclose(found.values_, shapley(what, data, 3, 4), rtol=0, atol=1e-12)


@pytest.mark.parametrize("what", ["logistic-optimum", "support-vectors", "logistic-regression"])
def test_monte_carlo_is_around_the_enumeration_of_three_classes(what):
    data = problem(LABELS["three strings"], rows=7)
    exact = enumerated(7, lambda subset: plain_worth(what, data, subset))
    found = MonteCarloShapley(MODELS[what](), engine(), n_permutations=1000, tolerance=None).fit(*data)
    assert np.ptp(exact) > 0.02
    assert (np.abs(found.values_ - exact) <= 3.3 * found.standard_errors_).all()


@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_more_classes_than_a_byte_holds():
    """Once each label went into a byte, 0 and 256 were one class."""
    data = problem(LABELS["300"], rows=320)
    every = np.arange(320)
    sets = [every, np.delete(every, 256), every[:40], every[250:265]]
    for what in ("neighbour-votes", "nearest-neighbours", "logistic-regression"):
        found = Worth(MODELS[what](), engine(), checked(*data)).of(sets)
        np.testing.assert_allclose(found, [plain_worth(what, data, of) for of in sets], rtol=0, atol=1e-12)
    for what in ("support-vectors", "logistic-optimum"):  # a machine a pair of classes, a factorization a class
        found = Worth(MODELS[what](), engine(), checked(*data)).of(sets[2:])
        np.testing.assert_allclose(found, [plain_worth(what, data, of) for of in sets[2:]], rtol=0, atol=1e-12)
    for refused in (LogisticInfluence(), NetInfluence(), ConfidentLearning(), LeaveOneOut(MODELS["linear-net"]())):
        with pytest.raises(ValueError, match=r"300 classes.*expected"):
            refused.fit(*data)
    np.testing.assert_allclose(NeighbourShapley().fit(*data).values_, recursion(data), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "what", ["logistic-optimum", "support-vectors", "neighbour-votes", "logistic-regression", "linear-net"]
)
def test_labels_that_only_the_validation_set_has_are_never_answered(what):
    """Two classes are trained on, whose labels are the first and the last of four."""
    features, labels, evaluation, truth = problem(np.array(["a", "z"]))
    truth = truth.astype("<U1")
    truth[:15], truth[15:25] = "b", "c"
    found = LeaveOneOut(MODELS[what](), engine()).fit(features, labels, evaluation, truth).values_
    if what == "linear-net":  # whose plain loop knows two labels
        others = np.isin(truth, ("a", "z"))
        worths = Worth(MODELS[what](), engine(), checked(features, labels, evaluation, truth)).of([np.arange(24)])
        known = checked(features, labels, evaluation[others], truth[others])
        kept = Worth(MODELS[what](), engine(), known).of([np.arange(24)])
        assert worths[0] == pytest.approx(kept[0] * others.mean(), abs=0.01)
        return
    np.testing.assert_allclose(found, leave_one_out(what, (features, labels, evaluation, truth)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("what", ["logistic-optimum", "neighbour-votes"])
def test_a_validation_set_of_one_class(what):
    features, labels, evaluation, truth = problem(LABELS["three"])
    for only in (1.0, 5.0):  # one that is trained on, one that is not
        data = features, labels, evaluation, np.full(len(truth), only)
        with pytest.warns(UserWarning, match="no label of train_y") if only == 5.0 else nullcontext():
            found = LeaveOneOut(MODELS[what](), engine()).fit(*data).values_
        np.testing.assert_allclose(found, leave_one_out(what, data), rtol=0, atol=1e-12)
    features, labels, evaluation, truth = problem(LABELS["two from 7"])
    data = features, labels, evaluation, np.full(len(truth), 9)
    np.testing.assert_allclose(LogisticInfluence().fit(*data).values_, influences(data), rtol=0, atol=1e-7)


@pytest.mark.parametrize("model", [LogisticOptimum(), SupportVectors()], ids=lambda model: model.name)
def test_repeated_rows_of_different_classes(model):
    features, labels, evaluation, truth = problem(LABELS["three"])
    features[12:] = features[:12]
    data = features, labels, evaluation, truth
    found = LeaveOneOut(model, engine()).fit(*data).values_
    np.testing.assert_allclose(found, leave_one_out(model.name, data), rtol=0, atol=1e-12)
