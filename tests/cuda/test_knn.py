"""The same neighbours as on the CPU, ties and near ties too, with NumPy in CuPy's place; on a GPU with CuPy itself."""

from __future__ import annotations

import numpy as np
import pytest

from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Pool
from dataperf_fast.kernels.launch import array_library
from dataperf_fast.kernels.neighbours import cuda, knn
from dataperf_fast.models.neighbour_votes import NeighbourVotes

pytestmark = pytest.mark.usefixtures("device")


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("rows", [9, 200])
def test_neighbours_are_the_cpus(rows, tied):
    generator = np.random.default_rng(rows)
    features, queries = (generator.standard_normal((n, 4)).astype(np.float32) for n in (rows, 130))
    if tied:
        features, queries = np.round(features), np.round(queries)
        features[rows // 2 :] = features[: rows - rows // 2]  # every row twice
    expected = np.stack([
        np.lexsort((np.arange(rows), ((features.astype(float) - query.astype(float)) ** 2).sum(axis=1)))[:9]
        for query in queries
    ])  # fmt: skip
    for memory in (1, 10**9):
        found = cuda.nearest(features, queries, 9, memory, array_library())
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(knn.nearest(features, queries, 9), expected)


def test_counts_of_a_curve_are_the_cpus():
    generator = np.random.default_rng(1)
    features, evaluation = (generator.standard_normal((n, 6)).astype(np.float32) for n in (60, 40))
    pool = Pool(features, evaluation, (evaluation[:, 0] > 0).astype(np.uint8))
    labels = list(np.logical_xor(features[:, 0] > 0, generator.random((5, 60)) < 0.3).astype(np.uint8))
    outcomes = [
        NeighbourVotes().bind(pool, backend).train([pool.every_row] * 5, labels, np.zeros(5, np.int64), False)[0]
        for backend in (Backend("cpu", "test", 1, 10**9), Backend("cuda", "test", 1, 10**9, 2))
    ]
    assert outcomes[0].tobytes() == outcomes[1].tobytes()
    assert len(set(outcomes[0]["correct"].tolist())) > 1
