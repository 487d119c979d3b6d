"""Products with the linear net's features, and the vectors' housekeeping: rows of float32 or float64, any vector."""

from __future__ import annotations

from dataperf_fast.kernels.arithmetic.lanes import multiply_add
from dataperf_fast.kernels.arithmetic.wide_lanes import BYTES, dot, load, spread, store, two_dots
from dataperf_fast.kernels.compiled import inner


@inner
def clear(vector):
    """Set a vector to zero."""
    for k in range(vector.shape[0]):
        vector[k] = 0


@inner
def copy(source, target):
    """Copy a vector into another of its length."""
    for k in range(source.shape[0]):
        target[k] = source[k]


@inner
def scale(vector, factor):
    """Multiply a vector by a number."""
    for k in range(vector.shape[0]):
        vector[k] *= factor


@inner
def logits(features, u, c, out):
    """Set ``out (n,)`` to ``features (n, d) u + c``, summed in u's dtype."""
    rows = features.shape[0]
    for i in range(0, rows - 1, 2):
        first, second = two_dots(features[i], features[i + 1], u)
        out[i] = first + c
        out[i + 1] = second + c
    if rows % 2:
        out[rows - 1] = dot(features[rows - 1], u) + c


# Four rows at a time: a quarter of the loads and stores of s.
@inner
def transposed_product(features, g, s):
    """Set ``s (d,)`` to ``features' g``, summed row after row in s's dtype; ``g (n,)`` is float64."""
    clear(s)
    whole = features.shape[0] // 4 * 4
    for i in range(0, whole, 4):
        row0, row1, row2, row3 = features[i], features[i + 1], features[i + 2], features[i + 3]
        g0, g1, g2, g3 = spread(g[i], s), spread(g[i + 1], s), spread(g[i + 2], s), spread(g[i + 3], s)
        for k in range(0, s.shape[0], BYTES // s.itemsize):
            sums = multiply_add(g0, load(row0, k, s), load(s, k, s))
            sums = multiply_add(g1, load(row1, k, s), sums)
            sums = multiply_add(g2, load(row2, k, s), sums)
            store(s, k, multiply_add(g3, load(row3, k, s), sums))
    for i in range(whole, features.shape[0]):
        factor = spread(g[i], s)
        for k in range(0, s.shape[0], BYTES // s.itemsize):
            store(s, k, multiply_add(factor, load(features[i], k, s), load(s, k, s)))
