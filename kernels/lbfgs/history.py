"""Limited-memory BFGS without bounds, step for step as SciPy's L-BFGS-B takes it on an unbounded problem.

Where it stops, often far from the optimum, is part of the models that are fitted with it, so the path itself must be
the same, to the last bit: the same products in the same order of sums (``arithmetic/``). What is left out are the
bounds and what only they need. The long sums are taken side by side instead of one after the other, each in its own
order: 20 us instead of 150. This file is the history of a search and its model; the loop is ``mainlb.py``.
Functions have their names in the source: Byrd, Lu, Nocedal, Zhu (1995); ``formk``, ``formt``, ``subsm``, ``matupd`` in
SciPy 1.15 and later, ``scipy/optimize/__lbfgsb.c``; ``aim`` and ``update`` are parts of its ``mainlb``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataperf_fast.kernels.arithmetic.dot import dot64
from dataperf_fast.kernels.arithmetic.norm import norm
from dataperf_fast.kernels.arithmetic.triangular import cholesky, solve, solve_transposed, solve_transposed_columns
from dataperf_fast.kernels.compiled import inner

MEMORY = 10
EPSILON = 2.220446049250313e-16

# Positions in ``History.state``.
_SIZE, _FIRST, _UPDATED = 0, 1, 2


class History(NamedTuple):
    """The last ten steps s and changes of the gradient y ``(10, n)``, and what is made of them.

    ``state (3,)``: how many, the ring's first line, and whether ``factor`` is out of date; ``theta (1,)``;
    ``by_element (2, n, 10)``: s and y again, for sums side by side; ``ss``, ``sy``, ``yy`` and ``sy_plain (10, 10)``:
    inner products, oldest first, the last summed in plain order and not by BLAS; ``factor (20, 20)``: the middle
    matrix's triangular factor, a column a line. ``sums (2, 10)``, ``weights (20,)`` and ``trial (10, 10)`` are room to
    work in: kernels on a GPU can make none.
    """

    state: np.ndarray
    theta: np.ndarray
    s: np.ndarray
    y: np.ndarray
    by_element: np.ndarray
    ss: np.ndarray
    sy: np.ndarray
    yy: np.ndarray
    sy_plain: np.ndarray
    factor: np.ndarray
    sums: np.ndarray
    weights: np.ndarray
    trial: np.ndarray


def new_history(count: int) -> History:
    """An empty history for ``count`` variables."""
    square = (MEMORY, MEMORY)
    return History(
        np.zeros(3, np.int64), np.ones(1), np.zeros((MEMORY, count)), np.zeros((MEMORY, count)),
        np.zeros((2, count, MEMORY)), np.zeros(square), np.zeros(square), np.zeros(square), np.zeros(square),
        np.zeros((2 * MEMORY, 2 * MEMORY)), np.zeros((2, MEMORY)), np.zeros(2 * MEMORY), np.zeros(square),
    )  # fmt: skip


@inner
def size_of(history):
    """The number of steps in the history."""
    return history.state[_SIZE]


@inner
def forget(history):
    """Start again."""
    history.state[_SIZE] = history.state[_FIRST] = history.state[_UPDATED] = 0
    history.theta[0] = 1.0


@inner
def aim(history, x, gradient, direction, target):
    """Set ``target`` to the minimum of the quadratic model at ``x``, all ``(n,)``; ``direction`` is overwritten.

    Returns False where the model fails; it is then forgotten.
    """
    size = history.state[_SIZE]
    if size == 0:
        for k in range(x.shape[0]):
            target[k] = x[k] - gradient[k]
        return True
    formed = history.state[_UPDATED] == 0 or formk(history, size)
    if formed and subsm(history, x, gradient, direction, target):
        return True
    forget(history)
    return False


@inner
def subsm(history, x, gradient, direction, target):
    """Set ``target`` as ``aim`` does, by the factor that ``formk`` has made; False where that is singular."""
    size, theta = history.state[_SIZE], history.theta[0]
    weights = history.weights[: 2 * size]
    if not _weigh(history, gradient, weights):
        return False
    for k in range(x.shape[0]):
        direction[k] = -gradient[k]
    for i in range(size):
        line = (history.state[_FIRST] + i) % MEMORY
        y, s = history.y[line], history.s[line]
        first, second = weights[i], weights[size + i]
        for k in range(x.shape[0]):
            direction[k] = direction[k] + (y[k] * first / theta) + (s[k] * second)
    scale = 1.0 / theta
    for k in range(x.shape[0]):
        target[k] = x[k] + direction[k] * scale
    return True


@inner
def _weigh(history, gradient, weights):
    """Set ``weights`` to the middle matrix's inverse times ``[Y', theta S'] -g``."""
    size = history.state[_SIZE]
    sums = history.sums
    _ten_sums(history.by_element[0], gradient, -1.0, sums[0])
    _ten_sums(history.by_element[1], gradient, -1.0, sums[1])
    for i in range(size):
        line = (history.state[_FIRST] + i) % MEMORY
        weights[i] = sums[1, line]
        weights[size + i] = history.theta[0] * sums[0, line]
    if not solve_transposed(history.factor, weights):
        return False
    for i in range(size):
        weights[i] = -weights[i]
    return solve(history.factor, weights)


