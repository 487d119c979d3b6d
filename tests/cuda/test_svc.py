from __future__ import annotations

import numpy as np
import pytest

from dataperf_fast.kernels.svm import cuda, svc
from tests.problems import board, small_problem

pytestmark = pytest.mark.usefixtures("device")


def equal(ours, theirs):
    for name in svc.Svc._fields:
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


@pytest.mark.parametrize("part", range(4))
def test_random_problems_have_the_cpus_bits(part):
    """Two to six classes, tied rows, classes too small for every fold: whatever ``small_problem`` draws."""
    generator = np.random.default_rng([23, part])
    seen = 0
    for _ in range(12):
        features, labels, seed, _ = small_problem(generator)
        problem = svc.prepare(features, labels, np.array([seed]))
        if cuda.covers(problem):
            seen += 1
            equal(*cuda.fit([problem]), svc.fit(features, labels, np.array([seed])))
    assert seen > 6


def test_fits_of_several_sizes_and_seeds_are_solved_together():
    seeds = np.array([5, 69])
    given = []
    for training in (25, 40):
        features, labels, _, _ = board(3, training=training, evaluation=1, width=20)
        given.append((features, np.unique(labels, return_inverse=True)[1]))
    problems = [svc.prepare(*of, seeds) for of in given]
    for ours, of in zip(cuda.fit(problems), given, strict=True):
        equal(ours, svc.fit(*of, seeds))
        assert ours.iterations.sum() > 15


def test_what_is_too_large_is_said():
    features = np.random.default_rng(0).standard_normal((cuda.LARGEST + 1, 3)).astype(np.float32)
    labels = np.arange(len(features)) % 2
    assert not cuda.covers(svc.prepare(features, labels, np.array([0])))
    assert cuda.covers(svc.prepare(features[1:], labels[1:], np.array([0])))
