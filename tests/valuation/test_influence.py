"""Influence against retraining without each row, to the optimum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from dataperf_fast.valuation.influence import Influence


def problem(rows, width):
    generator = np.random.default_rng(rows)
    labels, truth = generator.integers(0, 2, rows), generator.integers(0, 2, 80)
    shift = np.zeros(width)
    shift[0] = 1.5
    features = generator.standard_normal((rows, width)) + labels[:, None] * shift
    evaluation = generator.standard_normal((80, width)) + truth[:, None] * shift
    labels[:10] ^= 1
    return features, labels, evaluation, truth


@pytest.mark.parametrize(("rows", "width"), [(120, 5), (60, 200)])
def test_orders_rows_as_retraining_without_them_does(rows, width):
    features, labels, evaluation, truth = problem(rows, width)

    def loss(kept):
        model = LogisticRegression(tol=1e-10, max_iter=10_000).fit(features[kept], labels[kept])
        return log_loss(truth, model.predict_proba(evaluation))

    every = np.arange(rows)
    risen = np.array([loss(np.delete(every, row)) for row in range(rows)]) - loss(every)
    found = Influence().fit(features, labels, evaluation, truth)
    assert spearmanr(found.values_, risen).statistic > 0.95
    if rows > 10 * width:  # the sizes agree too where no row alone bends the Hessian
        assert 0.7 < np.polyfit(risen, found.values_, 1)[0] < 1.1


def test_three_labels_are_refused():
    features, labels, evaluation, truth = problem(60, 5)
    labels[0] = 2
    with pytest.raises(ValueError, match="two labels"):
        Influence().fit(features, labels, evaluation, truth)
