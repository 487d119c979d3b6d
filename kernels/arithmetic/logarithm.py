"""log and log1p of a float64, as glibc's variants for processors with fused multiply-add round them.

log: x = 2^k z; of 128 pairs (1 / c, log c) the one with c near z; ``r = z / c - 1`` is small, and

    log(x) = k ln 2 + log(c) + r - r^2 / 2 + ..

with the leading terms in two parts; near 1 a longer series alone. log1p is Sun's: ``1 + x = 2^k (1 + f)``, and a series
in ``f / (2 + f)``, compiled with fused operations, whose places are written out here.
Source: ``e_log.c``, ``s_log1p.c`` in glibc 2.36, ``sysdeps/ieee754/dbl-64/``.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.kernels.arithmetic.log_table import INVERSE, LOGARITHM
from dataperf_fast.kernels.arithmetic.scalars import bits_of, from_bits, fused
from dataperf_fast.kernels.compiled import inlined, inner, kernel

_LN2_HIGH, _LN2_LOW = float.fromhex("0x1.62e42fefa3800p-1"), float.fromhex("0x1.ef35793c76730p-45")
_A0, _A1, _A2, _A3, _A4 = (
    float.fromhex(x)
    for x in (
        "-0x1.0000000000001p-1", "0x1.555555551305bp-2", "-0x1.fffffffeb4590p-3", "0x1.999b324f10111p-3",
        "-0x1.55575e506c89fp-3",
    )
)  # fmt: skip
_B0, _B1, _B2, _B3, _B4, _B5, _B6, _B7, _B8, _B9, _B10 = (
    float.fromhex(x)
    for x in (
        "-0x1.0p-1", "0x1.5555555555577p-2", "-0x1.ffffffffffdcbp-3", "0x1.999999995dd0cp-3", "-0x1.55555556745a7p-3",
        "0x1.24924a344de30p-3", "-0x1.fffffa4423d65p-4", "0x1.c7184282ad6cap-4", "-0x1.999eb43b068ffp-4",
        "0x1.78182f7afd085p-4", "-0x1.5521375d145cdp-4",
    )
)  # fmt: skip
_NEAR_ONE = np.uint64(0x308FFFFFFFFFF)  # from 1 - 2^-4 to about 1 + 0x1.09p-4, as bits

_LOG1P_HIGH, _LOG1P_LOW = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")
_L1, _L2, _L3, _L4, _L5, _L6, _L7 = (
    float.fromhex(x)
    for x in (
        "0x1.5555555555593p-1", "0x1.999999997fa04p-2", "0x1.2492494229359p-2", "0x1.c71c51d8e78afp-3",
        "0x1.7466496cb03dep-3", "0x1.39a09d078c69fp-3", "0x1.2f112df3e5244p-3",
    )
)  # fmt: skip
_TWO_THIRDS = float.fromhex("0x1.5555555555555p-1")
_SMALL = float.fromhex("0x1.a827ap-2")  # below it, x is f
_WHOLE = np.uint64(0x433 << 52)  # the bits of 2^52


@kernel(error_model="numpy")
def log(x):
    """The natural logarithm."""
    bits = bits_of(x)
    if bits - bits_of(1.0 - 2.0**-4) <= _NEAR_ONE:
        return _log_near_one(x - 1.0)
    if not (0.0 < x < np.inf):
        return x if x > 0 else (-np.inf if x == 0.0 else np.nan)
    if bits < np.uint64(1 << 52):  # subnormal
        bits = bits_of(x * 2.0**52) - np.uint64(52 << 52)
    moved = bits - np.uint64(0x3FE6000000000000)
    place = (moved >> np.uint64(45)) & np.uint64(127)
    k = np.float64(np.int64(moved) >> 52)
    z = from_bits(bits - (moved & np.uint64(0xFFF << 52)))
    w = fused(k, _LN2_HIGH, LOGARITHM[place])
    r = fused(z, INVERSE[place], -1.0)
    head = r + w
    square = r * r
    rest = fused(square, _A0, fused(k, _LN2_LOW, (w - head) + r))
    series = fused(fused(r, _A4, _A3), square, fused(_A2, r, _A1))
    return fused(r * square, series, rest) + head


@inner
def _log_near_one(r):
    """``log(1 + r)``, its first two terms in two parts."""
    if r == 0.0:
        return 0.0
    square = r * r
    cube = r * square
    first = fused(_B3, square, fused(_B2, r, _B1))
    second = fused(_B6, square, fused(_B5, r, _B4))
    third = fused(_B10, cube, fused(square, _B9, fused(_B8, r, _B7)))
    series = fused(fused(third, cube, second), cube, first)
    upper = fused(-(2.0**27), r, fused(r, 2.0**27, r))
    lower = r - upper
    upper_square = upper * upper
    head = fused(upper_square, _B0, r)
    rest = fused(_B0 * lower, upper + r, fused(upper_square, _B0, r - head))
    return head + fused(series, cube, rest)


@kernel(error_model="numpy")
def log1p(x):
    """``log(1 + x)``, x > -1."""
    if not (-1.0 < x < np.inf):
        return x if x > 0 else (-np.inf if x == -1.0 else np.nan)
    if abs(x) < 2.0**-29:
        return x if abs(x) < 2.0**-54 else fused(-(x * x), 0.5, x)
    k, f, correction, near = _reduced(x)
    half = 0.5 * f * f
    if near and f == 0.0:
        return 0.0 if k == 0 else fused(k, _LOG1P_HIGH, fused(k, _LOG1P_LOW, correction))
    if near:
        rest = fused(-f, _TWO_THIRDS, 1.0) * half
        return f - rest if k == 0 else fused(k, _LOG1P_HIGH, -((rest - fused(k, _LOG1P_LOW, correction)) - f))
    part = _series(f, half)
    if k == 0:
        return f - (half - part)
    return fused(k, _LOG1P_HIGH, -((half - (fused(k, _LOG1P_LOW, correction) + part)) - f))


@inlined
def _series(f, half):
    """``half - f + log(1 + f)``, half being ``f^2 / 2``."""
    s = f / (2.0 + f)
    z = s * s
    z2 = z * z
    z4 = z2 * z2
    series = fused(z, _L1, z2 * fused(_L3, z, _L2))
    series = fused(z4, fused(_L5, z, _L4), series)
    series = fused(z2 * z4, fused(_L7, z, _L6), series)
    return (series + half) * s


@inner
def _reduced(x):
    """``1 + x = 2^k (1 + f)``: k, f, what ``1 + x`` lost in rounding over it, and whether f's leading bits are zero."""
    high = np.int64(bits_of(x)) >> 32
    if high < 0x3FDA827A and (high > 0 or high <= np.int64(np.int32(np.uint32(0xBFD2BEC3)))):
        return 0.0, x, 0.0, False
    u, correction = x, 0.0
    if high < 0x43400000:
        u = 1.0 + x
        k = (np.int64(bits_of(u)) >> 52) - 1023
        correction = (1.0 - (u - x) if k > 0 else x - (u - 1.0)) / u
    else:
        k = (np.int64(bits_of(u)) >> 52) - 1023
    mantissa = bits_of(u) & np.uint64((1 << 52) - 1)
    leading = np.int64(mantissa >> np.uint64(32))
    if leading < 0x6A09E:
        return np.float64(k), from_bits(mantissa | np.uint64(0x3FF << 52)) - 1.0, correction, leading == 0
    f = from_bits(mantissa | np.uint64(0x3FE << 52)) - 1.0
    return np.float64(k + 1), f, correction, (0x00100000 - leading) >> 2 == 0


