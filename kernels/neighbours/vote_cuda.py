"""The vote of ``vote.py`` on a GPU: products by its array library, and a thread an evaluation row.

Distances are of the fast tier, here as there: what their rounding leaves open is uncertain, and settled on the CPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from dataperf_fast.kernels.launch import gpu_kernel, launch, on_host
from dataperf_fast.kernels.neighbours.vote import rounding, vote_row

MOST = 16  # neighbours and classes: a thread's own arrays
_THREADS = 128
_BYTES = 16  # of the device's memory for a product, and what making it takes


def vote(
    features: Any, labels: np.ndarray, classes: int, evaluation: Any, neighbours: int, memory: int, xp: Any
) -> tuple[np.ndarray, np.ndarray]:
    """As ``vote.vote``, of ``features (n, d)`` and ``evaluation (m, d)`` float64 on the device; ``xp`` is CuPy.

    At most ``MOST`` classes and neighbours.
    """
    answers, certain = np.empty(len(evaluation), np.int64), np.empty(len(evaluation), np.bool_)
    squares, labels_on_device = xp.einsum("ij,ij->i", features, features), xp.asarray(labels.astype(np.int64))
    own = xp.einsum("ij,ij->i", evaluation, evaluation)
    unsure = rounding(features.shape[1]) * (own + squares.max())
    at_once = max(1, memory // _BYTES // len(features))
    for start in range(0, len(evaluation), at_once):
        tile = slice(start, start + at_once)
        products = features @ evaluation[tile].T
        found = xp.empty((2, products.shape[1]), np.int64)
        blocks = -(-products.shape[1] // _THREADS)
        launch(
            vote_rows, blocks, _THREADS, products, squares, unsure[tile], labels_on_device, classes, neighbours, found
        )
        answers[tile], certain[tile] = on_host(found)
    return answers, certain


@gpu_kernel
def vote_rows(products, squares, unsure, labels, classes, neighbours, found):
    """Set ``found (2, m)``: each row's answer, and 1 where it is certain; ``products (n, m)``."""
    row = cuda.grid(1)
    if row >= products.shape[1]:
        return
    nearest = cuda.local.array(MOST, np.float64)
    inside, edge = cuda.local.array(MOST, np.int64), cuda.local.array(MOST, np.int64)
    answer, certain = vote_row(
        products[:, row], squares, unsure[row], labels, nearest[:neighbours], inside[:classes], edge[:classes]
    )
    found[0, row] = answer
    found[1, row] = certain
