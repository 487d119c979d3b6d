"""exp of float32 vectors, so written that it vectorizes: ``exp(x) = 2^n (1 + r + r^2 P(r))``, ``r = x - n ln 2``.

Within 2 units in the last place on [-87, 88], beyond which x is clipped. P is the polynomial of Cephes' ``expf``.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.kernels.compiled import kernel

_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
_LOG2_E = np.float32(1.44269504)
_BIAS, _SHIFT = np.float32(127.5), np.float32(127.0)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_P = tuple(
    np.float32(c)
    for c in (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
_ONE = np.float32(1.0)


@kernel(error_model="numpy", fastmath={"contract"})
def exponentiate(x, exponents, powers):
    """Set ``x (w,)`` float32 to exp(x); ``exponents (w,)`` int32 is scratch, ``powers`` the same bytes as float32."""
    for w in range(x.shape[0]):
        value = x[w]
        value = value if value > _LOWEST else _LOWEST
        value = value if value < _HIGHEST else _HIGHEST
        biased = np.int32(value * _LOG2_E + _BIAS)
        n = np.float32(biased) - _SHIFT  # in whole numbers the difference would be 64 bits wide, and not vectorize
        r = value - n * _LN2_HIGH - n * _LN2_LOW
        series = ((((_P[0] * r + _P[1]) * r + _P[2]) * r + _P[3]) * r + _P[4]) * r + _P[5]
        x[w] = _ONE + r + r * r * series
        exponents[w] = biased << np.int32(23)
    for w in range(x.shape[0]):
        x[w] *= powers[w]
