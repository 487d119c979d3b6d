"""Multinomial logistic regression with an L2 penalty, on the path that scikit-learn's lbfgs takes.

    minimize 1/n sum_i log(sum_c exp(z_ic)) - z_iy + 1/(2 C n) |W|^2,   z = X W' + b

It often stops at 100 iterations, unconverged, and where it does depends on rounding: so every product and sum has the
order that is defined in ``arithmetic/``. float32 features are fitted in float32, float64 ones in float64.
Source: ``LinearModelLoss.loss_gradient`` and ``CyHalfMultinomialLoss`` in scikit-learn 1.9, ``sklearn/linear_model/``
and ``sklearn/_loss/``; the solver: ``lbfgs/``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataperf_fast.kernels.arithmetic.dot import dot
from dataperf_fast.kernels.arithmetic.exponential import exp, exp32, expit32
from dataperf_fast.kernels.arithmetic.logarithm import log
from dataperf_fast.kernels.arithmetic.matrix_product import multiply_matrices, panels, product
from dataperf_fast.kernels.arithmetic.matrix_vector import add_columns_times, rows_times
from dataperf_fast.kernels.arithmetic.sums import pairwise_sum
from dataperf_fast.kernels.compiled import inner, kernel
from dataperf_fast.kernels.lbfgs.mainlb import mainlb, new_minimizer
from dataperf_fast.kernels.watched import watched

C = 1.0
_FEW = 8  # up to as many classes a row's logits are the same whichever other rows are asked for


class Logistic(NamedTuple):
    """``weights (k, d)`` and ``intercepts (k,)``; of two classes only the second's, ``(1, d)`` and ``(1,)``."""

    weights: np.ndarray
    intercepts: np.ndarray


@watched("multinomial logistic regression")
def fit(features: np.ndarray, labels: np.ndarray) -> Logistic:
    """Fit ``features (n, d)`` with ``labels (n,)`` in 0 .. k - 1, k > 2, in the features' dtype."""
    classes, width = int(labels.max()) + 1, features.shape[1]
    features = np.ascontiguousarray(features)
    search = new_minimizer((width + 1) * classes)
    weights = panels(np.zeros((width, classes), features.dtype))
    _minimize(features, panels(features), labels.astype(np.int64), classes, weights, search)
    parameters = search.x.astype(features.dtype).reshape(-1, classes)
    return Logistic(np.ascontiguousarray(parameters[:-1].T), parameters[-1].copy())


def logits(model: Logistic, rows: np.ndarray, asked: np.ndarray | None = None) -> np.ndarray:
    """``X W' + b`` of ``rows (m, d)`` in the model's dtype, ``(m, k)``; or of those ``asked (a,)`` for alone, ``(a,
    k)``.

    The order of a row's sums hangs on whether it is the only one, and unless ``_FEW`` classes share it on its place
    among all rows: then what is asked for is cut from the whole.
    """
    classes, single = len(model.weights), len(rows) == 1
    if asked is not None and not single and 1 < classes < _FEW and rows.dtype == np.float32:
        rows, asked = rows[asked], None
    rows = np.ascontiguousarray(rows)
    if classes == 1 and not single:
        found = np.empty((len(rows), 1), rows.dtype)
        rows_times(rows, np.ascontiguousarray(model.weights[0]), found[:, 0])
    elif classes == 1:
        found = np.array([[dot(rows[0], model.weights[0])]], rows.dtype)
    elif single:
        found = np.zeros((1, classes), rows.dtype)
        add_columns_times(np.ascontiguousarray(model.weights.T), rows[0], found[0])
    else:
        found = product(rows, model.weights.T)
    found += model.intercepts
    return found if asked is None else found[asked]


def probabilities(model: Logistic, rows: np.ndarray, asked: np.ndarray | None = None) -> np.ndarray:
    """Class probabilities ``(m, k)`` of ``rows (m, d)``, all float32, or of those ``asked (a,)`` for, ``(a, k)``.

    They are what scikit-learn's ``predict_proba`` has.
    """
    found = np.ascontiguousarray(logits(model, rows, asked))
    if found.shape[1] > 1:
        _softmax(found)
        return found
    shares = np.empty((len(found), 2), np.float32)
    _logistic(found[:, 0], shares)
    return shares


