"""Dot products of contiguous vectors: ddot and sdot of OpenBLAS's Haswell kernels on one thread.

float64: 16 fused lanes over the largest multiple of 16, in four registers of four, whose upper halves are added to
their lower ones and then in pairs; the rest one by one, unfused. float32: 32 fused lanes likewise; the rest's products
rounded to float32 and added up in float64.
Source: ``ddot.c``, ``ddot_microk_haswell-2.c``, ``sdot.c``, ``sdot_microk_haswell-2.c`` in OpenBLAS 0.3,
``kernel/x86_64/``.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from dataperf_fast.kernels.arithmetic.lanes import lane, load, multiply_add, spread, subtract
from dataperf_fast.kernels.compiled import inner, kernel


def dot(left, right):
    """``left . right`` of two contiguous vectors of equal length, both float64 or both float32."""
    return dot32(left, right) if left.dtype == np.float32 else dot64(left, right)


@overload(dot)
def _dot(left, right):
    if left.dtype == types.float32:

        def float32s(left, right):
            return dot32(left, right)

        return float32s

    def float64s(left, right):
        return dot64(left, right)

    return float64s


@kernel(error_model="numpy")
def dot64(left, right):
    """``dot`` of float64."""
    count = left.shape[0]
    whole = count - count % 16
    a = b = c = d = spread(0.0)
    for k in range(0, whole, 16):
        a = multiply_add(load(left, k), load(right, k), a)
        b = multiply_add(load(left, k + 4), load(right, k + 4), b)
        c = multiply_add(load(left, k + 8), load(right, k + 8), c)
        d = multiply_add(load(left, k + 12), load(right, k + 12), d)
    total = _sum(a, b, c, d)
    for k in range(whole, count):
        total += left[k] * right[k]
    return total


@kernel(error_model="numpy")
def squared_distance(left, right):
    """``dot`` of the difference of two float64 vectors with itself."""
    count = left.shape[0]
    whole = count - count % 16
    a = b = c = d = spread(0.0)
    for k in range(0, whole, 16):
        p, q = subtract(load(left, k), load(right, k)), subtract(load(left, k + 4), load(right, k + 4))
        r, s = subtract(load(left, k + 8), load(right, k + 8)), subtract(load(left, k + 12), load(right, k + 12))
        a, b, c, d = multiply_add(p, p, a), multiply_add(q, q, b), multiply_add(r, r, c), multiply_add(s, s, d)
    total = _sum(a, b, c, d)
    for k in range(whole, count):
        total += (left[k] - right[k]) * (left[k] - right[k])
    return total


@inner
def _sum(a, b, c, d):
    """The sum of four registers: upper halves onto lower ones, and then in pairs."""
    first = (_half(a, 0) + _half(b, 0)) + (_half(c, 0) + _half(d, 0))
    return first + ((_half(a, 1) + _half(b, 1)) + (_half(c, 1) + _half(d, 1)))


@inner
def _half(lanes, at):
    return lane(lanes, at) + lane(lanes, at + 2)


@kernel(error_model="numpy")
def dot32(left, right):
    """``dot`` of float32."""
    count = left.shape[0]
    whole = count - count % 32
    a = b = c = d = spread(np.float32(0))
    for k in range(0, whole, 32):
        a = multiply_add(load(left, k), load(right, k), a)
        b = multiply_add(load(left, k + 8), load(right, k + 8), b)
        c = multiply_add(load(left, k + 16), load(right, k + 16), c)
        d = multiply_add(load(left, k + 24), load(right, k + 24), d)
    p, q, r, s = _quarter(a, b, c, d, 0), _quarter(a, b, c, d, 1), _quarter(a, b, c, d, 2), _quarter(a, b, c, d, 3)
    block = (p + q) + (r + s)
    rest = 0.0
    for k in range(whole, count):
        rest += np.float64(np.float32(left[k] * right[k]))
    return np.float32(rest + np.float64(block))


@inner
def _quarter(a, b, c, d, at):
    """Lane ``at`` and the one four places up, of all four registers."""
    return ((lane(a, at) + lane(a, at + 4)) + (lane(b, at) + lane(b, at + 4))) + (
        (lane(c, at) + lane(c, at + 4)) + (lane(d, at) + lane(d, at + 4))
    )
