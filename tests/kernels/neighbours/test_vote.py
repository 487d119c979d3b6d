"""The vote of the nearest rows against scikit-learn's classifier, and against brute force where rows tie."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from dataperf_fast.kernels.neighbours import vote

pytestmark = pytest.mark.parity


@pytest.mark.parametrize(
    ("rows", "width", "classes", "k"), [(9, 3, 2, 9), (40, 5, 2, 9), (300, 20, 4, 9), (700, 768, 3, 5)]
)
def test_same_answers_as_scikit_learn(oracle, rows, width, classes, k):
    generator = np.random.default_rng(rows)
    features, labels = generator.standard_normal((rows, width)), generator.integers(0, classes, rows)
    evaluation = generator.standard_normal((600, width))
    answers, certain = vote.vote(features, labels, classes, evaluation, k)
    assert certain.all()
    _, expected = oracle.fit(KNeighborsClassifier(n_neighbors=k), features, labels, predict=evaluation)
    np.testing.assert_array_equal(answers, expected)


def possible_winners(features, labels, classes, point, k):
    """Every winner that some choice among equally near rows gives; whole numbers, so distances are exact."""
    distances = ((features - point) ** 2).sum(axis=1)
    reach = np.sort(distances)[k - 1]
    inside, edge = np.flatnonzero(distances < reach), np.flatnonzero(distances == reach)
    votes = np.bincount(labels[inside], minlength=classes)
    choices = itertools.combinations(edge, k - len(inside))
    return {int(np.argmax(votes + np.bincount(labels[list(choice)], minlength=classes))) for choice in choices}


def test_ties_are_certain_just_where_every_choice_gives_the_same_vote():
    generator = np.random.default_rng(7)
    seen = {True: 0, False: 0}
    for _ in range(60):
        features = generator.integers(0, 3, (14, 2)).astype(np.float64)
        labels = generator.integers(0, 3, 14)
        evaluation = generator.integers(0, 3, (5, 2)).astype(np.float64)
        answers, certain = vote.vote(features, labels, 3, evaluation, 5)
        for answer, sure, point in zip(answers, certain, evaluation, strict=True):
            winners = possible_winners(features, labels, 3, point, 5)
            if sure:
                assert winners == {answer}
            else:
                assert len(winners) > 1
            seen[bool(sure)] += 1
    assert min(seen.values()) > 20
