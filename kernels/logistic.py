"""Multinomial logistic regression with an L2 penalty, on the path that scikit-learn's lbfgs takes in float32.

    minimize 1/n sum_i log(sum_c exp(z_ic)) - z_iy + 1/(2 C n) |W|^2,   z = X W' + b

It often stops at 100 iterations, unconverged, and where it does depends on float32 rounding: so every product is the
same NumPy call on the same numbers as scikit-learn's, on one BLAS thread.
Source: ``LinearModelLoss.loss_gradient`` and ``CyHalfMultinomialLoss`` in scikit-learn 1.9, ``sklearn/linear_model/``
and ``sklearn/_loss/``; the solver: ``lbfgs.py``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import expit

from dataperf_fast.kernels.lbfgs import minimize

C, TOLERANCE, ITERATIONS = 1.0, 1e-4, 100
_VALUE_TOLERANCE, _STEPS = 64 * 2.220446049250313e-16, 50


class Logistic(NamedTuple):
    """``weights (k, d)`` and ``intercepts (k,)`` float32; of two classes only the second's, ``(1, d)`` and ``(1,)``."""

    weights: np.ndarray
    intercepts: np.ndarray


def fit(features: np.ndarray, labels: np.ndarray) -> Logistic:
    """Fit ``features (n, d)`` float32 with ``labels (n,)`` in 0 .. k - 1, k > 2; BLAS must be kept to one thread."""
    rows, width = features.shape
    classes = int(labels.max()) + 1
    penalty = 1.0 / (C * rows)
    losses = np.empty(rows, np.float32)
    slopes = np.empty((rows, classes), np.float32)
    labels = labels.astype(np.int64)

    def loss_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = x.astype(np.float32).reshape(width + 1, classes)
        weights = parameters[:-1]
        _pointwise(features @ weights + parameters[-1], labels, losses, slopes)
        flat = weights.reshape(-1)
        loss = float(np.sum(losses) / rows) + float(0.5 * penalty * np.dot(flat, flat))
        np.divide(slopes, rows, out=slopes)
        gradient = np.empty((width + 1, classes))
        gradient[:-1] = (slopes.T @ features).T + penalty * weights
        gradient[-1] = np.sum(slopes, axis=0)
        return loss, gradient.reshape(-1)

    start = np.zeros((width + 1) * classes)
    found = minimize(loss_and_gradient, start, TOLERANCE, _VALUE_TOLERANCE, ITERATIONS, _STEPS)
    parameters = found.x.astype(np.float32).reshape(width + 1, classes)
    return Logistic(parameters[:-1].T, parameters[-1])


def probabilities(model: Logistic, rows: np.ndarray) -> np.ndarray:
    """Class probabilities of ``rows (r, d)`` float32, as scikit-learn's ``predict_proba`` has them: ``(r, k)`` float32."""
    logits = rows @ model.weights.T + model.intercepts
    if len(model.weights) == 1:
        second = expit(logits.ravel())
        return np.stack([1 - second, second], axis=1)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


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
