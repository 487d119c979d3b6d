"""The Euclidean norm: dnrm2 of OpenBLAS for x86-64, whatever its kernels, computed by the x87 unit.

Squares and sums are rounded to 64 bits of mantissa, not to 53: four sums in turn over the largest multiple of eight,
the rest onto the first; ``((s0 + s2) + s1) + s3``; a square root in 64 bits, and only then one rounding to float64. The
unit's exponents make scaling needless. A sum in float64 gives another norm in 29% of cases, and L-BFGS another path.

On x86-64 the unit itself computes; elsewhere whole numbers do, ``mantissa 2^exponent``, the mantissa a uint64 with its
top bit set, or zero. Both give the same bits of normal numbers.
Source: ``nrm2.S`` in OpenBLAS 0.3, ``kernel/x86_64/``.
"""

from __future__ import annotations

import numpy as np
from numba.extending import overload

from dataperf_fast.kernels.arithmetic import extended
from dataperf_fast.kernels.arithmetic.extended import plus, product, widen
from dataperf_fast.kernels.arithmetic.scalars import bits_of, from_bits
from dataperf_fast.kernels.compiled import kernel

_TOP, _ONE, _ZERO = np.uint64(1 << 63), np.uint64(1), np.uint64(0)
_LOW = np.uint64(0xFFFFFFFF)


@kernel
def norm_by_x87(vector):
    """The length of ``vector (n,)`` float64, contiguous."""
    count = vector.shape[0]
    whole = count - count % 8
    a = b = c = d = widen(0.0)
    for k in range(0, whole, 4):
        p, q, r, s = widen(vector[k]), widen(vector[k + 1]), widen(vector[k + 2]), widen(vector[k + 3])
        a, b = plus(a, product(p, p)), plus(b, product(q, q))
        c, d = plus(c, product(r, r)), plus(d, product(s, s))
    for k in range(whole, count):
        p = widen(vector[k])
        a = plus(a, product(p, p))
    return extended.root(plus(plus(plus(a, c), b), d))


@kernel
def norm_by_whole_numbers(vector):
    """``norm_by_x87`` where there is no such unit."""
    count = vector.shape[0]
    whole = count - count % 8
    a = b = c = d = _ZERO, np.int64(0)
    for k in range(0, whole, 4):
        a, b = _plus(a, _square(bits_of(vector[k]))), _plus(b, _square(bits_of(vector[k + 1])))
        c, d = _plus(c, _square(bits_of(vector[k + 2]))), _plus(d, _square(bits_of(vector[k + 3])))
    for k in range(whole, count):
        a = _plus(a, _square(bits_of(vector[k])))
    mantissa, exponent = _plus(_plus(_plus(a, c), b), d)
    return _root(mantissa, exponent)


@kernel
def _square(bits):
    """The square of the float64 with these bits, rounded to 64 bits."""
    exponent = np.int64((bits >> np.uint64(52)) & np.uint64(2047))
    mantissa = bits & np.uint64((1 << 52) - 1)
    if exponent == 0:
        if mantissa == _ZERO:
            return _ZERO, np.int64(0)
        exponent = 1
        while mantissa < np.uint64(1 << 52):
            mantissa <<= _ONE
            exponent -= 1
    else:
        mantissa |= np.uint64(1 << 52)
    exponent = 2 * (exponent - 1075)
    high, low = mantissa >> np.uint64(32), mantissa & _LOW  # 106 bits in two words
    cross, lower = high * low, low * low
    upper = high * high + (cross >> np.uint64(31))
    whole = lower + (cross << np.uint64(33))
    if whole < lower:
        upper += _ONE
    up = np.uint64(22) if upper >> np.uint64(41) else np.uint64(23)
    return _rounded((upper << up) | (whole >> (np.uint64(64) - up)), whole << up, False, exponent + 64 - np.int64(up))


@kernel
def _rounded(mantissa, rest, sticky, exponent):
    """To nearest, ties to even; ``rest`` is the word below, ``sticky`` whether anything is below that."""
    if rest > _TOP or (rest == _TOP and (sticky or (mantissa & _ONE) == _ONE)):
        mantissa += _ONE
        if mantissa == _ZERO:
            return _TOP, exponent + 1
    return mantissa, exponent


@kernel
def _plus(left, right):
    """The sum of two numbers, rounded to 64 bits."""
    a, a_exponent = left
    b, b_exponent = right
    if b == _ZERO:
        return a, a_exponent
    if a == _ZERO:
        return b, b_exponent
    if b_exponent > a_exponent or (b_exponent == a_exponent and b > a):
        a, a_exponent, b, b_exponent = b, b_exponent, a, a_exponent
    down = np.uint64(a_exponent - b_exponent)
    if down > np.uint64(66):
        return a, a_exponent
    sticky = False
    if down == _ZERO:
        high, rest = b, _ZERO
    elif down < np.uint64(64):
        high, rest = b >> down, b << (np.uint64(64) - down)
    elif down == np.uint64(64):
        high, rest = _ZERO, b
    else:
        high, rest = _ZERO, b >> (down - np.uint64(64))
        sticky = (b << (np.uint64(128) - down)) != _ZERO
    whole = a + high
    if whole < a:  # one bit more
        sticky = sticky or (rest & _ONE) == _ONE
        rest = (rest >> _ONE) | (whole << np.uint64(63))
        return _rounded((whole >> _ONE) | _TOP, rest, sticky, a_exponent + 1)
    return _rounded(whole, rest, sticky, a_exponent)


@kernel
def _root(mantissa, exponent):
    """The square root, rounded to 64 bits and then to float64; bit by bit, the remainder in two words."""
    if mantissa == _ZERO:
        return 0.0
    high, low, half = mantissa, _ZERO, (exponent - 64) // 2
    if exponent % 2:
        high, low, half = mantissa >> _ONE, mantissa << np.uint64(63), (exponent - 63) // 2
    found, rest_high, rest_low = _ZERO, _ZERO, _ZERO
    for _ in range(64):
        rest_high = (rest_high << np.uint64(2)) | (rest_low >> np.uint64(62))
        rest_low = (rest_low << np.uint64(2)) | (high >> np.uint64(62))
        high = (high << np.uint64(2)) | (low >> np.uint64(62))
        low <<= np.uint64(2)
        try_high, try_low = found >> np.uint64(62), (found << np.uint64(2)) | _ONE
        found <<= _ONE
        if rest_high > try_high or (rest_high == try_high and rest_low >= try_low):
            rest_high -= try_high + (_ONE if rest_low < try_low else _ZERO)
            rest_low -= try_low
            found |= _ONE
    if rest_high > _ZERO or rest_low > found:  # more than a half; it is never one
        found += _ONE
        if found == _ZERO:
            return _power_of_two(half + 64)
    whole, low = found >> np.uint64(11), found & np.uint64(2047)
    if low > np.uint64(1024) or (low == np.uint64(1024) and (whole & _ONE) == _ONE):
        whole += _ONE
    return np.float64(whole) * _power_of_two(half + 11)


@kernel
def _power_of_two(exponent):
    return from_bits(np.uint64(exponent + 1023) << np.uint64(52))


def norm(vector: np.ndarray) -> float:
    """The length of ``vector (n,)`` float64, contiguous; on a GPU by whole numbers (``cuda.py``)."""
    length: float = (norm_by_x87 if extended.HAS_X87 else norm_by_whole_numbers)(vector)
    return length


@overload(norm)
def _norm(vector):
    if extended.HAS_X87:
        return lambda vector: norm_by_x87(vector)  # noqa: PLW0108
    return lambda vector: norm_by_whole_numbers(vector)  # noqa: PLW0108
