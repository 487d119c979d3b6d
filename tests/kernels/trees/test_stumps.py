"""Boosted stumps against scikit-learn's, split by split and bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from dataperf_fast.kernels.trees import chance_splits, stumps

pytestmark = pytest.mark.parity


def problem(seed, rows, width, grid=None):
    generator = np.random.default_rng(seed)
    latent = generator.standard_normal((rows + 100, 6))
    features = latent @ generator.standard_normal((6, width)) + 0.5 * generator.standard_normal((rows + 100, width))
    if grid:
        features = np.round(features * grid) / grid
    labels = (latent[:, 0] + 0.8 * generator.standard_normal(rows + 100) > 0).astype(np.int64)
    labels[0], labels[1] = 0, 1
    features = features.astype(np.float32)
    return features[:rows], labels[:rows], features[rows:]


def fit(features, labels):
    """Ours, and how many stages were gone through as scikit-learn does."""
    gone_through = []

    def split(*problem):
        gone_through.append(problem)
        return whole(*problem)

    whole = chance_splits.split_as_scikit_learn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chance_splits, "split_as_scikit_learn", split)
        return stumps.fit(features, labels), gone_through


def check(oracle, features, labels, evaluation):
    ours, asked = fit(features, labels)
    theirs = GradientBoostingClassifier(n_estimators=100, learning_rate=1.0, max_depth=1, random_state=0)
    wide = features.astype(np.float64), labels
    theirs, decisions = oracle.fit(theirs, *wide, decision_function=evaluation.astype(np.float64))
    trees = [tree.tree_ for tree in theirs.estimators_.ravel()]
    split = [stage for stage, tree in enumerate(trees) if tree.node_count > 1]
    features, thresholds = ours.features.ravel(), ours.thresholds.ravel()
    np.testing.assert_array_equal(features[split], [trees[stage].feature[0] for stage in split])
    np.testing.assert_array_equal(thresholds[split], [trees[stage].threshold[0] for stage in split])
    assert all(np.isinf(thresholds[stage]) for stage in range(len(trees)) if stage not in split)
    found = stumps.decisions(ours, evaluation)
    if found.shape[1] == 1:
        np.testing.assert_array_equal(found[:, 0], decisions)
    else:  # the start is NumPy's log, whose last bit is the processor's
        np.testing.assert_allclose(found, decisions, rtol=0, atol=1e-13 * np.abs(decisions).max())
    return asked, len(trees) - len(split)


@pytest.mark.parametrize(("rows", "width"), [(2, 3), (3, 5), (10, 4), (60, 30), (240, 50), (700, 33)])
@pytest.mark.parametrize("seed", [0, 1])
def test_same_splits_and_decisions_and_nothing_left_to_chance(oracle, rows, width, seed):
    asked, _ = check(oracle, *problem(seed, rows, width))
    assert not asked


@pytest.mark.parametrize("grid", [1, 4, 64])
def test_equal_values_leave_some_splits_to_chance(oracle, grid):
    asked, _ = check(oracle, *problem(3, 150, 40, grid))
    assert len(asked) < 100
    if grid > 1:
        assert asked  # or this test would not test what it is for


def test_rows_drawn_twice_and_constant_features(oracle):
    features, labels, evaluation = problem(4, 120, 24)
    features[:, ::5] = 0.25
    rows = np.random.default_rng(5).choice(120, 300)
    asked, _ = check(oracle, features[rows], labels[rows], evaluation)
    assert not asked


def test_features_that_tie_exactly_go_by_the_order_of_looking(oracle):
    features, labels, evaluation = problem(6, 90, 9)
    doubled = np.concatenate([features, features, -features], axis=1)
    check(oracle, doubled, labels, np.concatenate([evaluation, evaluation, -evaluation], axis=1))


def test_a_single_leaf_where_nothing_is_left_to_split(oracle):
    labels = np.array([0, 1, 1, 0, 1])
    _, leaves = check(oracle, np.ones((5, 3), np.float32), labels, np.zeros((4, 3), np.float32))
    assert leaves == 100
    features = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)  # separable: the residuals vanish
    _, leaves = check(oracle, features, np.array([0, 0, 1, 1]), np.array([[0.5], [2.5]], np.float32))
    assert 0 < leaves < 100


@pytest.mark.parametrize("classes", [3, 5])
@pytest.mark.parametrize("grid", [None, 4])
def test_several_classes(oracle, classes, grid):
    features, _, evaluation = problem(8, 120, 14, grid)
    order = np.argsort(features[:, 0] + features[:, 1])
    labels = np.empty(120, np.int64)
    labels[order] = np.arange(120) * classes // 120
    check(oracle, features, labels, evaluation)


def test_a_split_is_the_best_by_brute_force():
    features, labels, _ = problem(7, 40, 6)
    first = stumps.fit(features, labels)
    residuals = labels - labels.mean()
    gains = {}
    for feature in range(6):
        values = np.unique(features[:, feature]).astype(np.float64)
        for threshold in (values[:-1] + values[1:]) / 2:
            left = features[:, feature] <= threshold
            gains[feature, threshold] = sum(residuals[side].sum() ** 2 / side.sum() for side in (left, ~left))
    assert gains[first.features[0, 0], first.thresholds[0, 0]] == pytest.approx(max(gains.values()), rel=1e-12)
