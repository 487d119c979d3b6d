"""The line search of More and Thuente, step for step as SciPy's L-BFGS-B takes it.

Finds a step with f(step) <= f(0) + 1e-3 step f'(0) and |f'(step)| <= 0.9 |f'(0)|, or the last one that rounding allows.
A search is one array: call ``start``, then ``dcsrch`` with what was found at ``search[STEP]``, until it returns True.
Source: More, Thuente (1994); ``dcsrch`` and ``dcstep`` in SciPy's ``scipy/optimize/__lbfgsb.c``.
"""

from __future__ import annotations

import math

import numpy as np

from dataperf_fast.kernels.compiled import inner

_DECREASE, _CURVATURE, _WIDTH = 1e-3, 0.9, 0.1
_LARGEST = 1e10

# The next step; value and slope at 0; step, value and slope of the best point and of the other end of its interval;
# what the next step may be; the interval's last width and the one before; flags.
STEP, _VALUE, _SLOPE, _BEST, _OTHER, _LOW, _HIGH, _LAST, _BEFORE, _BRACKETED, _FIRST_STAGE = (
    0,
    1,
    2,
    3,
    6,
    9,
    10,
    11,
    12,
    13,
    14,
)
SIZE = 15


@inner
def start(search, value, slope, step):
    """Start from ``value`` and ``slope`` at 0, with a first ``step``; ``search (15,)`` float64 is overwritten."""
    search[STEP] = min(step, _LARGEST)
    search[_VALUE], search[_SLOPE] = value, slope
    for point in (_BEST, _OTHER):
        search[point], search[point + 1], search[point + 2] = 0.0, value, slope
    search[_LOW], search[_HIGH] = 0.0, search[STEP] + 4.0 * search[STEP]
    search[_LAST], search[_BEFORE] = _LARGEST, _LARGEST / 0.5
    search[_BRACKETED], search[_FIRST_STAGE] = 0.0, 1.0


@inner
def dcsrch(search, value, slope):
    """Take in the function at ``search[STEP]``; True where the search ends there, else the step is the next one."""
    step = search[STEP]
    aim = _DECREASE * search[_SLOPE]
    test = search[_VALUE] + step * aim
    if search[_FIRST_STAGE] == 1 and value <= test and slope >= 0:
        search[_FIRST_STAGE] = 0.0
    if _ends(search, value, slope, test, aim):
        return True
    if search[_FIRST_STAGE] == 1 and test < value <= search[_BEST + 1]:
        _tilt(search, aim)
        step = dcstep(search, step, value - step * aim, slope - aim)
        _tilt(search, -aim)
    else:
        step = dcstep(search, step, value, slope)
    search[STEP] = _within(search, step)
    return False


@inner
def _tilt(search, aim):
    """Take the line of slope ``aim`` off both points."""
    for point in (_BEST, _OTHER):
        search[point + 1] -= search[point] * aim
        search[point + 2] -= aim


@inner
def _ends(search, value, slope, test, aim):
    """The tests for convergence, and those for what the source warns of."""
    step, low, high = search[STEP], search[_LOW], search[_HIGH]
    if search[_BRACKETED] == 1 and (step <= low or step >= high or high - low <= _WIDTH * high):
        return True
    if step == _LARGEST and value <= test and slope <= aim:
        return True
    if step == 0 and (value > test or slope >= aim):
        return True
    return value <= test and abs(slope) <= _CURVATURE * -search[_SLOPE]


@inner
def _within(search, step):
    """Keep the interval shrinking, and the step in it."""
    best, other = search[_BEST], search[_OTHER]
    bracketed = search[_BRACKETED] == 1
    if bracketed:
        if abs(other - best) >= 0.66 * search[_BEFORE]:
            step = best + 0.5 * (other - best)
        search[_BEFORE] = search[_LAST]
        search[_LAST] = abs(other - best)
        search[_LOW], search[_HIGH] = min(best, other), max(best, other)
    else:
        search[_LOW], search[_HIGH] = step + 1.1 * (step - best), step + 4.0 * (step - best)
    step = min(max(step, 0.0), _LARGEST)
    low, high = search[_LOW], search[_HIGH]
    if bracketed and (step <= low or step >= high or high - low <= _WIDTH * high):
        step = best
    return step


