from __future__ import annotations

import numpy as np
import pytest

from dataperf_fast.kernels.neighbours import kept_votes, knn

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("neighbours", [1, 2, 4, 9])
def test_votes_are_counted_afresh_for_every_state(neighbours):
    """Brute force: sort by (distance, row), count, of equal votes the lower label."""
    generator = np.random.default_rng(neighbours)
    features = generator.integers(0, 3, (40, 4)).astype(np.float32)  # many rows are equally near
    queries = generator.integers(0, 3, (60, 4)).astype(np.float32)
    truth = generator.random(60) < 0.5
    labels = generator.integers(0, 2, (30, 40)).astype(np.uint8)
    for state in range(1, 25):  # one label changes, or none, or, at the end, many
        labels[state] = labels[state - 1]
        labels[state, generator.integers(0, 40)] ^= state % 5 > 0
    table = knn.nearest(features, queries, neighbours)
    counts = np.empty(30, np.int64)
    kept_votes.correct(table, *kept_votes.voters(table, 40), labels, truth, counts)
    squared = ((queries[:, None].astype(float) - features) ** 2).sum(axis=2)
    nearest = squared.argsort(axis=1, kind="stable")[:, :neighbours]
    for state in range(30):
        votes = labels[state][nearest].sum(axis=1)
        assert counts[state] == ((votes > neighbours - votes) == truth).sum()
    assert len(set(counts.tolist())) > 5
