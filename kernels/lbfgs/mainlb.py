"""The loop of L-BFGS: whoever evaluates the function calls ``advance`` with its value until that returns True.

The function stands with its caller, since compiled code that takes a function cannot be cached. Steps, tests and their
order are those of SciPy's L-BFGS-B without bounds, as scikit-learn's ``LogisticRegression`` calls it.
Source: ``mainlb`` and ``lnsrlb`` in SciPy 1.15 and later, ``scipy/optimize/__lbfgsb.c``; the parts: ``history.py`` and
``dcsrch.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from dataperf_fast.kernels.arithmetic.dot import dot64
from dataperf_fast.kernels.arithmetic.norm import norm
from dataperf_fast.kernels.compiled import inner
from dataperf_fast.kernels.lbfgs import dcsrch
from dataperf_fast.kernels.lbfgs.history import EPSILON, History, add, aim, forget, new_history, size_of

TOLERANCE, ITERATIONS, STEPS = 1e-4, 100, 50
_GAIN = 64 * EPSILON

# Positions in ``Minimizer.counts`` and ``Minimizer.start``.
_DONE, _TRIED, _SEARCHING = 0, 1, 2
_VALUE, _SLOPE, _LENGTH = 0, 1, 2


class Minimizer(NamedTuple):
    """A search in n variables: ``x (n,)`` is where the function is wanted, ``gradient (n,)`` takes its gradient there.

    ``before``, ``before_gradient`` and ``start (3,)`` (value, slope, length of the direction) are where the line search
    began, ``line`` its state; ``counts (3,)``: iterations done, points tried on the line, whether on one.
    """

    history: History
    x: np.ndarray
    gradient: np.ndarray
    before: np.ndarray
    before_gradient: np.ndarray
    direction: np.ndarray
    target: np.ndarray
    line: np.ndarray
    start: np.ndarray
    counts: np.ndarray


def new_minimizer(variables: int) -> Minimizer:
    """A search from zero."""
    x, gradient, before, before_gradient, direction, target = (np.zeros(variables) for _ in range(6))
    return Minimizer(
        new_history(variables), x, gradient, before, before_gradient, direction, target,
        np.zeros(dcsrch.SIZE), np.zeros(3), np.zeros(3, np.int64),
    )  # fmt: skip


@inner
def advance(search, value):
    """Take in the function's ``value`` and gradient at ``x``; True where the search ends, else ``x`` is the next point.

    At the end ``x`` is the result.
    """
    if search.counts[_SEARCHING] == 1:
        slope = dot64(search.gradient, search.direction)
        search.counts[_TRIED] += 1
        if not dcsrch.advance(search.line, value, slope):
            if search.counts[_TRIED] <= STEPS:
                _step(search)
                return False
            if not _restart(search):
                return True
            value = search.start[_VALUE]
        elif _arrive(search, value, slope):
            return True
    return _turn(search, value)


@njit(inline="always")
def _arrive(search, value, slope):
    """End a line search at ``x``; True where it gained too little to go on."""
    search.counts[_DONE] += 1
    before = search.start[_VALUE]
    if before - value <= _GAIN * max(max(abs(before), abs(value)), 1.0):  # noqa: PLW3301 numba has max of two
        return True
    change = search.before_gradient
    for k in range(change.shape[0]):
        change[k] = search.gradient[k] - change[k]
    scale = search.line[dcsrch.STEP]
    add(search.history, search.direction, change, scale, slope, search.start[_SLOPE], search.start[_LENGTH])
    return False


@njit(inline="always")
def _turn(search, value):
    """Begin a line search at ``x`` in the direction of the model's minimum; True where there is nothing more to do."""
    x, direction, target = search.x, search.direction, search.target
    while _largest(search.gradient) > TOLERANCE and search.counts[_DONE] < ITERATIONS:
        if not aim(search.history, x, search.gradient, direction, target):
            continue
        for k in range(x.shape[0]):
            direction[k] = target[k] - x[k]
            search.before[k], search.before_gradient[k] = x[k], search.gradient[k]
        length, slope = norm(direction), dot64(search.gradient, direction)
        search.start[_VALUE], search.start[_SLOPE], search.start[_LENGTH] = value, slope, length
        dcsrch.begin(search.line, value, slope, 1.0 / length if search.counts[_DONE] == 0 else 1.0)
        search.counts[_TRIED], search.counts[_SEARCHING] = 0, 1
        if slope < 0:
            _step(search)
            return False
        if not _restart(search):
            return True
    return True


@inner
def _restart(search):
    """No way down: back to where the line search began, without a history; False where there was none already."""
    search.x[:], search.gradient[:] = search.before, search.before_gradient
    if size_of(search.history) == 0:
        return False
    forget(search.history)
    return True


@inner
def _step(search):
    """Move ``x`` along the direction as far as the line search says."""
    scale = search.line[dcsrch.STEP]
    for k in range(search.x.shape[0]):
        search.x[k] = search.target[k] if scale == 1.0 else scale * search.direction[k] + search.before[k]


@inner
def _largest(gradient):
    largest = 0.0
    for k in range(gradient.shape[0]):
        largest = max(largest, abs(gradient[k]))
    return largest
