"""Limited-memory BFGS without bounds, step for step as SciPy's L-BFGS-B takes it on an unbounded problem.

Where it stops, often far from the optimum, is part of the models that are fitted with it, so the path itself must be the
same, to the last bit: the same BLAS and LAPACK calls on the same numbers, and sums in the same order. What is left out
are the bounds and what only they need. The long sums are taken side by side instead of one after the other, each in its
own order: 20 us instead of 150.
Source: Byrd, Lu, Nocedal, Zhu (1995); ``mainlb``, ``formk``, ``subsm``, ``matupd``, ``lnsrlb`` in SciPy 1.15 and later,
``scipy/optimize/__lbfgsb.c``; line search: ``line_search.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.linalg.blas import ddot, dnrm2
from scipy.linalg.lapack import dpotrf, dtrtrs

from dataperf_fast.kernels.line_search import LineSearch

MEMORY = 10
_EPSILON = 2.220446049250313e-16

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Minimum(NamedTuple):
    """Where the search stopped: ``x (n,)`` float64, the iterations, and the number of evaluations."""

    x: np.ndarray
    iterations: int
    evaluations: int


def minimize(
    function: Function,
    start: np.ndarray,
    gradient_tolerance: float,
    value_tolerance: float,
    iterations: int,
    steps: int,
) -> Minimum:
    """Minimize ``function``, which gives its value and its gradient ``(n,)`` float64 at ``x (n,)`` float64.

    Stops where no element of the gradient exceeds ``gradient_tolerance``, where an iteration gains less than
    ``value_tolerance`` of max(|f|, 1), or after ``iterations``. ``steps``: most evaluations in a line search.
    """
    x = start.astype(np.float64)
    value, gradient = function(x)
    evaluations, done = 1, 0
    if np.abs(gradient).max() <= gradient_tolerance:
        return Minimum(x, done, evaluations)
    history = _History(len(x))
    while True:
        target = history.target(x, gradient)
        if target is None:
            continue  # the matrix was not positive: from here on without a history
        direction = target - x
        before_x, before_value, before_gradient = x, value, gradient
        length = dnrm2(direction)
        slope = before_slope = ddot(gradient, direction)
        search = LineSearch(value, slope, 1.0 / length if done == 0 else 1.0)
        tried = 0
        while slope < 0 or tried:
            x = target.copy() if search.step == 1.0 else search.step * direction + before_x
            value, gradient = function(x)
            evaluations += 1
            tried += 1
            slope = ddot(gradient, direction)
            if search.advance(value, slope) or tried > steps:
                break
        if tried == 0 or tried > steps:
            x, value, gradient = before_x, before_value, before_gradient
            if history.size == 0:
                return Minimum(x, done, evaluations)
            history.forget()
            continue
        done += 1
        gain = before_value - value
        enough = gain <= (value_tolerance / _EPSILON) * _EPSILON * max(abs(before_value), abs(value), 1.0)
        if done >= iterations or np.abs(gradient).max() <= gradient_tolerance or enough:
            return Minimum(x, done, evaluations)
        history.add(direction, gradient - before_gradient, search.step, slope, before_slope, length)


@dataclass
class _Products:
    """Inner products of the history, oldest first: ``s_i . s_j``, ``s_i . y_j``, ``y_i . y_j``, ``(10, 10)`` each."""

    ss: np.ndarray
    sy: np.ndarray
    yy: np.ndarray
    sy_free: np.ndarray  # s_i . y_j summed in plain order, not by BLAS, as the middle matrix has them


class _History:
    """The last ten steps s and changes of the gradient y, and the middle matrix of the inverse they stand for."""

    def __init__(self, count: int):
        self._s = np.zeros((MEMORY, count))  # by lines of a ring, for BLAS
        self._y = np.zeros((MEMORY, count))
        self._by_element = np.zeros((2, count, MEMORY))  # s and y again, for sums side by side
        self.forget()

    def forget(self) -> None:
        """Start again."""
        self.size = 0
        self._first = 0
        self._theta = 1.0
        self._updated = False
        self._factor = np.zeros((0, 0))
        self._products = _Products(*(np.zeros((MEMORY, MEMORY)) for _ in range(4)))

    def _order(self) -> np.ndarray:
        return (self._first + np.arange(self.size)) % MEMORY

    def target(self, x: np.ndarray, gradient: np.ndarray) -> np.ndarray | None:
        """The minimum of the quadratic model at ``x``; None where the model fails, and is then forgotten."""
        if self.size == 0:
            return x - gradient
        if self._updated and not self._factorize():
            self.forget()
            return None
        order = self._order()
        direction = -gradient
        weights = _project(self._by_element, order, direction, self._theta)
        weights, info = dtrtrs(self._factor, weights, lower=0, trans=1)
        if info == 0:
            weights[: self.size] = -weights[: self.size]
            weights, info = dtrtrs(self._factor, weights, lower=0, trans=0)
        if info != 0:
            self.forget()
            return None
        return _extend(self._y, self._s, order, weights, self._theta, direction, x)

    def add(
        self, step: np.ndarray, change: np.ndarray, scale: float, slope: float, before_slope: float, length: float
    ) -> None:
        """Take in a finished line search of length ``scale`` along ``step``, unless its curvature is not positive."""
        curvature, decrease = slope - before_slope, -before_slope
        if scale != 1.0:
            curvature, decrease, step = curvature * scale, -before_slope * scale, step * scale
        self._updated = curvature > _EPSILON * decrease
        if not self._updated:
            return
        products = self._products
        if self.size == MEMORY:
            self._first = (self._first + 1) % MEMORY
            for matrix in vars(products).values():
                matrix[:-1, :-1] = matrix[1:, 1:].copy()
        else:
            self.size += 1
        last = self.size - 1
        order = self._order()
        self._s[order[-1]], self._y[order[-1]] = step, change
        self._by_element[0, :, order[-1]], self._by_element[1, :, order[-1]] = step, change
        norm = dnrm2(change)
        self._theta = norm * norm / curvature
        _inner_products(self._s, self._y, order, products.ss, products.sy)
        squared = length * length
        products.ss[last, last] = squared if scale == 1.0 else scale * scale * squared
        products.sy[last, last] = curvature
        _sum_products(self._by_element, change, order, products.yy, products.sy_free)
        if not _is_positive(products.ss, products.sy, self.size, self._theta):
            self.forget()

    def _factorize(self) -> bool:
        """Set the triangular factor of the middle matrix, ``[[D + Y'Y / theta, L'], [L, theta S'S]]`` on free variables."""
        size, products = self.size, self._products
        matrix = np.zeros((2 * size, 2 * size), order="F")
        _middle(products.yy, products.sy_free, products.sy, size, self._theta, matrix)
        upper, info = dpotrf(matrix[:size, :size], lower=0, clean=0)
        if info != 0:
            return False
        right, _ = dtrtrs(upper, matrix[:size, size:], lower=0, trans=1)
        lower_right, info = dpotrf(_gram(np.ascontiguousarray(right.T)), lower=0, clean=0)
        matrix[:size, :size], matrix[:size, size:], matrix[size:, size:] = upper, right, lower_right
        self._factor = matrix
        return bool(info == 0)


# Ten named sums stay in registers; as an array they take 80 us instead of 20.
@njit(nogil=True, cache=True)
def _ten_sums(lines, vector, out):
    """``lines' vector`` for ``lines (n, 10)``; each sum in order of the elements."""
    a = b = c = d = e = f = g = h = i = j = 0.0
    for k in range(vector.shape[0]):
        x = vector[k]
        a += lines[k, 0] * x
        b += lines[k, 1] * x
        c += lines[k, 2] * x
        d += lines[k, 3] * x
        e += lines[k, 4] * x
        f += lines[k, 5] * x
        g += lines[k, 6] * x
        h += lines[k, 7] * x
        i += lines[k, 8] * x
        j += lines[k, 9] * x
    out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7], out[8], out[9] = a, b, c, d, e, f, g, h, i, j


@njit(nogil=True, cache=True)
def _project(pairs, order, direction, theta):
    """``[Y' d, theta S' d]``."""
    size = order.shape[0]
    sums = np.empty((2, MEMORY))
    _ten_sums(pairs[0], direction, sums[0])
    _ten_sums(pairs[1], direction, sums[1])
    out = np.empty(2 * size)
    for i in range(size):
        out[i] = sums[1, order[i]]
        out[size + i] = theta * sums[0, order[i]]
    return out


@njit(nogil=True, cache=True)
def _inner_products(s, y, order, ss, sy):
    """The last row of S'Y and the last column of S'S but for the corner, by BLAS."""
    last = order.shape[0] - 1
    step = s[order[last]]
    for row in range(last):
        sy[last, row] = np.dot(step, y[order[row]])
        ss[row, last] = np.dot(s[order[row]], step)


@njit(nogil=True, cache=True, error_model="numpy")
def _extend(y, s, order, weights, theta, direction, x):
    """``x + (d + Y w / theta + S w') / theta``; ``direction`` is overwritten."""
    size = order.shape[0]
    for i in range(size):
        line, other = y[order[i]], s[order[i]]
        first, second = weights[i], weights[size + i]
        for k in range(direction.shape[0]):
            direction[k] = direction[k] + (line[k] * first / theta) + (other[k] * second)
    scale = 1.0 / theta
    target = np.empty_like(x)
    for k in range(direction.shape[0]):
        target[k] = x[k] + direction[k] * scale
    return target


@njit(nogil=True, cache=True)
def _sum_products(pairs, last, order, yy, sy):
    """The last row of Y'Y and the last column of S'Y; ``last (n,)`` is the last y."""
    size = order.shape[0]
    sums = _project(pairs, order, last, 1.0)
    for i in range(size):
        yy[size - 1, i] = sums[i]
        sy[i, size - 1] = sums[size + i]


@njit(nogil=True, cache=True)
def _gram(rows):
    """Inner products of short rows, upper part, by BLAS."""
    size = rows.shape[0]
    out = np.zeros((size, size))
    for i in range(size):
        for j in range(i, size):
            out[i, j] = np.dot(rows[i], rows[j])
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _middle(yy, sy_free, sy, size, theta, out):
    for i in range(size):
        for j in range(i + 1):
            out[j, i] = yy[i, j] / theta
        for j in range(i, size):
            out[j, size + i] = sy_free[i, j]
        out[i, i] = out[i, i] + sy[i, i]


@njit(nogil=True, cache=True, error_model="numpy")
def _triangle(ss, sy, size, theta):
    """``theta S'S + L D^-1 L'``, upper part."""
    out = np.zeros((size, size))
    for j in range(size):
        out[0, j] = theta * ss[0, j]
    for i in range(1, size):
        for j in range(i, size):
            total = 0.0
            for k in range(i):
                total = total + ((sy[i, k] * sy[j, k]) / sy[k, k])
            out[i, j] = total + theta * ss[i, j]
    return out


def _is_positive(ss: np.ndarray, sy: np.ndarray, size: int, theta: float) -> bool:
    return bool(dpotrf(_triangle(ss, sy, size, theta), lower=0, clean=0)[1] == 0)
