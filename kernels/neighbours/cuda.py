"""The nearest neighbours of ``knn.py`` on a GPU: distances and sorts there, near ties by the CPU's own code."""

from __future__ import annotations

from typing import Any

import numpy as np

from dataperf_fast.kernels.launch import on_host
from dataperf_fast.kernels.neighbours import knn

_BYTES = 40  # of device memory for each pair of rows: distances, sorted ones, order and what sorting takes


def nearest(features: np.ndarray, queries: np.ndarray, neighbours: int, memory: int, xp: Any) -> np.ndarray:
    """As ``knn.nearest``; ``xp`` is CuPy, and may take ``memory`` bytes of the device's."""
    wide = np.ascontiguousarray(features, np.float64)
    rows = knn.prepare(wide, xp)
    found = np.empty((len(queries), neighbours), np.int32)
    at_once = max(1, memory // _BYTES // len(features) // knn.TILE) * knn.TILE
    for start in range(0, len(queries), at_once):
        tile = np.ascontiguousarray(queries[start : start + at_once], np.float64)
        squared, unsure = knn.distances(rows, xp.asarray(tile))
        order = squared.argsort(axis=1)[:, : neighbours + 1]
        ranked = xp.take_along_axis(squared, order, axis=1)
        doubtful = (ranked[:, 1:] - ranked[:, :-1] <= unsure[:, None]).any(axis=1)
        found[start : start + at_once] = on_host(order[:, :neighbours])
        for query in np.flatnonzero(on_host(doubtful)):
            line, own = on_host(squared[query])[None].copy(), slice(start + query, start + query + 1)
            knn.pick(line, on_host(unsure[query : query + 1]), wide, tile[query : query + 1], found[own])
    return found
