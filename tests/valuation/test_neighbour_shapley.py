"""The valuation interface, and what datascope takes an empty training set to be worth."""

from __future__ import annotations

import numpy as np
import pytest

from dataperf_fast.valuation import NeighbourShapley


def problem(rows=12):
    generator = np.random.default_rng(3)
    features, labels = generator.standard_normal((rows, 4)).astype(np.float32), np.resize(["cat", "dog"], rows)
    return features, labels, generator.standard_normal((5, 4)).astype(np.float32), np.array(["cat"] * 4 + ["dog"])


def datascope(train_X, train_y, val_X, val_y):
    """datascope 0.0.32's 1-nearest-neighbour values, as ``compute_all_importances`` has them."""
    rows = len(train_X)
    empty = val_y == min(np.unique(train_y), key=lambda label: (val_y == label).mean())
    values = np.zeros(rows)
    for query in range(len(val_X)):
        order = np.argsort(((train_X - val_X[query]) ** 2).sum(axis=1))
        worth = [*(train_y[order] == val_y[query]).astype(float), float(empty[query])]
        current = 0.0
        for i in range(rows - 1, -1, -1):
            current += (worth[i] - worth[i + 1]) / (i + 1)
            values[order[i]] += current
    return values / len(val_X)


def test_an_empty_training_set_guesses_as_in_datascope():
    data = problem()
    found = NeighbourShapley(1, empty_guesses=True).fit(*data)
    np.testing.assert_allclose(found.values_, datascope(*data), rtol=0, atol=1e-15)
    assert np.ptp(NeighbourShapley(1).fit(*data).values_ - found.values_) < 1e-15


def test_the_order_begins_with_the_least_valuable_and_then_the_first_row():
    features, labels, evaluation, truth = problem()
    features[6], labels[6] = features[2], labels[2]
    found = NeighbourShapley(12).fit(features, labels, evaluation, truth)
    assert (np.diff(found.values_[found.order_]) >= 0).all()
    assert sorted(found.order_.tolist()) == list(range(12))
    same = found.values_[found.order_[1:]] == found.values_[found.order_[:-1]]
    assert same.any()
    assert (np.diff(found.order_)[same] > 0).all()


def test_bad_input_is_named():
    features, labels, evaluation, truth = problem()
    with pytest.raises(ValueError, match=r"train_y \(11,\)"):
        NeighbourShapley().fit(features, labels[:-1], evaluation, truth)
    with pytest.raises(ValueError, match="train_X has 4 columns, val_X 3"):
        NeighbourShapley().fit(features, labels, evaluation[:, :3], truth)
    with pytest.raises(ValueError, match="val_X holds a value that is not finite"):
        NeighbourShapley().fit(features, labels, evaluation * np.float32(np.nan), truth)
