"""Average precision against scikit-learn's, with ties and without positives."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from dataperf_fast.kernels.scores.average_precision import average_precision

pytestmark = pytest.mark.parity


def test_same_as_scikit_learn():
    generator = np.random.default_rng(8)
    for number in range(200):
        rows = int(generator.integers(1, 60))
        scores = generator.integers(0, 8, rows) / 4 if number % 2 else generator.standard_normal(rows)
        positive = generator.random(rows) < generator.random()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = average_precision_score(positive, scores)
        assert average_precision(scores, positive) == expected


def test_by_hand():
    assert average_precision(np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, False])) == (1 + 2 / 3) / 2
    assert average_precision(np.array([1.0, 1.0]), np.array([True, False])) == 0.5
    assert average_precision(np.array([1.0]), np.array([False])) == 0.0
