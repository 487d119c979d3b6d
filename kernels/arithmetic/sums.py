"""Sums in NumPy's order: pairwise, halves down to 128 elements and those in eight interleaved parts.

Source: ``pairwise_sum`` in NumPy 2.4, ``numpy/_core/src/umath/loops_utils.h.src``.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.kernels.compiled import inner, kernel

_WHOLE = 128  # elements that are not halved
DEPTH = 64  # halvings of more elements than there are


@kernel
def pairwise_sum(values):
    """The sum of ``values (n,)``, contiguous float32 or float64, in its own dtype."""
    if values.shape[0] <= _WHOLE:
        return _sum(values, 0, values.shape[0])
    return pairwise_sum_in(values, np.empty(DEPTH, values.dtype))


@kernel
def pairwise_sum_in(values, left):
    """``pairwise_sum`` for who brings the room: ``left (64,)`` takes the sums of left halves."""
    path, depth, begin, count = np.uint64(0), 0, 0, values.shape[0]  # path: which halves on the way are right ones
    while True:
        while count > _WHOLE:
            count = _half(count)
            depth += 1
        total = _sum(values, begin, count)
        while depth > 0 and (path >> np.uint64(depth - 1)) & np.uint64(1):
            depth -= 1
            path ^= np.uint64(1) << np.uint64(depth)
            total = left[depth] + total
        if depth == 0:
            return total
        left[depth - 1] = total
        path |= np.uint64(1) << np.uint64(depth - 1)
        begin, count = 0, values.shape[0]
        for level in range(depth):
            half = _half(count)
            right = (path >> np.uint64(level)) & np.uint64(1)
            begin, count = (begin + half, count - half) if right else (begin, half)


@inner
def _half(count):
    return count // 2 - count // 2 % 8


@inner
def _sum(values, begin, count):
    """Eight sums in turn, and what is left over one by one."""
    total = values.dtype.type(0)
    whole = count // 8 * 8
    if whole:
        a, b, c, d = values[begin], values[begin + 1], values[begin + 2], values[begin + 3]
        e, f, g, h = values[begin + 4], values[begin + 5], values[begin + 6], values[begin + 7]
        for k in range(begin + 8, begin + whole, 8):
            a, b, c, d = a + values[k], b + values[k + 1], c + values[k + 2], d + values[k + 3]
            e, f, g, h = e + values[k + 4], f + values[k + 5], g + values[k + 6], h + values[k + 7]
        total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for k in range(begin + whole, begin + count):
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
