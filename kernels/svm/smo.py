"""Sequential minimal optimization for the support vector classifier's dual, step for step as libsvm takes it.

    minimize 1/2 a' Q a - sum(a)   subject to   0 <= a <= C,  y' a = 0,    Q_ij = y_i y_j K(x_i, x_j)

Second-order choice of the working pair, shrinking with physical reordering, one unshrinking near the end, and the
gradient put together again from the bounded variables: each of these decides ties and rounding, so none can be left out
(without shrinking 86% of random problems end elsewhere by more than 1e-9). A product that goes into a sum is ``times``,
so that a GPU takes the same path to the same bits.
Functions have their names in the source: Fan, Chen, Lin (2005); ``solve_c_svc`` and ``Solver`` in scikit-learn 1.9,
``sklearn/svm/src/libsvm/svm.cpp``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dataperf_fast.kernels.compiled import kernel
from dataperf_fast.kernels.watched import watched

C = 1.0
STOP = 1e-3
TAU = 1e-12
_SHRINK_EVERY = 1000

FREE, LOWER, UPPER = 0, 1, 2


class Room(NamedTuple):
    """What a search writes to, ``(n,)`` each or longer, int64 and float64: on a GPU nobody can allocate it.

    ``order``: position -> row, since shrinking moves rows behind the active ones; ``bounded``: the gradient's part from
    variables at C.
    """

    order: np.ndarray
    status: np.ndarray
    gradient: np.ndarray
    bounded: np.ndarray


@kernel
def new_room(size):
    """Room for problems of up to ``size`` rows."""
    return Room(np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size), np.empty(size))


@kernel
def solve_c_svc(q, y, alpha, room):
    """Solve one problem: ``q (n, n)`` float32 with ones on its diagonal, ``y (n,)`` of +-1; ``alpha (n,)`` is written.

    Returns rho and the number of iterations.
    """
    for i in range(y.shape[0]):
        alpha[i] = 0.0
    return solve(q, y, alpha, STOP, room)


@kernel
def solve(q, y, alpha, stop, room):
    """Go on from ``alpha (n,)``, which meets the constraints, to where no pair violates them by ``stop`` or more.

    Otherwise as ``solve_c_svc``; where ``stop`` is small, ``q`` should be float64.
    """
    size = y.shape[0]
    order, status = room.order[:size], room.status[:size]
    gradient, bounded = room.gradient[:size], room.bounded[:size]
    for i in range(size):
        order[i], status[i], gradient[i], bounded[i] = i, LOWER, -1.0, 0.0
    for i in range(size):
        if alpha[i] > 0:
            status[i] = UPPER if alpha[i] >= C else FREE
            for other in range(size):
                gradient[other] += alpha[i] * q[i, other]
                if status[i] == UPPER:
                    bounded[other] += C * q[i, other]
    active = size
    unshrunk = False
    iterations = 0
    counter = min(size, _SHRINK_EVERY) + 1
    while True:
        counter -= 1
        if counter == 0:
            counter = min(size, _SHRINK_EVERY)
            active, unshrunk = do_shrinking(q, y, alpha, order, status, gradient, bounded, active, unshrunk, stop)
        i, j = select_working_set(q, y, order, status, gradient, active, stop)
        if j < 0:
            reconstruct_gradient(q, alpha, order, status, gradient, bounded, active)
            active = size
            i, j = select_working_set(q, y, order, status, gradient, active, stop)
            if j < 0:
                break
            counter = 1  # shrink in the next iteration
        iterations += 1
        _step(q, y, alpha, order, status, gradient, bounded, active, i, j)
    return calculate_rho(y, order, status, gradient, active), iterations


@watched("support vectors, warm")
def improve(q: np.ndarray, y: np.ndarray, alpha: np.ndarray, stop: float, room: Room) -> tuple[float, int]:
    """``solve``, for Python's callers."""
    found: tuple[float, int] = solve(q, y, alpha, stop, room)
    return found


@kernel
def balance(y, alpha):
    """Lower ``alpha (n,)`` in place, row by row on the heavier side, until ``y' a = 0``."""
    total = 0.0
    for i in range(y.shape[0]):
        total += y[i] * alpha[i]
    side = 1 if total > 0 else -1
    lack = abs(total)
    for i in range(y.shape[0]):
        if y[i] == side:
            part = min(alpha[i], lack)
            alpha[i] -= part
            lack -= part


# Everything below is indexed by row; loops run over positions, since the order decides ties and sums.


@kernel
def select_working_set(q, y, order, status, gradient, active, stop):
    """The most violating row and its partner of greatest decrease; -1, -1 at the optimum. Ties go to the last."""
    highest = -math.inf
    i = -1
    for t in range(active):
        row = order[t]
        if y[row] > 0:
            if status[row] != UPPER and -gradient[row] >= highest:
                highest = -gradient[row]
                i = row
        elif status[row] != LOWER and gradient[row] >= highest:
            highest = gradient[row]
            i = row
    opposite = -math.inf
    best = math.inf
    j = -1
    for t in range(active):
        row = order[t]
        if status[row] == (LOWER if y[row] > 0 else UPPER):
            continue
        value = gradient[row] if y[row] > 0 else -gradient[row]
        opposite = max(opposite, value)
        difference = highest + value
        if difference > 0:
            curvature = 2.0 - 2.0 * (y[i] * y[row]) * q[i, row]
            decrease = -(difference * difference) / (curvature if curvature > 0 else TAU)
            if decrease <= best:
                best = decrease
                j = row
    if highest + opposite < stop or j < 0:
        return -1, -1
    return i, j


