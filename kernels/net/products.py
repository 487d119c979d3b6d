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


@inner
def add_four_rows(rows, g, s):
    """Add ``rows' g`` to ``s (d,)``, one row after the other in s's dtype; ``rows (4, d)``, ``g (4,)`` float64."""
    row0, row1, row2, row3 = rows[0], rows[1], rows[2], rows[3]
    g0, g1, g2, g3 = spread(g[0], s), spread(g[1], s), spread(g[2], s), spread(g[3], s)
    for k in range(0, s.shape[0], BYTES // s.itemsize):
        sums = multiply_add(g0, load(row0, k, s), load(s, k, s))
        sums = multiply_add(g1, load(row1, k, s), sums)
        sums = multiply_add(g2, load(row2, k, s), sums)
        store(s, k, multiply_add(g3, load(row3, k, s), sums))


@inner
def add_row(row, factor, s):
    """Add ``factor row`` to ``s (d,)``, in s's dtype."""
    factors = spread(factor, s)
    for k in range(0, s.shape[0], BYTES // s.itemsize):
        store(s, k, multiply_add(factors, load(row, k, s), load(s, k, s)))
