"""The debugging board's optima on a GPU, against the CPU's: all label states from nothing, any path."""

from __future__ import annotations

import numpy as np
import pytest

from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Pool
from dataperf_fast.kernels.launch import array_library
from dataperf_fast.kernels.logistic import dual, dual_cuda
from dataperf_fast.kernels.svm import optimum_cuda, smo
from dataperf_fast.models.logistic_optimum import LogisticOptimum
from dataperf_fast.models.support_vectors import SupportVectors
from tests.cuda.conftest import SIMULATED

STATES, ROWS = 4, 40


def states(rows: int, width: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng([rows, width])
    features = generator.standard_normal((rows, width))
    labels = (features[:, 0] + generator.standard_normal((count, rows)) > 0).astype(np.uint8)
    labels[:, :2] = 0, 1
    return features, labels


@pytest.mark.parametrize(("rows", "width"), [(2, 3), (30, 4), (120, 40), (60, 200)])
def test_logistic_regression(device, rows, width):
    features, labels = states(rows, width, 5)
    gram, signs, xp = features @ features.T, np.where(labels == 1, 1.0, -1.0), array_library()
    weights, intercepts, error = dual_cuda.solve(xp.asarray(gram), signs, xp)
    assert (error <= 1e-9).all()
    for state in range(len(signs)):
        solution = dual.start(signs[state])
        dual.solve(gram, signs[state], solution)
        np.testing.assert_allclose(weights[state], solution[:-1], atol=1e-9)
        assert intercepts[state] == pytest.approx(solution[-1], abs=1e-8)


@pytest.mark.skipif(SIMULATED, reason="a thousand steps of 256 Python threads")
@pytest.mark.parametrize("width", [3, 30])
def test_support_vectors(device, width):
    features, labels = states(ROWS, width, STATES)
    squared = ((features[:, None] - features[None]) ** 2).sum(axis=2)
    gram, signs, xp = np.exp(-squared / width), np.where(labels == 1, 1.0, -1.0), array_library()
    alpha, rho, solved = optimum_cuda.solve(xp.asarray(gram), xp.asarray(signs), 1e-10, xp)
    assert solved.all()
    for state, y in enumerate(signs.astype(np.int64)):
        expected = np.zeros(ROWS)
        its_rho, _ = smo.improve(y[:, None] * y * gram, y, expected, 1e-10, smo.new_room(ROWS))
        decisions = gram @ (expected * y) - its_rho
        np.testing.assert_allclose(gram @ (alpha[state] * y) - rho[state], decisions, atol=1e-8)


@pytest.mark.skipif(SIMULATED, reason="a thousand steps of 256 Python threads")
@pytest.mark.parametrize("model", [LogisticOptimum(), SupportVectors()], ids=lambda model: model.name)
def test_a_board_of_two_and_of_three_classes(device, model):
    """Three classes, and what is to be exact, are the CPU's."""
    features, labels = states(60, 5, 6)
    pool = Pool(features[:30].astype(np.float32), features[30:].astype(np.float32), labels[0, 30:])
    rows = [pool.every_row, pool.every_row, pool.every_row[:20], pool.every_row]
    given = [labels[1, :30], labels[2, :30], labels[3, :20], (np.arange(30) % 3).astype(np.uint8)]
    for exact in (False, True):
        found = []
        for name in ("cpu", "cuda"):
            trainer = model.bind(pool, Backend(name, "asked for", 1, 10**8, 2 * (name == "cuda")))
            found.append(trainer.train(rows, given, np.zeros(4, np.int64), exact))
        assert found[0][0].tobytes() == found[1][0].tobytes()


def test_too_many_rows_are_left_to_the_cpu():
    labels = np.resize(np.array([0, 1], np.uint8), (1, optimum_cuda.LARGEST + 1))
    shared = SupportVectors().share(Pool(np.ones((2, 3)), np.ones((2, 3)), labels[0, :2]), np.arange(2), False)
    assert not SupportVectors().fit_on_device(shared, labels, np)[1].any()
