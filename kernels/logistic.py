"""Multinomial logistic regression with an L2 penalty, on the path that scikit-learn's lbfgs takes in float32.

    minimize 1/n sum_i log(sum_c exp(z_ic)) - z_iy + 1/(2 C n) |W|^2,   z = X W' + b

It often stops at 100 iterations, unconverged, and where it does depends on float32 rounding: so every product is the
same BLAS call on the same numbers as scikit-learn's, on one BLAS thread.
Source: ``LinearModelLoss.loss_gradient`` and ``CyHalfMultinomialLoss`` in scikit-learn 1.9, ``sklearn/linear_model/``
and ``sklearn/_loss/``; the solver: ``minimizer.py``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import expit

from dataperf_fast.kernels import minimizer

C = 1.0


class Logistic(NamedTuple):
    """``weights (k, d)`` and ``intercepts (k,)``; of two classes only the second's, ``(1, d)`` and ``(1,)``."""

    weights: np.ndarray
    intercepts: np.ndarray


def fit(features: np.ndarray, labels: np.ndarray) -> Logistic:
    """Fit ``features (n, d)`` float32 with ``labels (n,)`` in 0 .. k - 1, k > 2; BLAS must be kept to one thread."""
    classes = int(labels.max()) + 1
    features = np.require(features, np.float32, ["C", "W"])
    search = minimizer.new_minimizer((features.shape[1] + 1) * classes)
    _minimize(features, labels.astype(np.int64), classes, search)
    parameters = search.x.astype(np.float32).reshape(-1, classes)
    return Logistic(parameters[:-1].T, parameters[-1])


def probabilities(model: Logistic, rows: np.ndarray) -> np.ndarray:
    """Class probabilities ``(r, k)`` of ``rows (r, d)``, float32, as scikit-learn's ``predict_proba`` has them."""
    logits = rows @ model.weights.T + model.intercepts
    if len(model.weights) == 1:
        second = expit(logits.ravel())
        return np.stack([1 - second, second], axis=1)
    logits -= logits.max(axis=1, keepdims=True)
    shares: np.ndarray = np.exp(logits, out=logits)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


@njit(nogil=True, cache=True)
def _minimize(features, labels, classes, search):
    """Move ``search.x ((d + 1) k,)``, class by class within each feature, to where the search stops."""
    rows, width = features.shape
    weights = np.empty((width, classes), np.float32)
    logits, slopes = np.empty((rows, classes), np.float32), np.empty((rows, classes), np.float32)
    losses, back = np.empty(rows, np.float32), np.empty((classes, width), np.float32)
    ended = False
    while not ended:
        value = _evaluate(features, labels, search.x, weights, logits, losses, slopes, back, search.gradient)
        ended = minimizer.advance(search, value)


@njit(nogil=True, cache=True, error_model="numpy")
def _evaluate(features, labels, x, weights, logits, losses, slopes, back, gradient):
    """The loss at ``x``, rounded to float32, and its gradient; every product is scikit-learn's own."""
    rows, (width, classes) = labels.shape[0], weights.shape
    for k in range(width):
        for c in range(classes):
            weights[k, c] = x[k * classes + c]
    np.dot(features, weights, logits)
    logits += x[width * classes :].astype(np.float32)
    _pointwise(logits, labels, losses, slopes)
    count, penalty = np.float32(rows), 1.0 / (C * rows)
    flat = weights.reshape(-1)
    loss = np.float64(pairwise_sum(losses) / count) + np.float64(np.float32(0.5 * penalty) * np.dot(flat, flat))
    slopes /= count
    np.dot(slopes.T, features, back)
    for k in range(width):
        for c in range(classes):
            gradient[k * classes + c] = back[c, k] + np.float32(penalty) * weights[k, c]
    for c in range(classes):
        total = np.float32(0)
        for i in range(rows):
            total += slopes[i, c]
        gradient[width * classes + c] = total
    return loss


@njit(nogil=True, cache=True)
def pairwise_sum(values):
    """The sum of ``values (n,)`` in NumPy's order: halves down to 128, those in eight interleaved parts."""
    count = values.shape[0]
    if count > 128:
        half = count // 2 - count // 2 % 8
        return pairwise_sum(values[:half]) + pairwise_sum(values[half:])
    total = values.dtype.type(0)
    whole = count // 8 * 8
    if whole:
        parts = values[:8].copy()
        for at in range(8, whole, 8):
            for k in range(8):
                parts[k] += values[at + k]
        total = ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]))
    for k in range(whole, count):
        total += values[k]
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _pointwise(logits, labels, losses, slopes):
    """Each row's loss ``(n,)`` and its derivative by its logits ``(n, k)``; float32, exponentials in float64."""
    for i in range(labels.shape[0]):
        highest = np.float64(logits[i, 0])
        for c in range(1, logits.shape[1]):
            if highest < logits[i, c]:
                highest = np.float64(logits[i, c])
        total = 0.0
        for c in range(logits.shape[1]):
            slopes[i, c] = np.float32(math.exp(logits[i, c] - highest))
            total += slopes[i, c]
        total32 = np.float32(total)
        losses[i] = np.float32(math.log(np.float64(total32)) + np.float64(np.float32(highest)))
        losses[i] -= logits[i, labels[i]]
        for c in range(logits.shape[1]):
            slopes[i, c] /= total32
        slopes[i, labels[i]] -= np.float32(1)
