"""Confident learning against its definition, row by row, and on labels that were spoilt on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from dataperf_fast.valuation import ConfidentLearning


def problem():
    generator = np.random.default_rng(2)
    true = np.resize([0, 1, 2], 150)
    features = generator.standard_normal((150, 6)) + 5.0 * np.eye(6)[true]
    given = true.copy()
    given[:30] = (given[:30] + 1) % 3
    return features, given, true


def test_margins_and_the_confident_joint_by_hand():
    features, given, _ = problem()
    found = ConfidentLearning(n_splits=4, random_state=7).fit(features, given, features[:1], given[:1])
    probabilities = np.empty((150, 3))
    for train, held_out in StratifiedKFold(4, shuffle=True, random_state=7).split(features, given):
        probabilities[held_out] = (
            LogisticRegression().fit(features[train], given[train]).predict_proba(features[held_out])
        )
    thresholds = [np.mean([probabilities[i, given[i]] for i in range(150) if given[i] == label]) for label in range(3)]
    suspects = 0
    for i in range(150):
        passed = [label for label in range(3) if probabilities[i, label] >= thresholds[label]]
        suspect = bool(passed) and max(passed, key=lambda label: probabilities[i, label]) != given[i]
        others = max(probabilities[i, label] for label in range(3) if label != given[i])
        assert found.suspect_[i] == suspect
        assert found.values_[i] == pytest.approx(probabilities[i, given[i]] - others - 2 * suspect, abs=1e-12)
        suspects += suspect
    assert 20 < suspects < 40


def test_spoilt_labels_come_first():
    features, given, true = problem()
    order = ConfidentLearning().fit(features, given, features[:1], given[:1]).order_
    assert (given != true)[order[:30]].mean() > 0.9


def test_one_label_is_refused():
    features, _, _ = problem()
    with pytest.raises(ValueError, match="expected two labels"):
        ConfidentLearning().fit(features, np.zeros(150), features[:1], np.zeros(1))
