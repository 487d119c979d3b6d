"""Exact nearest neighbours: rows in order of (squared distance, row), however close two distances are.

Distances come from one matrix product a tile, ``x.x + y.y - 2 x.y`` in float64, whose rounding error has a bound. Where
two of them are closer than that bound allows to tell apart, both are computed again as ``sum (x - y)^2``; rows that are
equally far by that sum are ordered by their index. So the order is a property of the vectors: it depends on neither the
tile, the number of threads, nor the BLAS.

The product is float64 although the vectors are float32: the bound for float32 products, 3e-5 of the distance at 512
features, is many times the gap between neighbours in a pool of 5,000, and nearly every distance would be needed twice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dataperf_fast.kernels.compiled import kernel
from dataperf_fast.kernels.threads import run
from dataperf_fast.kernels.watched import watched

TILE = 64  # queries at a time: their products with 50,000 rows are 26 MB
_UNIT = 2.0**-53


class Rows(NamedTuple):
    """What is searched: features ``(n, d)`` and their squared lengths ``(n,)``, float64."""

    features: np.ndarray
    squares: np.ndarray


def prepare(features: np.ndarray, xp: Any = np) -> Rows:
    """Make ``features (n, d)`` ready to be searched, in the memory of ``xp``'s arrays."""
    widened = xp.ascontiguousarray(xp.asarray(features), np.float64)  # to a GPU in their own dtype
    return Rows(widened, xp.einsum("ij,ij->i", widened, widened))


def distances(rows: Rows, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances ``(q, n)`` of ``queries (q, d)`` float64, and how far apart two must be to be sure ``(q,)``."""
    own = np.einsum("ij,ij->i", queries, queries)
    squared = queries @ rows.features.T
    squared *= -2.0
    squared += rows.squares
    squared += own[:, None]
    # d products and a few sums, each rounded, in either of two distances, computed in either of two ways.
    return squared, 4 * (queries.shape[1] + 4) * _UNIT * (own + rows.squares.max())


@watched("nearest neighbours")
def nearest(features: np.ndarray, queries: np.ndarray, neighbours: int, threads: int = 1) -> np.ndarray:
    """The rows of ``features (n, d)`` nearest to each of ``queries (q, d)``, nearest first: ``(q, neighbours)`` int32.

    n is at least ``neighbours``; of equally near rows the first comes first.
    """
    rows = prepare(features)
    found = np.empty((len(queries), neighbours), np.int32)

    def search(start: int) -> None:
        tile = np.ascontiguousarray(queries[start : start + TILE], np.float64)
        squared, unsure = distances(rows, tile)
        pick(squared, unsure, rows.features, tile, found[start : start + TILE])

    run(threads, search, range(0, len(queries), TILE))
    return found


@kernel
def pick(squared, unsure, features, queries, found):
    """Set ``found (q, k)``, given what ``distances`` returns for ``queries (q, d)`` and ``features (n, d)``."""
    neighbours = found.shape[1]
    closest = np.empty(neighbours)
    different = np.arange(features.shape[0])
    for query in range(squared.shape[0]):
        row = squared[query]
        closest[:] = np.inf
        for i in range(row.shape[0]):
            if row[i] < closest[neighbours - 1]:
                at = neighbours - 1
                while at > 0 and closest[at - 1] > row[i]:
                    closest[at] = closest[at - 1]
                    at -= 1
                closest[at] = row[i]
        candidates = np.flatnonzero(row <= closest[neighbours - 1] + unsure[query])
        order = candidates[np.argsort(row[candidates], kind="mergesort")]
        settle(order, row, unsure[query], different, features, queries[query])
        found[query] = order[:neighbours]


@kernel
def settle(order, squared, unsure, kinds, features, query):
    """Put runs of rows whose distances are too close to tell apart into their exact order, in place.

    ``order`` sorts ``squared (n,)``. Runs of only one of ``kinds (n,)`` are left as they are.
    """
    start = 0
    for end in range(1, order.shape[0] + 1):
        if end < order.shape[0] and squared[order[end]] - squared[order[end - 1]] <= unsure:
            continue
        mixed = False
        for at in range(start + 1, end):
            mixed = mixed or kinds[order[at]] != kinds[order[start]]
        if mixed:
            run_of_rows = np.sort(order[start:end])
            exact = np.empty(end - start)
            for at in range(end - start):
                exact[at] = _squared_distance(features[run_of_rows[at]], query)
            order[start:end] = run_of_rows[np.argsort(exact, kind="mergesort")]
        start = end


@kernel
def _squared_distance(left, right):
    total = 0.0
    for k in range(left.shape[0]):
        difference = left[k] - right[k]
        total += difference * difference
    return total
