"""exp, of float64 and of float32, and the logistic function.

``exp`` is glibc's (2.28 and later) with fused multiply-add. With k = round(x 128 / ln 2), r = x - k ln 2 / 128 and the
table ``2^(i/128) = head (1 + tail)``, i = k mod 128,

    exp(x) = scale + scale (r + tail + c2 r^2 + .. + c5 r^5),   scale = head 2^((k - i) / 128)

float32 has two: ``exp32`` is NumPy's, a quotient of polynomials times a power of two; ``expf`` is glibc's, by a table
of 32 in float64, behind SciPy's ``expit``.
Source: ``e_exp.c`` and ``e_expf.c`` in glibc 2.36, ``sysdeps/ieee754/``; ``loops_exponent_log.dispatch.c.src`` in NumPy
2.4; ``_logit.h`` in SciPy 1.17.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np

from dataperf_fast.kernels.arithmetic.scalars import bits_of, from_bits, fused
from dataperf_fast.kernels.compiled import inner, kernel

_PRECISION = 200  # bits of the numbers that the tables are rounded from


def _roots_of_two(count: int) -> list[Fraction]:
    """``2^(i / count)`` for i below ``count``, itself a power of two."""
    root, powers = 2 << _PRECISION, [1 << _PRECISION]
    while len(powers) < count:
        root = isqrt(root << _PRECISION)
        powers = [value for power in powers for value in (power, power * root >> _PRECISION)]
    return [Fraction(power, 1 << _PRECISION) for power in powers]


def _heads(roots: list[Fraction]) -> np.ndarray:
    """The bits of each root of N, less what adding k's own bits at the place of ``2^(k / N)`` brings."""
    shift = 53 - len(roots).bit_length()
    bits = np.array([float(root) for root in roots]).view(np.uint64)
    return bits - (np.arange(len(roots), dtype=np.uint64) << np.uint64(shift))


_ROOTS = _roots_of_two(128)
_HEADS = _heads(_ROOTS)
_TAILS = np.array([float((root - Fraction(float(root))) / Fraction(float(root))) for root in _ROOTS])
_HEADS32 = _heads(_roots_of_two(32))

_SCALE, _ROUND = float.fromhex("0x1.71547652b82fep+7"), float.fromhex("0x1.8p+52")  # 128 / ln 2; makes a number whole
_STEP_HIGH, _STEP_LOW = float.fromhex("-0x1.62e42fefa0000p-8"), float.fromhex("-0x1.cf79abc9e3b3ap-47")
_C2, _C3 = float.fromhex("0x1.ffffffffffdbdp-2"), float.fromhex("0x1.555555555543cp-3")
_C4, _C5 = float.fromhex("0x1.55555cf172b91p-5"), float.fromhex("0x1.1111167a4d017p-7")

_SCALE32 = float.fromhex("0x1.71547652b82fep+5")
_D3, _D2, _D1 = (float.fromhex(x) for x in ("0x1.c6af84b912394p-20", "0x1.ebfce50fac4f3p-13", "0x1.62e42ff0c52d6p-6"))

_LOG2_E, _ROUND32 = np.float32(1.442695040888963407), np.float32(12582912.0)
_LN2_HIGH32, _LN2_LOW32 = np.float32(-6.93145752e-1), np.float32(-1.42860677e-6)
_P0, _P1, _P2, _P3, _P4, _P5 = (
    np.float32(c)
    for c in (
        9.999999999980870924916e-01, 7.257664613233124478488e-01, 2.473615434895520810817e-01,
        5.114512081637298353406e-02, 6.757896990527504603057e-03, 5.082762527590693718096e-04,
    )
)  # fmt: skip
_Q1, _Q2 = np.float32(-2.742335390411667452936e-01), np.float32(2.159509375685829852307e-02)
_HIGHEST32, _LOWEST32 = np.float32(88.72283935546875), np.float32(-103.97208404541015625)
_ONE32 = np.float32(1.0)


