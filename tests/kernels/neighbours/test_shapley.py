"""Neighbour Shapley values against the definition: every subset, every order."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest

from dataperf_fast.kernels.neighbours import shapley


def votes(subset, order, right, neighbours):
    """What a set of rows is worth to one evaluation row: the share of right votes among its nearest."""
    nearest = [row for row in order if row in subset][:neighbours]
    return sum(right[row] for row in nearest) / neighbours


def enumerate_subsets(features, labels, evaluation, truth, neighbours):
    """The Shapley value by its definition."""
    rows = len(features)
    values = np.zeros(rows)
    for query, label in zip(evaluation, truth, strict=True):
        distances = ((features.astype(np.float64) - query) ** 2).sum(axis=1)
        order = sorted(range(rows), key=lambda row: (distances[row], row))
        right = labels == label
        worth = {
            frozenset(subset): votes(set(subset), order, right, neighbours)
            for size in range(rows + 1)
            for subset in combinations(range(rows), size)
        }
        for subset, value in worth.items():
            for row in set(range(rows)) - subset:
                values[row] += (worth[subset | {row}] - value) / (rows * comb(rows - 1, len(subset)))
    return values / len(evaluation)


@pytest.mark.parametrize("rows", [1, 2, 5, 8])
def test_equals_enumeration_for_every_k_with_ties(rows):
    generator = np.random.default_rng(rows)
    features = generator.integers(0, 2, (rows, 2)).astype(np.float32)  # so few places that most rows tie
    labels = generator.integers(0, 3, rows)
    evaluation, truth = generator.integers(0, 2, (3, 2)).astype(np.float32), np.array([0, 1, 2])
    for neighbours in range(1, rows + 2):
        found = shapley.values(features, labels, evaluation, truth, neighbours)
        expected = enumerate_subsets(features, labels, evaluation, truth, neighbours)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_equals_enumeration_at_ten_rows():
    generator = np.random.default_rng(10)
    features = generator.integers(0, 2, (10, 3)).astype(np.float32)
    labels, evaluation = generator.integers(0, 2, 10), generator.integers(0, 2, (1, 3)).astype(np.float32)
    for neighbours in range(1, 11):
        found = shapley.values(features, labels, evaluation, np.array([1]), neighbours)
        expected = enumerate_subsets(features, labels, evaluation, np.array([1]), neighbours)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def recursion(features, labels, evaluation, truth, neighbours):
    """Jia et al.'s recursion, one row after the other, on plain float64 distances."""
    rows, total = len(features), np.zeros(len(features))
    for query, label in zip(evaluation, truth, strict=True):
        distances = ((features.astype(np.float64) - query) ** 2).sum(axis=1)
        order = np.lexsort((np.arange(rows), distances))
        right = (labels[order] == label).astype(float)
        value = right[-1] * min(neighbours, rows) / (neighbours * rows)
        total[order[-1]] += value
        for i in range(rows - 1, 0, -1):
            value += (right[i - 1] - right[i]) / neighbours * min(neighbours, i) / i
            total[order[i - 1]] += value
    return total / len(evaluation)


@pytest.mark.parametrize("neighbours", [1, 7, 400])
def test_equals_the_recursion_on_more_rows_and_any_number_of_threads(neighbours):
    generator = np.random.default_rng(neighbours)
    features = generator.standard_normal((300, 20)).astype(np.float32)
    features[150:200] = features[:50]  # the same vectors under other labels
    labels, truth = generator.integers(0, 4, 300), generator.integers(0, 4, 200)
    evaluation = generator.standard_normal((200, 20)).astype(np.float32)
    finished = []
    found = shapley.values(features, labels, evaluation, truth, neighbours, 1, finished.append)
    np.testing.assert_allclose(found, recursion(features, labels, evaluation, truth, neighbours), rtol=0, atol=1e-15)
    assert sum(finished) == 200
    for threads in (2, 3):
        assert shapley.values(features, labels, evaluation, truth, neighbours, threads).tobytes() == found.tobytes()
    # What all rows are worth together: the share of right votes.
    distances = ((evaluation[:, None].astype(np.float64) - features) ** 2).sum(axis=2)
    order = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
    assert found.sum() == pytest.approx((labels[order] == truth[:, None]).sum(axis=1).mean() / neighbours, abs=1e-12)
