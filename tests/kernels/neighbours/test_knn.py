"""Exact neighbours against brute force in whole numbers, where ties are ties."""

from __future__ import annotations

import numpy as np
import pytest

from dataperf_fast.kernels.neighbours import knn


def brute_force(features, queries, neighbours):
    """By exact rational distances, then by row."""
    scaled_rows, scaled_queries = (
        [[int(v * 2**20) for v in row] for row in part.tolist()] for part in (features, queries)
    )
    found = []
    for query in scaled_queries:
        distances = [sum((a - b) ** 2 for a, b in zip(row, query, strict=True)) for row in scaled_rows]
        found.append(sorted(range(len(distances)), key=lambda row: (distances[row], row))[:neighbours])
    return np.array(found)


def on_a_grid(generator, shape, step):
    """Multiples of 2^-20 that float32 holds, so that distances are whole numbers of 2^-40."""
    return (generator.integers(-(2**step), 2**step, shape) / 2.0**20).astype(np.float32)


@pytest.mark.parametrize("neighbours", [1, 3, 40])
@pytest.mark.parametrize("step", [1, 3, 18])
def test_the_exact_order_with_ties(neighbours, step):
    generator = np.random.default_rng(step)
    features, queries = on_a_grid(generator, (40, 6), step), on_a_grid(generator, (70, 6), step)
    expected = brute_force(features, queries, neighbours)
    np.testing.assert_array_equal(knn.nearest(features, queries, neighbours), expected)
    np.testing.assert_array_equal(knn.nearest(features, queries, neighbours, threads=3), expected)


def test_distances_that_the_product_cannot_tell_apart():
    """A small cluster far from the origin: every x.x + y.y - 2 x.y cancels to noise."""
    generator = np.random.default_rng(0)
    offset = np.float32(2.0**4)
    features = on_a_grid(generator, (30, 5), 3) + offset
    queries = on_a_grid(generator, (20, 5), 3) + offset
    rows = knn.prepare(features)
    squared, unsure = knn.distances(rows, queries.astype(np.float64))
    assert (np.diff(np.sort(squared, axis=1), axis=1) <= unsure[:, None]).any()
    np.testing.assert_array_equal(knn.nearest(features, queries, 30), brute_force(features, queries, 30))