@kernel(error_model="numpy")
def _softmax(shares):
    """Turn logits ``(m, k)`` float32 into probabilities, in place."""
    for i in range(shares.shape[0]):
        highest = shares[i, 0]
        for c in range(1, shares.shape[1]):
            highest = max(highest, shares[i, c])
        for c in range(shares.shape[1]):
            shares[i, c] = exp32(shares[i, c] - highest)
        total = pairwise_sum(shares[i])
        for c in range(shares.shape[1]):
            shares[i, c] /= total


@kernel(error_model="numpy")
def _logistic(second, shares):
    """Set ``shares (m, 2)`` float32 to the probabilities of both classes, from the second's logits ``(m,)``."""
    for i in range(second.shape[0]):
        shares[i, 1] = expit32(second[i])
        shares[i, 0] = np.float32(1) - shares[i, 1]


@kernel
def _minimize(features, columns, labels, classes, weights, search):
    """Move ``search.x ((d + 1) k,)``, class by class within each feature, to where the search stops.

    ``columns`` are the panels of ``features (n, d)``; ``weights``, of the shape of those of ``(d, k)``, is overwritten.
    """
    rows, width = features.shape
    kind = features.dtype.type
    flat = np.empty(width * classes, features.dtype)
    logits = np.empty((rows, weights.shape[0] * weights.shape[2]), features.dtype)
    slopes, turned = np.empty((rows, classes), features.dtype), np.empty((classes, rows), features.dtype)
    losses, back = (
        np.empty(rows, features.dtype),
        np.empty((classes, columns.shape[0] * columns.shape[2]), features.dtype),
    )
    ended = False
    while not ended:
        for k in range(width):
            for c in range(classes):
                flat[k * classes + c] = kind(search.x[k * classes + c])
                weights[c // weights.shape[2], k, c % weights.shape[2]] = flat[k * classes + c]
        multiply_matrices(features, weights, classes, logits)
        for i in range(rows):
            for c in range(classes):
                logits[i, c] += kind(search.x[width * classes + c])
        _pointwise(logits, labels, losses, slopes)
        penalty = 1.0 / (C * rows)
        loss = np.float64(pairwise_sum(losses) / kind(rows)) + np.float64(kind(0.5 * penalty) * dot(flat, flat))
        slopes /= kind(rows)
        if width > 1:
            for i in range(rows):  # the transpose as a view would be another type, and all be compiled twice
                for c in range(classes):
                    turned[c, i] = slopes[i, c]
            multiply_matrices(turned, columns, width, back)
        else:  # a vector to NumPy
            single = np.zeros(classes, features.dtype)
            add_columns_times(slopes, features.reshape(-1), single)
            back[:, 0] = single
        _set_gradient(back, flat, kind(penalty), slopes, search.gradient)
        ended = mainlb(search, loss)


@inner
def _set_gradient(back, flat, penalty, slopes, gradient):
    classes, width = slopes.shape[1], flat.shape[0] // slopes.shape[1]
    for k in range(width):
        for c in range(classes):
            gradient[k * classes + c] = back[c, k] + penalty * flat[k * classes + c]
    for c in range(classes):
        total = slopes.dtype.type(0)
        for i in range(slopes.shape[0]):
            total += slopes[i, c]
        gradient[width * classes + c] = total


@kernel(error_model="numpy")
def _pointwise(logits, labels, losses, slopes):
    """Each row's loss ``(n,)`` and its derivative by its logits ``(n, k)``, in their dtype; exponentials in float64."""
    kind, classes = losses.dtype.type, slopes.shape[1]
    for i in range(labels.shape[0]):
        highest = np.float64(logits[i, 0])
        for c in range(1, classes):
            if highest < logits[i, c]:
                highest = np.float64(logits[i, c])
        wide = 0.0
        for c in range(classes):
            slopes[i, c] = kind(exp(logits[i, c] - highest))
            wide += slopes[i, c]
        total = kind(wide)
        losses[i] = kind(log(np.float64(total)) + np.float64(kind(highest)))
        losses[i] -= logits[i, labels[i]]
        for c in range(classes):
            slopes[i, c] /= total
        slopes[i, labels[i]] -= kind(1)