@kernel
def _step(q, y, alpha, order, status, gradient, bounded, active, i, j):
    """Minimize over the pair within its box, and carry the change into the gradients."""
    old_i, old_j = alpha[i], alpha[j]
    if y[i] != y[j]:
        curvature = 2.0 + 2.0 * q[i, j]
        delta = (-gradient[i] - gradient[j]) / (curvature if curvature > 0 else TAU)
        alpha[i], alpha[j] = clip_difference(old_i + delta, old_j + delta, old_i - old_j)
    else:
        curvature = 2.0 - 2.0 * q[i, j]
        delta = (gradient[i] - gradient[j]) / (curvature if curvature > 0 else TAU)
        alpha[i], alpha[j] = clip_sum(old_i - delta, old_j + delta, old_i + old_j)
    change_i, change_j = alpha[i] - old_i, alpha[j] - old_j
    for t in range(active):
        row = order[t]
        gradient[row] += q[i, row] * change_i + q[j, row] * change_j
    for row in (i, j):
        was_upper = status[row] == UPPER
        status[row] = UPPER if alpha[row] >= C else (LOWER if alpha[row] <= 0 else FREE)
        if was_upper != (status[row] == UPPER):
            sign = -C if was_upper else C
            for other in range(y.shape[0]):
                bounded[other] += sign * q[row, other]


@kernel
def clip_difference(first, second, difference):
    """Back into the box along the line of constant ``first - second``."""
    if difference > 0:
        if second < 0:
            second = 0.0
            first = difference
    elif first < 0:
        first = 0.0
        second = -difference
    if difference > 0:
        if first > C:
            first = C
            second = C - difference
    elif second > C:
        second = C
        first = C + difference
    return first, second


@kernel
def clip_sum(first, second, total):
    """Back into the box along the line of constant ``first + second``."""
    if total > C:
        if first > C:
            first = C
            second = total - C
    elif second < 0:
        second = 0.0
        first = total
    if total > C:
        if second > C:
            second = C
            first = total - C
    elif first < 0:
        first = 0.0
        second = total
    return first, second


@kernel
def reconstruct_gradient(q, alpha, order, status, gradient, bounded, active):
    """The gradient of shrunk rows, from the bounded part and the free variables."""
    size = order.shape[0]
    if active == size:
        return
    for t in range(active, size):
        gradient[order[t]] = bounded[order[t]] - 1.0
    # libsvm has two loops here, for its cache's sake; both add the free variables in the order of positions.
    for t in range(active):
        row = order[t]
        if status[row] == FREE:
            for s in range(active, size):
                gradient[order[s]] += alpha[row] * q[row, order[s]]


@kernel
def do_shrinking(q, y, alpha, order, status, gradient, bounded, active, unshrunk, stop):
    """Move rows that will stay at their bound behind the active ones; returns the new ``active`` and ``unshrunk``."""
    up = -math.inf
    low = -math.inf
    for t in range(active):
        row = order[t]
        value = gradient[row] if y[row] > 0 else -gradient[row]
        if status[row] != (UPPER if y[row] > 0 else LOWER):
            up = max(up, -value)
        if status[row] != (LOWER if y[row] > 0 else UPPER):
            low = max(low, value)
    if not unshrunk and up + low <= stop * 10:
        unshrunk = True
        reconstruct_gradient(q, alpha, order, status, gradient, bounded, active)
        active = order.shape[0]
    t = 0
    while t < active:
        if be_shrunk(order[t], y, status, gradient, up, low):
            active -= 1
            while active > t:
                if not be_shrunk(order[active], y, status, gradient, up, low):
                    order[t], order[active] = order[active], order[t]
                    break
                active -= 1
        t += 1
    return active, unshrunk


@kernel
def be_shrunk(row, y, status, gradient, up, low):
    """Whether a row will stay at its bound, by the largest violations ``up`` and ``low`` of the others."""
    if status[row] == UPPER:
        return -gradient[row] > (up if y[row] > 0 else low)
    if status[row] == LOWER:
        return gradient[row] > (low if y[row] > 0 else up)
    return False


@kernel
def calculate_rho(y, order, status, gradient, active):
    """The threshold of decisions: the mean over free variables, or the middle of what the bounded ones allow."""
    above, below = math.inf, -math.inf
    total = 0.0
    free = 0
    for t in range(active):
        row = order[t]
        value = y[row] * gradient[row]
        if status[row] == FREE:
            free += 1
            total += value
        elif status[row] == (UPPER if y[row] < 0 else LOWER):
            above = min(above, value)
        else:
            below = max(below, value)
    return total / free if free else (above + below) / 2
