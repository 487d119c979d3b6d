"""Multinomial logistic regression at its optimum, from the Gram matrix alone.

    minimize  sum_i log(sum_c exp(z_ic)) - z_iy + 1/(2 C) |W|^2,   z = X W' + b

With ``w_c = sum_i a_ic x_i`` and K = X X' the n k coefficients a and the k intercepts b solve, for labels Y as zeros
and ones and probabilities P,

    a = C (Y - P),   sum_i a_ic = 0

by Newton's method: with the row's ``S_i = diag(p_i) - p_i p_i'`` and ``r = C (Y - P) - a`` the step u of a, v of b is

    u + C S (K u + v) = r,   sum_i u_ic = 0

What couples a row's classes is ``t_i = sum_c p_ic (K u + v)_ic`` alone. With ``E_c = (K + diag(1 / (C p_c)))^-1``

    u_c = r_c - E_c K r_c + E_c (t - v_c)

so that a step is one factorization a class, twice, and one for t, which ``sum_c u_c = sum_c r_c`` determines.
Source: Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, algorithm 3.3, there without intercepts;
Boyd and Vandenberghe, Convex Optimization, 9.5, for the damping.
"""

from __future__ import annotations

import math

import numpy as np

from dataperf_fast.kernels.arithmetic.dot import dot64
from dataperf_fast.kernels.arithmetic.exponential import exp
from dataperf_fast.kernels.arithmetic.logarithm import log
from dataperf_fast.kernels.arithmetic.matrix_vector import rows_times64
from dataperf_fast.kernels.arithmetic.sums import pairwise_sum
from dataperf_fast.kernels.compiled import inner, kernel
from dataperf_fast.kernels.logistic.dual import C, factorize, solve_factored

TOLERANCE = 1e-9  # of logits
_QUADRATIC = 1e-4  # a step as short as that is followed by one that rounding alone keeps from being far shorter
_STEPS = 100
_HALVINGS = 50
_SLACK = 1e-14  # rounding of the loss, a row and unit of it: at the optimum it may be all that is left to gain


@kernel(error_model="numpy")
def solve(gram, labels, coefficients, intercepts):
    """Set ``coefficients (k, n)`` and ``intercepts (k,)`` to the optimum for ``gram (n, n)``, all float64.

    ``labels (n,)`` int64 hold each of 0 .. k - 1. Returns how far the last step moved a logit, over ``TOLERANCE`` only
    where rounding or the limit of steps ended the search, and the steps taken.
    """
    classes, rows = coefficients.shape
    logits, shares, lacks = np.empty((classes, rows)), np.empty((classes, rows)), np.empty((classes, rows))
    change, moved, shift = np.empty((classes, rows)), np.empty((classes, rows)), np.empty(classes)
    trial, room = np.empty((classes, rows)), np.empty((3, rows, rows))
    _start(labels, coefficients, intercepts)
    last = np.inf
    for step in range(_STEPS):
        for c in range(classes):
            rows_times64(gram, coefficients[c], logits[c])
            logits[c] += intercepts[c]
        value = _evaluate(labels, logits, coefficients, intercepts, shares)
        _set_lacks(labels, shares, coefficients, lacks)
        if not _direction(gram, shares, lacks, change, shift, room):
            return np.inf, step
        length, slope = 0.0, 0.0
        for c in range(classes):
            rows_times64(gram, change[c], moved[c])
            for i in range(rows):
                # The gradient by a is K (a / C + P - Y) = - K r / C, that by b the sum of P - Y.
                slope -= lacks[c, i] / C * moved[c, i] + shift[c] * (lacks[c, i] + coefficients[c, i]) / C
                moved[c, i] += shift[c]
                length = max(length, abs(moved[c, i]))
        part = _descend(labels, logits, coefficients, intercepts, change, moved, shift, value, slope, trial)
        if part == 1.0 and (length <= TOLERANCE or (last <= _QUADRATIC and length > 0.5 * last)):
            return length, step + 1
        if part == 0.0:
            return length, step
        last = length
    return last, _STEPS


@inner
def _start(labels, coefficients, intercepts):
    """Nothing but the classes' shares."""
    rows = labels.shape[0]
    coefficients[:] = 0.0
    intercepts[:] = 0.0
    for i in range(rows):
        intercepts[labels[i]] += 1.0
    for c in range(intercepts.shape[0]):
        intercepts[c] = log(intercepts[c] / rows)


@inner
def _evaluate(labels, logits, coefficients, intercepts, shares):
    """The penalized loss; ``shares (k, n)`` become the probabilities."""
    classes, rows = logits.shape
    loss, penalty = 0.0, 0.0
    for i in range(rows):
        highest = logits[0, i]
        for c in range(1, classes):
            highest = max(highest, logits[c, i])
        total = 0.0
        for c in range(classes):
            shares[c, i] = exp(logits[c, i] - highest)
            total += shares[c, i]
        for c in range(classes):
            shares[c, i] /= total
            penalty += coefficients[c, i] * (logits[c, i] - intercepts[c])
        loss += log(total) + highest - logits[labels[i], i]
    return loss + 0.5 / C * penalty


