"""The loop of L-BFGS: whoever evaluates the function calls ``mainlb`` with its value until that returns True.

The function stands with its caller, since compiled code that takes a function cannot be cached. Steps, tests and their
order are those of SciPy's L-BFGS-B without bounds, as scikit-learn's ``LogisticRegression`` calls it.
Source: ``mainlb``, ``lnsrlb`` and ``projgr`` in SciPy 1.15 and later, ``scipy/optimize/__lbfgsb.c``; the parts:
``history.py`` and ``dcsrch.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataperf_fast.kernels.arithmetic.dot import dot64
from dataperf_fast.kernels.arithmetic.norm import norm
from dataperf_fast.kernels.compiled import inlined, inner
from dataperf_fast.kernels.lbfgs import dcsrch
from dataperf_fast.kernels.lbfgs.history import EPSILON, History, aim, forget, new_history, size_of, update

TOLERANCE, ITERATIONS, STEPS = 1e-4, 100, 50
_GAIN = 64 * EPSILON

# Positions in ``Minimizer.counts`` and ``Minimizer.start``.
_DONE, _TRIED, _SEARCHING = 0, 1, 2
_VALUE, _SLOPE, _LENGTH = 0, 1, 2
_START, _EVALUATE, _NEW_X, _FAILED = 0, 1, 2, 3  # what to do next: the source's task


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
def mainlb(search, value):
    """Take in the function's ``value`` and gradient at ``x``; True where the search ends, else ``x`` is the next point.

    At the end ``x`` is the result.
    """
    task, slope, on_line = _START, 0.0, search.counts[_SEARCHING] == 1
    while True:
        if on_line:  # the only call there is: it is compiled into this
            task, slope = lnsrlb(search, value)
        if task == _EVALUATE:
            return False
        if task == _FAILED:
            if not _restart(search):
                return True
            value = search.start[_VALUE]
        elif task == _NEW_X and _arrive(search, value, slope):
            return True
        if not (projgr(search.gradient) > TOLERANCE and search.counts[_DONE] < ITERATIONS):
            return True
        while not aim(search.history, search.x, search.gradient, search.direction, search.target):
            pass  # without a history it does not fail
        for k in range(search.x.shape[0]):
            search.direction[k] = search.target[k] - search.x[k]
        search.counts[_SEARCHING], on_line = 0, True


@inner
def lnsrlb(search, value):
    """Begin a line search at ``x``, or go on with one; returns what comes next, and the slope at ``x``.

    ``_EVALUATE``: the function is wanted at ``x``, the next point; ``_NEW_X``: the line search ended at ``x``;
    ``_FAILED``: it leads up, or was too long.
    """
    direction = search.direction
    slope = dot64(search.gradient, direction)
    if search.counts[_SEARCHING] == 0:
        for k in range(direction.shape[0]):
            search.before[k], search.before_gradient[k] = search.x[k], search.gradient[k]
        length = norm(direction)
        search.start[_VALUE], search.start[_SLOPE], search.start[_LENGTH] = value, slope, length
        dcsrch.start(search.line, value, slope, 1.0 / length if search.counts[_DONE] == 0 else 1.0)
        search.counts[_TRIED], search.counts[_SEARCHING] = 0, 1
        failed = not slope < 0  # nor is there a way where it is no number
    else:
        search.counts[_TRIED] += 1
        if dcsrch.dcsrch(search.line, value, slope):
            return _NEW_X, slope
        failed = search.counts[_TRIED] > STEPS
    if failed:
        return _FAILED, slope
    scale = search.line[dcsrch.STEP]
    for k in range(direction.shape[0]):
        search.x[k] = search.target[k] if scale == 1.0 else scale * direction[k] + search.before[k]
    return _EVALUATE, slope


@inlined
def _arrive(search, value, slope):
    """Update the history at the end of a line search; True where that gained too little to go on."""
    search.counts[_DONE] += 1
    before = search.start[_VALUE]
    if before - value <= _GAIN * max(max(abs(before), abs(value)), 1.0):  # noqa: PLW3301 numba has max of two
        return True
    change = search.before_gradient
    for k in range(change.shape[0]):
        change[k] = search.gradient[k] - change[k]
    scale = search.line[dcsrch.STEP]
    update(search.history, search.direction, change, scale, slope, search.start[_SLOPE], search.start[_LENGTH])
    return False


@inner
def _restart(search):
    """No way down: back to where the line search began, without a history; False where there was none already."""
    for k in range(search.x.shape[0]):
        search.x[k], search.gradient[k] = search.before[k], search.before_gradient[k]
    if size_of(search.history) == 0:
        return False
    forget(search.history)
    return True


@inner
def projgr(gradient):
    """The largest absolute element of the gradient, which without bounds is its own projection."""
    largest = 0.0
    for k in range(gradient.shape[0]):
        largest = max(largest, abs(gradient[k]))
    return largest
