"""Two-class logistic regression at its optimum, from the Gram matrix alone, from any start.

    minimize  sum_i log(1 + exp(-s_i z_i)) + 1/(2 C) |w|^2,   z = X w + b,   s_i = +-1

At the optimum ``w = C sum_i s_i m_i x_i`` with ``m_i = 1 / (1 + exp(s_i z_i))``, what row i lacks to certainty. So with
K = X X' the n + 1 unknowns m and b solve

    C K (s m) + b - s log((1 - m) / m) = 0,   sum s m = 0

by Newton's method: the matrix is K plus the diagonal ``1 / (C m (1 - m))``, positive definite, bordered by ones. In m,
and not in z, a changed label is a small step: the row's s is turned, its m and all others are nearly right. (In z
the fixed point of the same start took four times the steps; a matrix kept from an earlier label state did not
converge, since the diagonal spans ten orders of magnitude.)
Source: Yu, Huang, Lin (2011), Dual coordinate descent methods for logistic regression, for the dual; Boyd and
Vandenberghe, Convex Optimization, 10.3, for the damping.
"""

from __future__ import annotations

import math

import numpy as np

from dataperf_fast.kernels.arithmetic.dot import dot64
from dataperf_fast.kernels.arithmetic.logarithm import log
from dataperf_fast.kernels.arithmetic.matrix_vector import four_rows_times, rows_times64
from dataperf_fast.kernels.arithmetic.sums import pairwise_sum
from dataperf_fast.kernels.compiled import inner, kernel
from dataperf_fast.kernels.watched import watched

C = 1.0
TOLERANCE = 1e-10  # of the equations, in logits
STEPS = 100
HALVINGS = 30


def start(signs: np.ndarray) -> np.ndarray:
    """The cold start ``(n + 1,)``, m and then b: every row gets the share of the other class."""
    positive = (signs > 0).sum() / len(signs)
    return np.append(np.where(signs > 0, 1 - positive, positive), log(positive / (1 - positive)))


@watched("logistic regression in the dual")
@kernel
def solve(gram, signs, solution):
    """Move ``solution (n + 1,)``, m and then b, to the optimum for ``gram (n, n)`` and ``signs (n,)``, all float64.

    m must lie within (0, 1) and ``signs`` hold both. Returns the largest error of the equations, over ``TOLERANCE``
    only where rounding or the limit of steps ended the search, and the steps taken.
    """
    rows = signs.shape[0]
    residual, trial, tried = np.empty(rows + 1), np.empty(rows + 1), np.empty(rows + 1)
    matrix, sides = np.empty((rows, rows)), np.empty((2, rows))
    length = _residual(gram, signs, solution, residual)
    for step in range(STEPS):
        if np.abs(residual).max() <= TOLERANCE or not _direction(gram, signs, solution, residual, matrix, sides):
            return np.abs(residual).max(), step
        share = _longest(sides[0], solution)
        moved = False
        for _ in range(HALVINGS):
            for i in range(rows):
                trial[i] = solution[i] + share * sides[0, i]
            trial[rows] = solution[rows] + share * sides[1, 0]
            reached = _residual(gram, signs, trial, tried)
            if reached <= (1 - 0.01 * share) * length:
                moved = True
                break
            share *= 0.5
        if not moved:
            return np.abs(residual).max(), step
        solution[:] = trial
        residual[:] = tried
        length = reached
    return np.abs(residual).max(), STEPS


@inner
def _residual(gram, signs, solution, residual):
    """Set ``residual (n + 1,)`` to the equations' errors, and return its length."""
    rows = signs.shape[0]
    dual = np.empty(rows)
    total = 0.0
    for i in range(rows):
        dual[i] = C * signs[i] * solution[i]
        total += dual[i]
    rows_times64(gram, dual, residual[:rows])
    residual[rows] = total
    for i in range(rows):
        residual[i] += solution[rows] - signs[i] * log((1.0 - solution[i]) / solution[i])
    return math.sqrt(dot64(residual, residual))


@inner
def _direction(gram, signs, solution, residual, matrix, sides):
    """Newton's step: of m in ``sides[0]``, of b in ``sides[1, 0]``; False where the matrix is not positive."""
    rows = signs.shape[0]
    matrix[:] = gram
    for i in range(rows):
        matrix[i, i] += 1.0 / (C * solution[i] * (1.0 - solution[i]))
        sides[0, i], sides[1, i] = residual[i], 1.0
    if not factorize(matrix):
        return False
    solve_factored(matrix, sides[0])
    solve_factored(matrix, sides[1])
    intercept = (residual[rows] - pairwise_sum(sides[0])) / pairwise_sum(sides[1])
    for i in range(rows):
        sides[0, i] = -(sides[0, i] + intercept * sides[1, i]) * signs[i] / C
    sides[1, 0] = intercept
    return True


# Four rows' sums at a time: one at a time takes twice as long.
@kernel(error_model="numpy")
def factorize(matrix):
    """Set the lower triangle of ``matrix (n, n)`` to its Cholesky factor; False where it is not positive."""
    rows, sums = matrix.shape[0], np.empty(4)
    for first in range(0, rows, 4):
        for j in range(min(first + 4, rows)):
            begin, whole = max(first, j), j - j % 4
            if first + 4 <= rows:
                four = matrix[first], matrix[first + 1], matrix[first + 2], matrix[first + 3]
                four_rows_times(four, matrix[j], 0, whole, sums)
            else:
                for i in range(first, rows):
                    sums[i - first] = dot64(matrix[i, :whole], matrix[j, :whole])
            for i in range(begin, min(first + 4, rows)):
                value = matrix[i, j] - sums[i - first]
                for k in range(whole, j):
                    value -= matrix[i, k] * matrix[j, k]
                if i > j:
                    matrix[i, j] = value / matrix[j, j]
                elif value > 0:
                    matrix[j, j] = math.sqrt(value)
                else:
                    return False
    return True


@inner
def solve_factored(factor, side):
    """Solve ``L L' x = side (n,)`` in place for the ``factor (n, n)``'s lower triangle."""
    for i in range(side.shape[0]):
        side[i] = (side[i] - dot64(factor[i, :i], side[:i])) / factor[i, i]
    for i in range(side.shape[0] - 1, -1, -1):
        side[i] /= factor[i, i]
        for k in range(i):
            side[k] -= side[i] * factor[i, k]


@inner
def _longest(change, solution):
    """How much of the step keeps every m within (0, 1), at most all of it."""
    share = 1.0
    for i in range(change.shape[0]):
        room = solution[i] if change[i] < 0 else 1.0 - solution[i]
        if abs(change[i]) * share > 0.9 * room:
            share = 0.9 * room / abs(change[i])
    return share
