"""Two-class logistic regression with an L2 penalty, on the path that scikit-learn's lbfgs takes in float64.

    minimize 1/n sum_i log(1 + exp(z_i)) - y_i z_i + 1/(2 C n) |w|^2,   z = X w + b

It often stops at 100 iterations, unconverged, where another rounding leads elsewhere: of the same rows in another order
the decisions came out up to 0.08 apart. So every sum here has the order that scikit-learn's has: NumPy's pairwise one,
and that of OpenBLAS's dgemv for processors with AVX2. But X w and X' g are taken in one pass over the rows, four at a
time, and rows that are float32 are widened in the register: a quarter of the bytes of two float64 passes.
Source: ``LinearModelLoss.loss_gradient``, ``closs_grad_half_binomial`` in scikit-learn 1.9, ``sklearn/linear_model/``
and ``sklearn/_loss/``; ``dgemv_t_4.c``, ``dgemv_n_4.c`` in OpenBLAS 0.3, ``kernel/x86_64/``; the solver:
``minimizer.py``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from dataperf_fast.kernels import minimizer
from dataperf_fast.kernels.lanes import LANES, add, load, multiply, multiply_add, spread, store, total
from dataperf_fast.kernels.logistic import C, Logistic, pairwise_sum

_WIDEST = 2048  # dgemv cuts wider rows into blocks


def covers(width: int) -> bool:
    """Whether rows of this width are summed in the order that is written down here."""
    return width % LANES == 0 and 0 < width <= _WIDEST


def fit(features: np.ndarray, labels: np.ndarray) -> Logistic:
    """Fit ``features (n, d)``, float32 or float64, with ``labels (n,)`` in 0, 1; ``weights (1, d)`` float64.

    float32 features give what the same numbers in float64 give.
    """
    search = minimizer.new_minimizer(features.shape[1] + 1)
    _minimize(np.ascontiguousarray(features), labels.astype(np.float64), search)
    return Logistic(search.x[None, :-1].copy(), search.x[-1:].copy())


@njit(nogil=True, cache=True)
def _minimize(features, labels, search):
    """Move ``search.x (d + 1,)``, weights and then the intercept, to where the search stops."""
    losses, slopes = np.empty(labels.shape[0]), np.empty(labels.shape[0])
    back = np.empty(features.shape[1])
    ended = False
    while not ended:
        value = _evaluate(features, labels, search.x, losses, slopes, back, search.gradient)
        ended = minimizer.advance(search, value)


@njit(nogil=True, cache=True, error_model="numpy")
def _evaluate(features, labels, x, losses, slopes, back, gradient):
    """The loss at ``x`` and its gradient; ``losses``, ``slopes (n,)`` and ``back = X' slopes (d,)`` are overwritten."""
    rows, width = features.shape
    weights, intercept = x[:width], x[width]
    back[:] = 0.0
    whole = rows - rows % 4
    logits = np.empty(4)
    for i in range(0, whole, 4):
        four = features[i], features[i + 1], features[i + 2], features[i + 3]
        _products(four, weights, logits)
        for r in range(4):
            losses[i + r], slope = _pointwise(logits[r] + intercept, labels[i + r])
            slopes[i + r] = slope / rows
        _add_products(four, slopes, i, back)
    _last_rows(features, labels, weights, intercept, whole, losses, slopes, back)
    penalty = 1.0 / (C * rows)
    loss = pairwise_sum(losses) / rows + 0.5 * penalty * np.dot(weights, weights)
    for k in range(width):
        gradient[k] = back[k] + penalty * weights[k]
    gradient[width] = pairwise_sum(slopes)
    return loss


# Eight rows at a time are no faster; widened once into a buffer for both products, 0.95 ms of 2,500 x 768 for 0.58.
@njit(nogil=True, cache=True)
def _products(rows, weights, out):
    """Four rows' products with ``weights``."""
    a, b, c, d = rows
    p = q = r = s = spread(0.0)
    for k in range(0, weights.shape[0], LANES):
        w = load(weights, k)
        p, q = multiply_add(load(a, k), w, p), multiply_add(load(b, k), w, q)
        r, s = multiply_add(load(c, k), w, r), multiply_add(load(d, k), w, s)
    out[0], out[1], out[2], out[3] = total(p), total(q), total(r), total(s)


@njit(nogil=True, cache=True)
def _add_products(rows, slopes, at, back):
    """Add four rows, each times its slope, to ``back``."""
    a, b, c, d = rows
    g, h = spread(slopes[at]), spread(slopes[at + 1])
    i, j = spread(slopes[at + 2]), spread(slopes[at + 3])
    for k in range(0, back.shape[0], LANES):
        even = multiply_add(load(c, k), i, multiply(load(a, k), g))
        odd = multiply_add(load(d, k), j, multiply(load(b, k), h))
        store(back, k, add(load(back, k), add(even, odd)))


@njit(nogil=True, cache=True, error_model="numpy")
def _last_rows(features, labels, weights, intercept, first, losses, slopes, back):
    """The up to three rows that are left over: two, in sums of two lanes; then one, in sums of four; unfused."""
    rows, width = features.shape
    i = first
    if rows - i >= 2:
        for r in range(i, i + 2):
            a = b = 0.0
            for k in range(0, width, 2):
                a += features[r, k] * weights[k]
                b += features[r, k + 1] * weights[k + 1]
            losses[r], slope = _pointwise((a + b) + intercept, labels[r])
            slopes[r] = slope / rows
        for k in range(width):
            back[k] += features[i, k] * slopes[i] + features[i + 1, k] * slopes[i + 1]
        i += 2
    if rows > i:
        a = b = c = d = 0.0
        for k in range(0, width, 4):
            a += features[i, k] * weights[k]
            b += features[i, k + 1] * weights[k + 1]
            c += features[i, k + 2] * weights[k + 2]
            d += features[i, k + 3] * weights[k + 3]
        losses[i], slope = _pointwise(((a + c) + (b + d)) + intercept, labels[i])
        slopes[i] = slope / rows
        for k in range(width):
            back[k] += features[i, k] * slopes[i]


@njit(nogil=True, cache=True, error_model="numpy")
def _pointwise(logit, label):
    """A row's loss and its derivative by the logit, each by the formula that keeps its digits there."""
    if logit <= -2.0:
        power = math.exp(logit)
        if logit <= -37.0:
            return power - label * logit, power - label
        return math.log1p(power) - label * logit, ((1.0 - label) * power - label) / (1.0 + power)
    power = math.exp(-logit)
    loss = (math.log1p(power) if logit <= 18.0 else power) + (1.0 - label) * logit
    return loss, ((1.0 - label) - label * power) / (1.0 + power)
