"""Support vectors at the optimum for many label states side by side on a GPU: a state a block.

    minimize  1/2 a' Q a - sum a,   0 <= a <= C,  y' a = 0,   Q_ij = y_i y_j K_ij

by libsvm's working sets of second order, as ``smo.py``, but each search for a pair by all threads of the block, nothing
shrunk, and in the fast tier: the optimum can be reached on any path. All states share K; what changes is on the chip.
Source: Fan, Chen, Lin (2005), Working set selection using second order information, for the pairs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import cuda

from dataperf_fast.kernels.launch import gpu_kernel, launch
from dataperf_fast.kernels.svm.smo import TAU, C, clip_difference, clip_sum

LARGEST = 1024  # rows: a block keeps two numbers of each
THREADS = 256
_PAIRS = 1_000_000  # then it is not solved


def solve(gram: Any, signs: Any, stop: float, xp: Any) -> tuple[Any, Any, Any]:
    """Solve for ``signs (S, n)`` float64 of +-1, both in each line, with ``gram (n, n)``: no pair violates by ``stop``.

    All arrays are on the device. Returns alpha ``(S, n)``, rho ``(S,)``, and whether each is solved, ``(S,)`` bool.
    """
    states, rows = signs.shape
    alpha, gradient, pairs = xp.empty((states, rows)), xp.empty((states, rows)), xp.empty(states, np.int64)
    launch(solve_states, states, THREADS, gram, signs, stop, alpha, gradient, pairs)
    value, free = signs * gradient, (alpha > 0) & (alpha < C)
    caps = (alpha >= C) == (signs < 0)  # of the bounded: those from which the threshold is below
    above = xp.where(~free & caps, value, math.inf).min(axis=1)
    below = xp.where(~free & ~caps, value, -math.inf).max(axis=1)
    count = free.sum(axis=1)
    mean = xp.where(free, value, 0.0).sum(axis=1) / xp.maximum(count, 1)
    return alpha, xp.where(count > 0, mean, (above + below) / 2), pairs < _PAIRS


@gpu_kernel
def solve_states(gram, signs, stop, alpha, gradient, pairs):
    """Set ``alpha`` and ``gradient (S, n)``, and how many pairs each state took, ``pairs (S,)``."""
    state, thread = cuda.blockIdx.x, cuda.threadIdx.x
    rows, y = signs.shape[1], signs[state]
    a = cuda.shared.array(LARGEST, np.float64)  # a line each: by it the simulator tells them apart
    g = cuda.shared.array(LARGEST, np.float64)
    best = cuda.shared.array(THREADS, np.float64)
    place = cuda.shared.array(THREADS, np.int64)
    moved = cuda.shared.array(2, np.float64)
    for t in range(thread, rows, THREADS):
        a[t], g[t] = 0.0, -1.0
    cuda.syncthreads()
    taken = 0
    while taken < _PAIRS:
        highest, i = _steepest(thread, y, a, g)
        highest, i = _largest(best, place, highest, i)
        opposite, gain, j = _partner(thread, gram, y, a, g, highest, i)
        opposite, _ = _largest(best, place, opposite, 0)
        gain, j = _largest(best, place, gain, j)
        if i < 0 or j < 0 or highest + opposite < stop:
            break
        if thread == 0:
            moved[0], moved[1] = _step(gram[i, j], y[i], y[j], a, g, i, j)
        cuda.syncthreads()
        for t in range(thread, rows, THREADS):
            g[t] += y[t] * (y[i] * gram[i, t] * moved[0] + y[j] * gram[j, t] * moved[1])
        cuda.syncthreads()
        taken += 1
    for t in range(thread, rows, THREADS):
        alpha[state, t], gradient[state, t] = a[t], g[t]
    if thread == 0:
        pairs[state] = taken


@cuda.jit(device=True, inline="always")
def _steepest(thread, y, a, g):
    """Of a thread's rows that may go up, the one with the most to gain."""
    highest, i = -math.inf, -1
    for t in range(thread, y.shape[0], THREADS):
        if (a[t] < C if y[t] > 0 else a[t] > 0) and -y[t] * g[t] > highest:
            highest, i = -y[t] * g[t], t
    return highest, i


@cuda.jit(device=True, inline="always")
def _partner(thread, gram, y, a, g, highest, i):
    """Of a thread's rows that may go down: the largest violation, and the one that gains most with ``i``, and what."""
    opposite, gain, j = -math.inf, 0.0, -1
    for t in range(thread, y.shape[0], THREADS):
        if i >= 0 and (a[t] > 0 if y[t] > 0 else a[t] < C):
            opposite, difference = max(opposite, y[t] * g[t]), highest + y[t] * g[t]
            own = difference * difference / max(2.0 - 2.0 * gram[i, t], TAU)
            if difference > 0 and own > gain:
                gain, j = own, t
    return opposite, gain, j


@cuda.jit(device=True, inline="always")
def _largest(best, place, value, at):
    """The largest of the threads' values and its place, of equals the lowest; for all threads."""
    thread = cuda.threadIdx.x
    best[thread], place[thread] = value, at
    cuda.syncthreads()
    half = THREADS // 2
    while half:
        if thread < half:
            other = thread + half
            equal = best[other] == best[thread] and 0 <= place[other] < place[thread]
            if best[other] > best[thread] or equal:
                best[thread], place[thread] = best[other], place[other]
        cuda.syncthreads()
        half //= 2
    found = best[0], place[0]
    cuda.syncthreads()
    return found


@cuda.jit(device=True, inline="always")
def _step(kernel_value, y_i, y_j, a, g, i, j):
    """Minimize over a pair within its box: how far both have moved."""
    old_i, old_j = a[i], a[j]
    curvature = max(2.0 - 2.0 * kernel_value, TAU)
    if y_i != y_j:
        delta = (-g[i] - g[j]) / curvature
        a[i], a[j] = clip_difference(old_i + delta, old_j + delta, old_i - old_j)
    else:
        delta = (g[i] - g[j]) / curvature
        a[i], a[j] = clip_sum(old_i - delta, old_j + delta, old_i + old_j)
    return a[i] - old_i, a[j] - old_j
