"""The line search of More and Thuente, step for step as SciPy's L-BFGS-B takes it.

Finds a step with f(step) <= f(0) + 1e-3 step f'(0) and |f'(step)| <= 0.9 |f'(0)|, or the last one that rounding allows.
Source: More, Thuente (1994); ``dcsrch`` and ``dcstep`` in SciPy's ``scipy/optimize/__lbfgsb.c``.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

_DECREASE, _CURVATURE, _WIDTH = 1e-3, 0.9, 0.1
_LARGEST = 1e10


class _Point(NamedTuple):
    """A step with the function's value and slope there."""

    step: float
    value: float
    slope: float

    def tilted(self, slope: float) -> _Point:
        """The same point of the function less ``slope`` times the step."""
        return _Point(self.step, self.value - self.step * slope, self.slope - slope)


class LineSearch:
    """``step`` is the next to try; tell ``advance`` what was found there."""

    def __init__(self, value: float, slope: float, step: float):
        self.step = min(step, _LARGEST)
        self._start = _Point(0.0, value, slope)
        self._best = self._other = self._start
        self._bracketed = False
        self._first_stage = True
        self._low, self._high = 0.0, self.step + 4.0 * self.step
        self._width, self._before = _LARGEST, _LARGEST / 0.5

    def advance(self, value: float, slope: float) -> bool:
        """Take in the function at ``step``; returns whether the search ends there, else ``step`` is the next."""
        aim = _DECREASE * self._start.slope
        test = self._start.value + self.step * aim
        if self._first_stage and value <= test and slope >= 0:
            self._first_stage = False
        if self._ends(value, slope, test, aim):
            return True
        found = _Point(self.step, value, slope)
        if self._first_stage and test < value <= self._best.value:
            best, other, step = self._next(self._best.tilted(aim), self._other.tilted(aim), found.tilted(aim))
            self._best, self._other = best.tilted(-aim), other.tilted(-aim)
        else:
            self._best, self._other, step = self._next(self._best, self._other, found)
        self.step = self._within(step)
        return False

    def _ends(self, value: float, slope: float, test: float, aim: float) -> bool:
        if self._bracketed and not self._low < self.step < self._high:
            return True
        if self._bracketed and self._high - self._low <= _WIDTH * self._high:
            return True
        if self.step == _LARGEST and value <= test and slope <= aim:
            return True
        if self.step == 0 and (value > test or slope >= aim):
            return True
        return value <= test and abs(slope) <= _CURVATURE * -self._start.slope

    def _within(self, step: float) -> float:
        """Keep the bracket shrinking, and the step in it."""
        best, other = self._best.step, self._other.step
        if self._bracketed:
            if abs(other - best) >= 0.66 * self._before:
                step = best + 0.5 * (other - best)
            self._before, self._width = self._width, abs(other - best)
            self._low, self._high = min(best, other), max(best, other)
        else:
            self._low, self._high = step + 1.1 * (step - best), step + 4.0 * (step - best)
        step = min(max(step, 0.0), _LARGEST)
        narrow = self._high - self._low <= _WIDTH * self._high
        if self._bracketed and (not self._low < step < self._high or narrow):
            return best
        return step

    def _next(self, best: _Point, other: _Point, new: _Point) -> tuple[_Point, _Point, float]:
        """The new best point, the other end of its interval, and a step by cubic or quadratic interpolation."""
        opposite = new.slope * (best.slope / abs(best.slope)) < 0
        if new.value > best.value:
            step = _after_a_rise(best, new)
            self._bracketed = True
            return best, new, step
        if opposite:
            step = _after_a_turn(best, new)
            self._bracketed = True
            return new, best, step
        if abs(new.slope) < abs(best.slope):
            return new, other, self._after_a_fall(best, other, new)
        if self._bracketed:
            theta, gamma = _cubic(other, new)
            gamma = -gamma if new.step > other.step else gamma
            r = ((gamma - new.slope) + theta) / (((gamma - new.slope) + gamma) + other.slope)
            return new, other, new.step + r * (other.step - new.step)
        return new, other, self._high if new.step > best.step else self._low

    def _after_a_fall(self, best: _Point, other: _Point, new: _Point) -> float:
        theta, gamma = _cubic(best, new, least=0.0)
        gamma = -gamma if new.step > best.step else gamma
        r = ((gamma - new.slope) + theta) / ((gamma + (best.slope - new.slope)) + gamma)
        if r < 0 and gamma != 0:
            cubic = new.step + r * (best.step - new.step)
        else:
            cubic = self._high if new.step > best.step else self._low
        secant = _secant(best, new)
        nearer = abs(cubic - new.step) < abs(secant - new.step)
        if self._bracketed:
            step = cubic if nearer else secant
            limit = new.step + 0.66 * (other.step - new.step)
            return min(limit, step) if new.step > best.step else max(limit, step)
        farther = abs(cubic - new.step) > abs(secant - new.step)
        return max(self._low, min(self._high, cubic if farther else secant))


def _cubic(one: _Point, new: _Point, least: float | None = None) -> tuple[float, float]:
    theta = 3.0 * (one.value - new.value) / (new.step - one.step) + one.slope + new.slope
    scale = max(abs(theta), max(abs(one.slope), abs(new.slope)))
    inner = (theta / scale) * (theta / scale) - (one.slope / scale) * (new.slope / scale)
    return theta, scale * sqrt(inner if least is None else max(least, inner))


def _secant(best: _Point, new: _Point) -> float:
    return new.step + (new.slope / (new.slope - best.slope)) * (best.step - new.step)


def _after_a_rise(best: _Point, new: _Point) -> float:
    theta, gamma = _cubic(best, new)
    gamma = -gamma if new.step < best.step else gamma
    r = ((gamma - best.slope) + theta) / (((gamma - best.slope) + gamma) + new.slope)
    width = new.step - best.step
    cubic = best.step + r * width
    quadratic = best.step + ((best.slope / ((best.value - new.value) / width + best.slope)) / 2.0) * width
    if abs(cubic - best.step) < abs(quadratic - best.step):
        return cubic
    return cubic + (quadratic - cubic) / 2.0


def _after_a_turn(best: _Point, new: _Point) -> float:
    theta, gamma = _cubic(best, new)
    gamma = -gamma if new.step > best.step else gamma
    r = ((gamma - new.slope) + theta) / (((gamma - new.slope) + gamma) + best.slope)
    cubic = new.step + r * (best.step - new.step)
    secant = _secant(best, new)
    return cubic if abs(cubic - new.step) > abs(secant - new.step) else secant