@kernel(error_model="numpy")
def exp(x):
    """Exp of a float64."""
    magnitude = (bits_of(x) >> np.uint64(52)) & np.uint64(2047)
    if magnitude - np.uint64(0x3C9) >= np.uint64(0x3F):  # below 2^-54, or 512 and more, in size
        return _exp_at_the_ends(x, magnitude)
    scale, series = _scale_and_series(x)
    scale = from_bits(scale)
    return fused(scale, series, scale)


@inner
def _scale_and_series(x):
    """The bits of ``2^(k / 128)``, and the series that it is to be multiplied by, less 1."""
    shifted = fused(x, _SCALE, _ROUND)
    k = bits_of(shifted)
    whole = shifted - _ROUND
    r = fused(whole, _STEP_LOW, fused(whole, _STEP_HIGH, x))
    place = k & np.uint64(127)
    square = r * r
    low = fused(fused(_C3, r, _C2), square, r + _TAILS[place])
    return _HEADS[place] + (k << np.uint64(45)), fused(square * square, fused(r, _C5, _C4), low)


@inner
def _exp_at_the_ends(x, magnitude):
    if magnitude < np.uint64(0x3C9):
        return 1.0 + x
    if magnitude >= np.uint64(0x409):  # 1024 and more, or no number
        return 0.0 if x < 0 else np.inf + x
    bits, series = _scale_and_series(x)
    if x > 0:
        scale = from_bits(bits - np.uint64(1009 << 52))
        return fused(scale, series, scale) * 2.0**1009
    scale = from_bits(bits + np.uint64(1022 << 52))  # the result may be subnormal, and is rounded once
    product = series * scale
    y = scale + product
    if y < 1.0:
        lower = (scale - y) + product
        upper = 1.0 + y
        lower = ((1.0 - upper) + y) + lower
        y = (lower + upper) - 1.0
    return y * 2.0**-1022


@kernel(error_model="numpy")
def expit(x):
    """``1 / (1 + exp(-x))`` of a float64."""
    return 1.0 / (1.0 + exp(-x))


@kernel(error_model="numpy")
def exp32(x):
    """Exp of a float32, as NumPy has it with AVX2 and with AVX-512."""
    if x >= _HIGHEST32:
        return np.float32(np.inf)
    if x <= _LOWEST32:
        return np.float32(0.0)
    n = np.float32(np.float32(x * _LOG2_E) + _ROUND32) - _ROUND32
    r = fused(n, _LN2_LOW32, fused(n, _LN2_HIGH32, x))
    upper = fused(fused(fused(fused(fused(_P5, r, _P4), r, _P3), r, _P2), r, _P1), r, _P0)
    lower = fused(fused(_Q2, r, _Q1), r, _ONE32)
    quotient = np.float64(np.float32(upper / lower))
    return np.float32(quotient * from_bits(np.uint64(np.int64(n) + 1023) << np.uint64(52)))  # may be subnormal: once


@kernel(error_model="numpy")
def expf(x):
    """Exp of a float32, as glibc has it."""
    if not (np.float32(-103.97) < x < np.float32(88.72)):
        return _expf_at_the_ends(x)
    wide = np.float64(x)
    shifted = fused(_SCALE32, wide, _ROUND)
    k = bits_of(shifted)
    r = fused(_SCALE32, wide, -(shifted - _ROUND))
    scale = from_bits(_HEADS32[k & np.uint64(31)] + (k << np.uint64(47)))
    return np.float32(fused(fused(_D3, r, _D2), r * r, fused(r, _D1, 1.0)) * scale)


@inner
def _expf_at_the_ends(x):
    """float64's, which in these few places rounds to the same float32."""
    return np.float32(exp(np.float64(x)))


@kernel(error_model="numpy")
def expit32(x):
    """``1 / (1 + exp(-x))`` of a float32, by ``expf``."""
    return _ONE32 / np.float32(_ONE32 + expf(np.float32(-x)))