@inner
def dcstep(search, step, value, slope):
    """Put the new point in its place, and return a step by cubic or quadratic interpolation."""
    best_step, best_value, best_slope = search[_BEST], search[_BEST + 1], search[_BEST + 2]
    opposite = slope * (best_slope / abs(best_slope)) < 0
    if value > best_value:
        next_step = _first_case(best_step, best_value, best_slope, step, value, slope)
    elif opposite:
        next_step = _second_case(best_step, best_value, best_slope, step, value, slope)
    elif abs(slope) < abs(best_slope):
        next_step = _third_case(search, step, value, slope)
    else:
        next_step = _fourth_case(search, step, value, slope)
    if value > best_value or opposite:
        search[_BRACKETED] = 1.0
    if value > best_value:
        search[_OTHER], search[_OTHER + 1], search[_OTHER + 2] = step, value, slope
    else:
        if opposite:
            search[_OTHER], search[_OTHER + 1], search[_OTHER + 2] = best_step, best_value, best_slope
        search[_BEST], search[_BEST + 1], search[_BEST + 2] = step, value, slope
    return next_step


@inner
def _cubic(one_step, one_value, one_slope, step, value, slope, least):
    """Theta and gamma of the cubic through two points; ``least``: of what its root is taken."""
    theta = 3.0 * (one_value - value) / (step - one_step) + one_slope + slope
    scale = max(abs(theta), max(abs(one_slope), abs(slope)))  # noqa: PLW3301 numba has max of two
    inner = (theta / scale) * (theta / scale) - (one_slope / scale) * (slope / scale)
    return theta, scale * math.sqrt(max(least, inner))


@inner
def _first_case(best_step, best_value, best_slope, step, value, slope):
    """A higher value: there is a minimum between."""
    theta, gamma = _cubic(best_step, best_value, best_slope, step, value, slope, -np.inf)
    if step < best_step:
        gamma = -gamma
    r = ((gamma - best_slope) + theta) / (((gamma - best_slope) + gamma) + slope)
    width = step - best_step
    cubic = best_step + r * width
    quadratic = best_step + ((best_slope / ((best_value - value) / width + best_slope)) / 2.0) * width
    if abs(cubic - best_step) < abs(quadratic - best_step):
        return cubic
    return cubic + (quadratic - cubic) / 2.0


@inner
def _second_case(best_step, best_value, best_slope, step, value, slope):
    """A lower value and a slope of the other sign: there is a minimum between."""
    theta, gamma = _cubic(best_step, best_value, best_slope, step, value, slope, -np.inf)
    if step > best_step:
        gamma = -gamma
    r = ((gamma - slope) + theta) / (((gamma - slope) + gamma) + best_slope)
    cubic = step + r * (best_step - step)
    secant = step + (slope / (slope - best_slope)) * (best_step - step)
    return cubic if abs(cubic - step) > abs(secant - step) else secant


@inner
def _third_case(search, step, value, slope):
    """A lower value and a slope of the same sign that is less steep."""
    best_step, best_slope = search[_BEST], search[_BEST + 2]
    theta, gamma = _cubic(best_step, search[_BEST + 1], best_slope, step, value, slope, 0.0)
    if step > best_step:
        gamma = -gamma
    r = ((gamma - slope) + theta) / ((gamma + (best_slope - slope)) + gamma)
    if r < 0 and gamma != 0:
        cubic = step + r * (best_step - step)
    else:
        cubic = search[_HIGH] if step > best_step else search[_LOW]
    secant = step + (slope / (slope - best_slope)) * (best_step - step)
    if search[_BRACKETED] == 1:
        found = cubic if abs(cubic - step) < abs(secant - step) else secant
        limit = step + 0.66 * (search[_OTHER] - step)
        return min(limit, found) if step > best_step else max(limit, found)
    found = cubic if abs(cubic - step) > abs(secant - step) else secant
    return max(search[_LOW], min(search[_HIGH], found))


@inner
def _fourth_case(search, step, value, slope):
    """A lower value and a slope of the same sign that is no less steep."""
    other_step, other_slope = search[_OTHER], search[_OTHER + 2]
    if search[_BRACKETED] == 1:
        theta, gamma = _cubic(other_step, search[_OTHER + 1], other_slope, step, value, slope, -np.inf)
        if step > other_step:
            gamma = -gamma
        r = ((gamma - slope) + theta) / (((gamma - slope) + gamma) + other_slope)
        return step + r * (other_step - step)
    return search[_HIGH] if step > search[_BEST] else search[_LOW]
