"""The values of ``shapley.py`` on a GPU, to the last bit.

Products and sorts are the array library's, many evaluation rows at a time. What they round otherwise than the CPU is
settled as there: where a right and a wrong label are too close to tell apart, that evaluation row's order is put right
by ``knn.settle`` itself, on the CPU. A thread then goes one evaluation row's order inwards, and another adds a training
row's values up in the CPU's order of sums: tiles of 64 evaluation rows apart, and then the tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cuda

from dataperf_fast.kernels.launch import gpu_kernel, launch, on_host
from dataperf_fast.kernels.neighbours import knn
from dataperf_fast.kernels.neighbours.shapley import rise, weights_of

_THREADS = 128
_BYTES = 72  # of device memory for each pair of rows at the peak: argsort's copies, and the last block's values


def values(
    features: np.ndarray,
    labels: np.ndarray,
    evaluation: np.ndarray,
    evaluation_labels: np.ndarray,
    neighbours: int,
    memory: int,
    xp: Any,
    done: Callable[[int], None] | None = None,
) -> np.ndarray:
    """As ``shapley.values``; ``xp`` is CuPy, and may take ``memory`` bytes of the device's."""
    rows = knn.prepare(features, xp)
    labels, evaluation_labels = labels.astype(np.int64), evaluation_labels.astype(np.int64)
    weights, farthest = weights_of(len(features), neighbours)
    weights_on_device, labels_on_device = xp.asarray(weights), xp.asarray(labels)
    total, features = xp.zeros(len(features)), np.ascontiguousarray(features)
    at_once = max(1, memory // _BYTES // len(features) // knn.TILE) * knn.TILE
    blocks = -(-len(features) // _THREADS)
    for first in range(0, len(evaluation), at_once):
        queries = np.ascontiguousarray(evaluation[first : first + at_once], np.float64)
        truth = evaluation_labels[first : first + at_once]
        order = _settled(rows, queries, labels, truth, features, xp)
        worths = xp.empty((len(features), len(queries)))
        launch(
            _value, -(-len(queries) // _THREADS), _THREADS, xp.ascontiguousarray(order.T), labels_on_device,
            xp.asarray(truth), weights_on_device, farthest, worths,
        )  # fmt: skip
        launch(_add, blocks, _THREADS, worths, total)
        if done is not None:
            done(len(queries))
    return on_host(total) / len(evaluation)


def _settled(
    rows: knn.Rows, queries: np.ndarray, labels: np.ndarray, truth: np.ndarray, features: np.ndarray, xp: Any
) -> Any:
    """The order ``(q, n)`` int64 of the rows by distance, exact wherever a right label stands beside a wrong one."""
    squared, unsure = knn.distances(rows, xp.asarray(queries))
    order = squared.argsort(axis=1)
    ranked = xp.take_along_axis(squared, order, axis=1)
    right = (xp.asarray(labels) == xp.asarray(truth)[:, None])[xp.arange(len(queries))[:, None], order]
    doubtful = ((ranked[:, 1:] - ranked[:, :-1] <= unsure[:, None]) & (right[:, 1:] != right[:, :-1])).any(axis=1)
    for query in np.flatnonzero(on_host(doubtful)):
        mended, distances = on_host(order[query]).copy(), on_host(squared[query]).copy()
        # float32 rows are widened one by one, which is exact.
        knn.settle(mended, distances, float(unsure[query]), labels == truth[query], features, queries[query])
        order[query] = xp.asarray(mended)
    return order


@gpu_kernel
def _value(order, labels, truth, weights, farthest, worths):
    """Set ``worths (n, q)``, row by row what it adds for each evaluation row; ``order (n, q)``, nearest first."""
    query = cuda.grid(1)
    if query >= truth.shape[0]:
        return
    row = order[order.shape[0] - 1, query]
    last = labels[row] == truth[query]
    worth = farthest if last else 0.0
    worths[row, query] = worth
    for i in range(order.shape[0] - 2, -1, -1):
        row = order[i, query]
        here = labels[row] == truth[query]
        worth += rise(here, last, weights[i])
        last = here
        worths[row, query] = worth


@gpu_kernel
def _add(worths, total):
    """Add to ``total (n,)`` the rows of ``worths (n, q)``, tile by tile."""
    row = cuda.grid(1)
    if row >= total.shape[0]:
        return
    for start in range(0, worths.shape[1], knn.TILE):
        part = 0.0
        for query in range(start, min(start + knn.TILE, worths.shape[1])):
            part += worths[row, query]
        total[row] += part
