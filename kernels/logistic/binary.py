"""Two-class logistic regression with an L2 penalty, on the path that scikit-learn's lbfgs takes.

    minimize 1/n sum_i log(1 + exp(z_i)) - y_i z_i + 1/(2 C n) |w|^2,   z = X w + b

It often stops at 100 iterations, unconverged, where another rounding leads elsewhere: of the same rows in another order
the decisions came out up to 0.08 apart. So every sum has the order that is defined in ``arithmetic/``. But in float64 X
w and X' g are taken in one pass over the rows, eight at a time (four: a sixth slower), and rows that are float32 are
widened in the register: a quarter of the bytes of two float64 passes.
Source: ``LinearModelLoss.loss_gradient``, ``closs_grad_half_binomial`` in scikit-learn 1.9, ``sklearn/linear_model/``
and ``sklearn/_loss/``; the solver: ``lbfgs/``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dataperf_fast.kernels.arithmetic.dot import dot
from dataperf_fast.kernels.arithmetic.exponential import exp
from dataperf_fast.kernels.arithmetic.lanes import LANES
from dataperf_fast.kernels.arithmetic.logarithm import log1p, log1p_straight
from dataperf_fast.kernels.arithmetic.matrix_vector import (
    WIDEST,
    add_columns_times,
    add_eight_rows,
    eight_rows_times,
    rows_times,
)
from dataperf_fast.kernels.arithmetic.sums import pairwise_sum
from dataperf_fast.kernels.compiled import inlined, inner, kernel
from dataperf_fast.kernels.lbfgs.mainlb import mainlb, new_minimizer
from dataperf_fast.kernels.logistic.multinomial import C, Logistic
from dataperf_fast.kernels.watched import watched

_AT_ONCE = 64  # rows, which stay in the core's own cache between the two products


@watched("binary logistic regression")
def fit(features: np.ndarray, labels: np.ndarray) -> Logistic:
    """Fit ``features (n, d)``, float32 or float64, with ``labels (n,)`` in 0, 1; ``weights (1, d)`` float64.

    float32 features give what the same numbers in float64 give.
    """
    return _fit(_minimize, features, labels)


def fit_narrow(features: np.ndarray, labels: np.ndarray) -> Logistic:
    """Fit ``features (n, d)`` float32 in float32, as scikit-learn does what is float32; ``weights (1, d)`` float32."""
    weights, intercepts = _fit(_minimize32, features, labels)
    return Logistic(weights.astype(np.float32), intercepts.astype(np.float32))


def _fit(minimize: Callable[..., None], features: np.ndarray, labels: np.ndarray) -> Logistic:
    search = new_minimizer(features.shape[1] + 1)
    minimize(np.ascontiguousarray(features), labels.astype(np.float64), search)
    return Logistic(search.x[None, :-1].copy(), search.x[-1:].copy())


@kernel
def _minimize(features, labels, search):
    """Move ``search.x (d + 1,)``, weights and then the intercept, to where the search stops."""
    of_rows = np.empty((4, labels.shape[0]))
    back = np.empty(features.shape[1])
    ended = False
    while not ended:
        value = _evaluate(features, labels, search.x, of_rows, back, search.gradient)
        ended = mainlb(search, value)


@kernel(error_model="numpy")
def _evaluate(features, labels, x, of_rows, back, gradient):
    """The loss at ``x`` and its gradient; ``of_rows (4, n)`` and ``back = X' slopes (d,)`` are overwritten."""
    rows, width = features.shape
    weights, intercept = x[:width], x[width]
    logits, powers, losses, slopes = of_rows
    back[:] = 0.0
    first = rows - rows % 8 if width % LANES == 0 and width <= WIDEST else 0
    for start in range(0, first, _AT_ONCE):
        stop = min(start + _AT_ONCE, first)
        for i in range(start, stop, 8):
            eight_rows_times(_eight(features, i), weights, logits[i : i + 8])
        some = slice(start, stop)
        _pointwise(logits[some], intercept, labels[some], rows, powers[some], losses[some], slopes[some])
        for i in range(start, stop, 8):
            add_eight_rows(_eight(features, i), slopes, i, back)
    # What is left over, at most seven rows; of widths that are cut into blocks, or not whole fours, all rows.
    rows_times(features[first:], weights, logits[first:])
    _pointwise(logits[first:], intercept, labels[first:], rows, powers[first:], losses[first:], slopes[first:])
    _add_back(features[first:], slopes[first:], back)
    penalty = 1.0 / (C * rows)
    loss = pairwise_sum(losses) / rows + 0.5 * penalty * dot(weights, weights)
    for k in range(width):
        gradient[k] = back[k] + penalty * weights[k]
    gradient[width] = pairwise_sum(slopes)
    return loss


