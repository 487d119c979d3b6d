"""exp in float64 as glibc's variant for processors with fused multiply-add rounds it, on any processor.

Source: glibc 2.28 and later, ``sysdeps/ieee754/dbl-64/e_exp.c``: x = k ln 2 / 128 + r, exp(x) = 2**(k/128) exp(r).
"""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
from numba import njit

from dataperf_fast.kernels.linear_net_lanes import multiply_add

_PER_LN2 = float.fromhex("0x1.71547652b82fep+7")  # 128 / ln 2
_STEP_HIGH, _STEP_LOW = (float.fromhex(text) for text in ("-0x1.62e42fefa0000p-8", "-0x1.cf79abc9e3b3ap-47"))
_C2, _C3, _C4, _C5 = (
    float.fromhex(text)
    for text in ("0x1.ffffffffffdbdp-2", "0x1.555555555543cp-3", "0x1.55555cf172b91p-5", "0x1.1111167a4d017p-7")
)
_WHOLE = 1.5 * 2.0**52  # added, it rounds to a whole number, which is then in the low bits


def _powers_of_two() -> tuple[np.ndarray, np.ndarray]:
    """2**(k/128) for k = 0 .. 127 as head (1 + tail): the tails, and the heads' bits less k << 45."""
    with localcontext() as context:
        context.prec = 50
        exact = [(Decimal(2).ln() * k / 128).exp() for k in range(128)]
        heads = [float(power) for power in exact]
        tails = [float(power / Decimal(head) - 1) for power, head in zip(exact, heads, strict=True)]
    return np.array(tails), np.array(heads).view(np.uint64) - (np.arange(128, dtype=np.uint64) << np.uint64(45))


_TAILS, _HEADS = _powers_of_two()


@njit(nogil=True, cache=True)
def _bits(x):
    return np.float64(x).view(np.uint64)


@njit(nogil=True, cache=True)
def _float(bits):
    return np.uint64(bits).view(np.float64)


@njit(nogil=True, cache=True)
def exp(x):
    """``exp(x)`` of a float64."""
    magnitude = (_bits(x) >> np.uint64(52)) & np.uint64(2047)
    if magnitude < np.uint64(0x3C9):  # below 2**-54
        return 1.0 + x
    if magnitude >= np.uint64(0x409):  # 1024 and more, or no number
        return x if np.isnan(x) else (0.0 if x < 0 else np.inf)
    shifted = multiply_add(x, _PER_LN2, _WHOLE)
    k = _bits(shifted)
    whole = shifted - _WHOLE
    r = multiply_add(whole, _STEP_LOW, multiply_add(whole, _STEP_HIGH, x))
    place = k & np.uint64(127)
    square = r * r
    series = multiply_add(multiply_add(_C3, r, _C2), square, r + _TAILS[place])
    series = multiply_add(square * square, multiply_add(r, _C5, _C4), series)
    bits = _HEADS[place] + (k << np.uint64(45))
    if magnitude < np.uint64(0x408):
        return multiply_add(_float(bits), series, _float(bits))
    if (k & np.uint64(0x80000000)) == np.uint64(0):  # 512 and more
        scale = _float(bits - np.uint64(1009 << 52))
        return multiply_add(scale, series, scale) * 2.0**1009
    return _near_subnormal(_float(bits + np.uint64(1022 << 52)), series)


@njit(nogil=True, cache=True)
def _near_subnormal(scale, series):
    """``scale (1 + series) 2**-1022``, rounded once where that is subnormal."""
    product = series * scale
    y = scale + product
    if y < 1.0:
        lower = (scale - y) + product
        upper = 1.0 + y
        lower = ((1.0 - upper) + y) + lower
        y = (lower + upper) - 1.0
    return y * 2.0**-1022
