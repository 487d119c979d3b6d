"""Sums in NumPy's order: pairwise, halves down to 128 elements and those in eight interleaved parts.

Source: ``pairwise_sum`` in NumPy 2.4, ``numpy/_core/src/umath/loops_utils.h.src``.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.kernels.compiled import kernel


@kernel
def pairwise_sum(values):
    """The sum of ``values (n,)``, contiguous float32 or float64, in its own dtype."""
    count = values.shape[0]
    if count > 128:
        half = count // 2 - count // 2 % 8
        return pairwise_sum(values[:half]) + pairwise_sum(values[half:])
    total = values.dtype.type(0)
    whole = count // 8 * 8
    if whole:
        parts = values[:8].copy()
        for at in range(8, whole, 8):
            for k in range(8):
                parts[k] += values[at + k]
        total = ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]))
    for k in range(whole, count):
        total += values[k]
    return total


@kernel
def variance(values):
    """The mean of the squared differences from the mean, of ``values (n,)`` contiguous, as ``numpy.var`` has it."""
    count = values.shape[0]
    mean = pairwise_sum(values) / count
    squares = np.empty(count)
    for k in range(count):
        difference = values[k] - mean
        squares[k] = difference * difference
    return pairwise_sum(squares) / count