@inlined
def _eight(f, i):
    """Eight rows, one after the other."""
    return f[i], f[i + 1], f[i + 2], f[i + 3], f[i + 4], f[i + 5], f[i + 6], f[i + 7]


@kernel(error_model="numpy")
def _minimize32(features, labels, search):
    """``_minimize`` in float32."""
    rows, width = features.shape
    logits, powers, losses, slopes = np.empty((4, rows))
    losses32, slopes32 = np.empty(rows, np.float32), np.empty(rows, np.float32)
    weights, back = np.empty(width, np.float32), np.empty(width, np.float32)
    count, penalty = np.float32(rows), 1.0 / (C * rows)
    ended = False
    while not ended:
        for k in range(width):
            weights[k] = np.float32(search.x[k])
        rows_times(features, weights, losses32)
        for i in range(rows):
            logits[i] = losses32[i] + np.float32(search.x[width])
        _pointwise(logits, 0.0, labels, 1, powers, losses, slopes)
        for i in range(rows):
            losses32[i], slopes32[i] = np.float32(losses[i]), np.float32(slopes[i]) / count
        value = np.float64(pairwise_sum(losses32) / count)
        value += np.float64(np.float32(0.5 * penalty) * dot(weights, weights))
        back[:] = np.float32(0)
        _add_back(features, slopes32, back)
        for k in range(width):
            search.gradient[k] = back[k] + np.float32(penalty) * weights[k]
        search.gradient[width] = pairwise_sum(slopes32)
        ended = mainlb(search, value)


@inner
def _add_back(features, slopes, back):
    """Add X' slopes to ``back (d,)``; two vectors are a dot product to NumPy."""
    if features.shape[1] > 1:
        add_columns_times(features, slopes, back)
    else:
        back[0] += dot(features.astype(back.dtype).reshape(-1), slopes)


@kernel(error_model="numpy")
def _pointwise(logits, intercept, labels, count, powers, losses, slopes):
    """Each row's loss, and its derivative by the logit over ``count``; ``logits`` take in the intercept.

    Straight code, a few rows a register, which is a quarter of the time; what it is not for is done again by itself.
    """
    for i in range(logits.shape[0]):
        logits[i] += intercept
        powers[i] = exp(logits[i] if logits[i] <= -2.0 else -logits[i])
    for i in range(logits.shape[0]):
        losses[i], slope = _in_the_middle(logits[i], labels[i], powers[i])
        slopes[i] = slope / count
    for i in range(logits.shape[0]):
        if not -20.0 < logits[i] <= 18.0:
            losses[i], slope = _pointwise_at_the_ends(logits[i], labels[i])
            slopes[i] = slope / count


@kernel(error_model="numpy")
def pointwise(logit, label):
    """One row's loss, and its derivative by the logit."""
    if not -20.0 < logit <= 18.0:
        return _pointwise_at_the_ends(logit, label)
    return _in_the_middle(logit, label, exp(logit if logit <= -2.0 else -logit))


@inlined
def _in_the_middle(logit, label, power):
    """``power``: ``exp(-|logit|)``, but ``exp(-logit)`` above -2."""
    low = logit <= -2.0
    loss = log1p_straight(power) + (-label * logit if low else (1.0 - label) * logit)
    slope = (1.0 - label) * power - label if low else (1.0 - label) - label * power
    return loss, slope / (1.0 + power)


@inner
def _pointwise_at_the_ends(logit, label):
    """The same by the formula that keeps its digits there."""
    if logit <= -2.0:
        power = exp(logit)
        if logit <= -37.0:
            return power - label * logit, power - label
        return log1p(power) - label * logit, ((1.0 - label) * power - label) / (1.0 + power)
    power = exp(-logit)
    return power + (1.0 - label) * logit, ((1.0 - label) - label * power) / (1.0 + power)
