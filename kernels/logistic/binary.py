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
from dataperf_fast.kernels.arithmetic.logarithm import log1p
from dataperf_fast.kernels.arithmetic.matrix_vector import (
    WIDEST,
    add_columns_times,
    add_eight_rows,
    eight_rows_times,
    rows_times,
)
from dataperf_fast.kernels.arithmetic.sums import pairwise_sum
from dataperf_fast.kernels.compiled import inner, kernel
from dataperf_fast.kernels.lbfgs.mainlb import mainlb, new_minimizer
from dataperf_fast.kernels.logistic.multinomial import C, Logistic
from dataperf_fast.kernels.watched import watched


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
    losses, slopes = np.empty(labels.shape[0]), np.empty(labels.shape[0])
    back = np.empty(features.shape[1])
    ended = False
    while not ended:
        value = _evaluate(features, labels, search.x, losses, slopes, back, search.gradient)
        ended = mainlb(search, value)


@kernel(error_model="numpy")
def _evaluate(features, labels, x, losses, slopes, back, gradient):
    """The loss at ``x`` and its gradient; ``losses``, ``slopes (n,)`` and ``back = X' slopes (d,)`` are overwritten."""
    rows, width = features.shape
    weights, intercept = x[:width], x[width]
    back[:] = 0.0
    first = 0
    if width % LANES == 0 and width <= WIDEST:
        first = rows - rows % 8
        logits = np.empty(8)
        for i in range(0, first, 8):
            four = features[i], features[i + 1], features[i + 2], features[i + 3]
            eight = (*four, features[i + 4], features[i + 5], features[i + 6], features[i + 7])
            eight_rows_times(eight, weights, logits)
            for r in range(8):
                losses[i + r], slope = _pointwise(logits[r] + intercept, labels[i + r])
                slopes[i + r] = slope / rows
            add_eight_rows(eight, slopes, i, back)
    # What is left over, at most seven rows; of widths that are cut into blocks, or not whole fours, all rows.
    left = features[first:]
    rows_times(left, weights, losses[first:])
    for i in range(first, rows):
        losses[i], slope = _pointwise(losses[i] + intercept, labels[i])
        slopes[i] = slope / rows
    _add_back(left, slopes[first:], back)
    penalty = 1.0 / (C * rows)
    loss = pairwise_sum(losses) / rows + 0.5 * penalty * dot(weights, weights)
    for k in range(width):
        gradient[k] = back[k] + penalty * weights[k]
    gradient[width] = pairwise_sum(slopes)
    return loss


@kernel(error_model="numpy")
def _minimize32(features, labels, search):
    """``_minimize`` in float32."""
    rows, width = features.shape
    losses, slopes = np.empty(rows, np.float32), np.empty(rows, np.float32)
    weights, back = np.empty(width, np.float32), np.empty(width, np.float32)
    count, penalty = np.float32(rows), 1.0 / (C * rows)
    ended = False
    while not ended:
        for k in range(width):
            weights[k] = np.float32(search.x[k])
        rows_times(features, weights, losses)
        for i in range(rows):
            logit = np.float64(losses[i] + np.float32(search.x[width]))
            loss, slope = _pointwise(logit, labels[i])
            losses[i], slopes[i] = np.float32(loss), np.float32(slope) / count
        value = np.float64(pairwise_sum(losses) / count)
        value += np.float64(np.float32(0.5 * penalty) * dot(weights, weights))
        back[:] = np.float32(0)
        _add_back(features, slopes, back)
        for k in range(width):
            search.gradient[k] = back[k] + np.float32(penalty) * weights[k]
        search.gradient[width] = pairwise_sum(slopes)
        ended = mainlb(search, value)


@inner
def _add_back(features, slopes, back):
    """Add X' slopes to ``back (d,)``; two vectors are a dot product to NumPy."""
    if features.shape[1] > 1:
        add_columns_times(features, slopes, back)
    else:
        back[0] += dot(features.astype(back.dtype).reshape(-1), slopes)


@kernel(error_model="numpy")
def _pointwise(logit, label):
    """A row's loss and its derivative by the logit, each by the formula that keeps its digits there."""
    if logit <= -2.0:
        power = exp(logit)
        if logit <= -37.0:
            return power - label * logit, power - label
        return log1p(power) - label * logit, ((1.0 - label) * power - label) / (1.0 + power)
    power = exp(-logit)
    loss = (log1p(power) if logit <= 18.0 else power) + (1.0 - label) * logit
    return loss, ((1.0 - label) - label * power) / (1.0 + power)