@inner
def _set_lacks(labels, shares, coefficients, lacks):
    """Set ``lacks (k, n)`` to what the coefficients lack to ``C (Y - P)``."""
    for c in range(shares.shape[0]):
        for i in range(shares.shape[1]):
            lacks[c, i] = C * ((1.0 if labels[i] == c else 0.0) - shares[c, i]) - coefficients[c, i]


@inner
def _direction(gram, shares, lacks, change, shift, room):
    """Newton's step: ``change (k, n)`` of the coefficients, ``shift (k,)`` of the intercepts.

    False where a matrix is not positive. ``room (3, n, n)`` is overwritten.
    """
    classes, rows = shares.shape
    matrix, factor, inverse = room[0], room[1], room[2]
    product, sides, sums = np.empty(rows), np.zeros(rows), np.empty((classes, 2))
    ones, of_ones = np.ones(rows), np.empty((classes, rows))
    matrix[:] = 1.0 / rows  # what all classes' t and v have in common is free: this makes it zero
    for c in range(classes):
        if not _invert(gram, shares[c], factor, inverse):
            return False
        rows_times64(gram, lacks[c], product)
        _multiply(inverse, product, change[c])
        _multiply(inverse, ones, of_ones[c])
        for i in range(rows):
            change[c, i] = lacks[c, i] - change[c, i]
        sums[c, 0], sums[c, 1] = pairwise_sum(change[c]), pairwise_sum(of_ones[c])
        _add_squared(inverse, matrix)
        for i in range(rows):
            sides[i] += lacks[c, i] - change[c, i] + of_ones[c, i] * sums[c, 0] / sums[c, 1]
            for j in range(i + 1):
                matrix[i, j] -= of_ones[c, i] * of_ones[c, j] / sums[c, 1]
    if not factorize(matrix):
        return False
    solve_factored(matrix, sides)
    for c in range(classes):
        if not _invert(gram, shares[c], factor, inverse):
            return False
        _multiply(inverse, sides, product)
        shift[c] = (sums[c, 0] + dot64(of_ones[c], sides)) / sums[c, 1]
        for i in range(rows):
            change[c, i] += product[i] - shift[c] * of_ones[c, i]
    return True


@kernel(error_model="numpy")
def _invert(gram, share, factor, inverse):
    """Set the lower triangle of ``inverse (n, n)`` to R of ``R' R = (K + diag(1 / (C share)))^-1``; False if none is.

    With s the roots of ``share (n,)`` and L of ``L L' = s K s + 1 / C`` it is ``L^-1 s``, whatever share is zero.
    """
    rows = share.shape[0]
    for i in range(rows):
        root = math.sqrt(share[i])
        for j in range(i + 1):
            factor[i, j] = root * gram[i, j] * math.sqrt(share[j])
        factor[i, i] += 1.0 / C
    if not factorize(factor):
        return False
    for i in range(rows):
        line = inverse[i]
        line[:i] = 0.0
        line[i] = math.sqrt(share[i])
        for k in range(i):
            multiple, other = factor[i, k], inverse[k]
            for j in range(k + 1):
                line[j] -= multiple * other[j]
        scale = 1.0 / factor[i, i]
        for j in range(i + 1):
            line[j] *= scale
    return True


@inner
def _multiply(inverse, vector, out):
    """Set ``out (n,)`` to ``R' R vector`` for ``inverse``, the R of ``_invert``."""
    out[:] = 0.0
    for k in range(vector.shape[0]):
        line = inverse[k]
        multiple = dot64(line[: k + 1], vector[: k + 1])
        for j in range(k + 1):
            out[j] += multiple * line[j]


@kernel(error_model="numpy")
def _add_squared(inverse, matrix):
    """Add ``R' R`` to the lower triangle of ``matrix (n, n)``."""
    for k in range(matrix.shape[0]):
        line = inverse[k]
        for i in range(k + 1):
            multiple, out = line[i], matrix[i]
            for j in range(i + 1):
                out[j] += multiple * line[j]


@inner
def _descend(labels, logits, coefficients, intercepts, change, moved, shift, value, slope, trial):
    """Go along the step as far as the loss falls; returns the part of the step that was taken, 0 where none is."""
    classes, rows = logits.shape
    part, slack = 1.0, _SLACK * (abs(value) + rows)
    shares = np.empty((classes, rows))
    tried, base = np.empty((classes, rows)), np.empty(classes)
    for _ in range(_HALVINGS):
        for c in range(classes):
            base[c] = intercepts[c] + part * shift[c]
            for i in range(rows):
                tried[c, i] = coefficients[c, i] + part * change[c, i]
                trial[c, i] = logits[c, i] + part * moved[c, i]
        reached = _evaluate(labels, trial, tried, base, shares)
        if reached <= value + 1e-4 * part * slope + slack:
            coefficients[:] = tried
            intercepts[:] = base
            return part
        part *= 0.5
    return 0.0