@inner
def update(history, step, change, scale, slope, before_slope, length):
    """Take in a line search that ended at ``scale`` times ``step``, unless its curvature is not positive.

    ``change``: of the gradient; ``slope`` and ``before_slope``: along ``step``, after and before; ``length``: of
    ``step``, which is overwritten.
    """
    curvature, decrease = slope - before_slope, -before_slope
    if scale != 1.0:
        curvature, decrease = curvature * scale, -before_slope * scale
        for k in range(step.shape[0]):
            step[k] *= scale
    history.state[_UPDATED] = curvature > EPSILON * decrease
    if not history.state[_UPDATED]:
        return
    matupd(history, step, change, scale, curvature, length)
    if not formt(history):
        forget(history)


@inner
def matupd(history, step, change, scale, curvature, length):
    """Put a step s, its change y and their inner products in the place of the oldest; theta is y'y / s'y."""
    if history.state[_SIZE] == MEMORY:
        history.state[_FIRST] = (history.state[_FIRST] + 1) % MEMORY
        for matrix in (history.ss, history.sy, history.yy, history.sy_plain):
            for i in range(MEMORY - 1):
                for j in range(MEMORY - 1):
                    matrix[i, j] = matrix[i + 1, j + 1]
    else:
        history.state[_SIZE] += 1
    last = history.state[_SIZE] - 1
    line = (history.state[_FIRST] + last) % MEMORY
    for k in range(step.shape[0]):
        history.s[line, k] = history.by_element[0, k, line] = step[k]
        history.y[line, k] = history.by_element[1, k, line] = change[k]
    longest = norm(change)
    history.theta[0] = longest * longest / curvature
    _multiply(history, last, line)
    squared = length * length
    history.ss[last, last] = squared if scale == 1.0 else scale * scale * squared
    history.sy[last, last] = curvature


@inner
def _multiply(history, last, line):
    """The inner products that the newest step adds, also those that ``formk`` takes in the source."""
    sums = history.sums
    _ten_sums(history.by_element[0], history.y[line], 1.0, sums[0])
    _ten_sums(history.by_element[1], history.y[line], 1.0, sums[1])
    for i in range(last + 1):
        other = (history.state[_FIRST] + i) % MEMORY
        history.sy_plain[i, last] = sums[0, other]
        history.yy[last, i] = sums[1, other]
        if i < last:
            history.sy[last, i] = dot64(history.s[line], history.y[other])
            history.ss[i, last] = dot64(history.s[other], history.s[line])


# Ten named sums stay in registers; as an array they take 80 us instead of 20.
@inner
def _ten_sums(lines, vector, sign, out):
    """``lines' vector`` for ``lines (n, 10)``, of the vector or its opposite; each sum in order of the elements."""
    a = b = c = d = e = f = g = h = i = j = 0.0
    for k in range(vector.shape[0]):
        x = sign * vector[k]
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


@inner
def formk(history, size):
    """Factor the middle matrix ``[[D + Y'Y / theta, L'], [L, theta S'S]]``, of which only free variables are left."""
    u, theta = history.factor, history.theta[0]  # u[j, i]: row i, column j
    for i in range(size):
        for j in range(i + 1):
            u[i, j] = history.yy[i, j] / theta
            u[size + i, size + j] = 0.0
        for j in range(size):
            u[size + i, j] = history.sy_plain[i, j] if j >= i else 0.0
        u[i, i] = u[i, i] + history.sy[i, i]
    if not cholesky(u, 0, size):
        return False
    if size > 1:
        solve_transposed_columns(u, size, 2 * size)
    else:
        solve_transposed(u, u[1, :1])
    for i in range(size):
        for j in range(i, size):
            u[size + j, size + i] += dot64(u[size + i, :size], u[size + j, :size])
    return cholesky(u, size, 2 * size)


@inner
def formt(history):
    """Whether ``theta S'S + L D^-1 L'`` has a Cholesky factor."""
    size, theta, sy = history.state[_SIZE], history.theta[0], history.sy
    u = history.trial
    for j in range(size):
        u[j, 0] = theta * history.ss[0, j]
    for i in range(1, size):
        for j in range(i, size):
            total = 0.0
            for k in range(i):
                total = total + ((sy[i, k] * sy[j, k]) / sy[k, k])
            u[j, i] = total + theta * history.ss[i, j]
    return cholesky(u, 0, size)
