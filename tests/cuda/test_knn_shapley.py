"""The same bytes as the CPU's values, with NumPy in CuPy's place; on a GPU with CuPy itself."""

from __future__ import annotations

import numpy as np
import pytest

from dataperf_fast.kernels.neighbours import shapley, shapley_cuda
from tests.cuda.conftest import SIMULATED

pytestmark = pytest.mark.usefixtures("device")


def problem(rows, evaluation, tied):
    generator = np.random.default_rng(rows)
    features, queries = generator.standard_normal((rows, 5)), generator.standard_normal((evaluation, 5))
    if tied:
        features, queries = np.round(features), np.round(queries)
    labels, truth = generator.integers(0, 3, rows), generator.integers(0, 3, evaluation)
    return features.astype(np.float32), labels, queries.astype(np.float32), truth


@pytest.mark.parametrize(("rows", "neighbours"), [(1, 1), (2, 5), (23, 1), (23, 6)])
@pytest.mark.parametrize("tied", [False, True])
def test_values_are_the_cpus(rows, neighbours, tied, monkeypatch):
    monkeypatch.setattr(shapley_cuda, "_THREADS", 4 if SIMULATED else 128)
    xp = np if SIMULATED else pytest.importorskip("cupy")
    data = problem(rows, 70, tied)  # a tile of 64 and one of 6
    told = []
    expected = shapley.values(*data, neighbours)
    for memory in (1, 10**9):  # a tile at a time, and both
        found = shapley_cuda.values(*data, neighbours, memory, xp, told.append)
        assert found.tobytes() == expected.tobytes()
    assert told == [64, 6, 70]
    assert rows < 23 or np.ptp(expected) > 0.001


def test_close_distances_are_settled_where_labels_differ(monkeypatch):
    """Rows as far from the query as they can be told apart, nearer ones last, sorted by a product that cannot tell."""
    monkeypatch.setattr(shapley_cuda, "_THREADS", 4 if SIMULATED else 128)
    xp = np if SIMULATED else pytest.importorskip("cupy")
    features = np.full((6, 3), 1e4, np.float64)
    features[:, 0] += np.array([5, 4, 3, 2, 1, 0]) * 1e-11
    labels, queries, truth = np.array([0, 1, 0, 1, 0, 1]), np.zeros((1, 3)), np.array([1])
    found = shapley_cuda.values(features, labels, queries, truth, 1, 10**9, xp)
    assert found.tobytes() == shapley.values(features, labels, queries, truth, 1).tobytes()
    assert found.argmax() == 5
