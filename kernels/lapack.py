"""SciPy's own BLAS and LAPACK for compiled code, by name: the compiled code can be cached, as it could not by address.

The routines are those that SciPy's L-BFGS-B calls. Arguments are addresses; matrices are in Fortran's order.
"""

from __future__ import annotations

import llvmlite.binding
import numpy as np
from numba import njit, types
from numba.extending import get_cython_function_address

_UPPER, _NO, _TRANSPOSED = ord("U"), ord("N"), ord("T")


def _external(module: str, name: str, result: types.Type, arguments: int) -> types.ExternalFunction:
    symbol = f"dataperf_fast_{name}"
    llvmlite.binding.add_symbol(symbol, get_cython_function_address(f"scipy.linalg.{module}", name))
    return types.ExternalFunction(symbol, result(*[types.intp] * arguments))


_dpotrf = _external("cython_lapack", "dpotrf", types.void, 5)
_dtrtrs = _external("cython_lapack", "dtrtrs", types.void, 10)
_dnrm2 = _external("cython_blas", "dnrm2", types.float64, 3)


@njit(nogil=True, cache=True)
def cholesky(matrix, size, stride):
    """Factor the upper part of a leading block in place, columns ``stride`` apart; False if it is not positive."""
    text = np.array([_UPPER], np.uint8)
    whole = np.array([size, stride, 0], np.int32)
    at = whole.ctypes.data
    _dpotrf(text.ctypes.data, at, matrix.ctypes.data, at + 4, at + 8)
    return whole[2] == 0


@njit(nogil=True, cache=True)
def solve_upper(factor, size, stride, transposed, right, columns, right_stride):
    """Solve ``U x = right`` or ``U' x = right`` in place, ``columns`` of it; False if U is singular."""
    text = np.array([_UPPER, _TRANSPOSED if transposed else _NO, _NO], np.uint8)
    whole = np.array([size, columns, stride, right_stride, 0], np.int32)
    letter, at = text.ctypes.data, whole.ctypes.data
    _dtrtrs(letter, letter + 1, letter + 2, at, at + 4, factor.ctypes.data, at + 8, right.ctypes.data, at + 12, at + 16)
    return whole[4] == 0


@njit(nogil=True, cache=True)
def norm(vector):
    """Euclidean length."""
    whole = np.array([vector.shape[0], 1], np.int32)
    return _dnrm2(whole.ctypes.data, vector.ctypes.data, whole.ctypes.data + 4)