@inlined
def log1p_straight(x):
    """``log1p`` of 2^-29 to 2^53 as one way through, which a compiler takes several numbers at once."""
    u = 1.0 + x
    bits = bits_of(u)
    k = (bits >> np.uint64(52)) - np.uint64(1023)
    mantissa = bits & np.uint64((1 << 52) - 1)
    upper = mantissa >= np.uint64(0x6A09E << 32)
    one = np.uint64(1) if upper else np.uint64(0)
    near = mantissa >= np.uint64(0xFFFFD << 32) if upper else mantissa < np.uint64(1 << 32)
    reduced = from_bits(mantissa | ((np.uint64(0x3FF) - one) << np.uint64(52))) - 1.0
    exponent = from_bits((k + one) | _WHOLE) - 2.0**52  # no instruction of AVX2 makes a float of it
    correction = (1.0 - (u - x) if k > np.uint64(0) else x - (u - 1.0)) / u
    small = x < _SMALL
    f, scale = x if small else reduced, 0.0 if small else exponent
    half = 0.5 * f * f
    low = fused(scale, _LOG1P_LOW, 0.0 if small else correction)
    rest = fused(-f, _TWO_THIRDS, 1.0) * half - low
    usual = half - (low + _series(f, half))
    return fused(scale, _LOG1P_HIGH, f - (rest if near and not small else usual))
