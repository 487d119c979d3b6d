"""Influence functions: what the validation loss would rise by without a row, without training again.

With g_i the rows' loss gradients, g that of the mean validation loss and H the Hessian of the whole penalized loss,
leaving row i out moves the parameters by about ``H^-1 g_i`` and the validation loss by ``g . H^-1 g_i``. A row's
gradient is ``(p - y) phi``, with phi the derivative of its logit by the parameters, so that one linear system serves
all rows, solved by conjugate gradients on products ``H v = Phi' (s (Phi v)) + penalty v``; H is never stored.
Source: Koh and Liang, arXiv 1703.04730; for nets that are not at an optimum, with the Gauss-Newton matrix for H: Bae
et al., arXiv 2209.05364.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from dataperf_fast.engine import checks
from dataperf_fast.valuation.common import Valuation
from dataperf_fast.valuation.inputs import Data

_TOLERANCE = 1e-8
_ITERATIONS = 10_000


class LogitRows(NamedTuple):
    """A trained model's view of rows: ``derivatives (n, p)`` of their ``logits (n,)``, and ``labels (n,)`` in 0, 1."""

    derivatives: np.ndarray
    logits: np.ndarray
    labels: np.ndarray


class _OfTwoLabels(Valuation):
    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags


class LogisticInfluence(_OfTwoLabels):
    """The estimated rise of the mean validation cross-entropy when a row is left out; two labels.

    The model is L2 logistic regression at its optimum (the debugging board's ``logistic``).

    Args:
        C: the inverse of the penalty's strength, as scikit-learn has it.

    Raises:
        ValueError: of ``fit``, for a C that is not over 0, for other than two labels, and where the system is not
            solved.

    Example:
        >>> from dataperf_fast.valuation import LogisticInfluence
        >>> LogisticInfluence().fit(train_X, train_y, val_X, val_y).values_.shape
        (40,)
    """

    def __init__(self, C: float = 1.0):
        self.C = C

    def _check_parameters(self) -> None:
        _over_0("C", self.C)

    def _values(self, data: Data) -> np.ndarray:
        features, labels, evaluation, truth = _two_labels(data)
        model = LogisticRegression(C=self.C, tol=_TOLERANCE, max_iter=_ITERATIONS).fit(features, labels)
        coefficients = np.append(model.coef_, model.intercept_)

        def seen(X: np.ndarray, y: np.ndarray) -> LogitRows:
            derivatives = np.column_stack([X, np.ones(len(X))])
            return LogitRows(derivatives, derivatives @ coefficients, y)

        penalty = np.append(np.full(features.shape[1], 1 / self.C), 0.0)
        return _influences(seen(features, labels), seen(evaluation, truth), penalty)


class NetInfluence(_OfTwoLabels):
    """``LogisticInfluence`` for the debugging board's linear net, where its 20 epochs end.

    That is no optimum, and a row's place in the batches counts too: the values say which rows the net fits against the
    validation set, not what a retrain would give.

    The derivatives by W1, ``w2 (outer) x``, live in as many dimensions as x: ``[|w2| x, |w2|, W1 x + b1, 1]``.

    Args:
        damping: what is added to the Hessian of the mean loss.

    Raises:
        ValueError: of ``fit``, for a damping that is not over 0, for other than two labels, and where the system is
            not solved.

    Example:
        >>> from dataperf_fast.valuation import NetInfluence
        >>> NetInfluence().fit(train_X, train_y, val_X, val_y).values_.shape
        (40,)
    """

    def __init__(self, damping: float = 0.01):
        self.damping = damping

    def _check_parameters(self) -> None:
        _over_0("damping", self.damping)

    def _values(self, data: Data) -> np.ndarray:
        from dataperf_fast.kernels.net import training

        features, labels, evaluation, truth = _two_labels(data)
        start = training.prepare(len(features), features.shape[1], np.float64)
        weights = training.trained_weights(start, features, labels.astype(np.uint8))
        length = np.linalg.norm(weights.output)

        def seen(X: np.ndarray, y: np.ndarray) -> LogitRows:
            hidden, ones = X @ weights.hidden.T + weights.hidden_bias, np.ones((len(X), 1))
            logits = hidden @ weights.output + weights.output_bias
            return LogitRows(np.hstack([length * X, length * ones, hidden, ones]), logits, y)

        rows = seen(features, labels)
        penalty = np.full(rows.derivatives.shape[1], self.damping * len(features))
        return _influences(rows, seen(evaluation, truth), penalty)


def _over_0(name: str, value: Any) -> None:
    if not (isinstance(value, int | float | np.number) and 0 < value < np.inf):
        raise ValueError(f"{name} is {value!r}: expected a number over 0")


def _two_labels(data: Data) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    features, labels, evaluation, truth = data[:4]
    if len(np.unique(labels)) != 2 or truth.max() > 1:
        together = len(np.unique(np.concatenate([labels, truth])))
        raise ValueError(f"train_y has {checks.classes(labels)}, with val_y {together}: expected two labels in all")
    features, evaluation = (np.require(part, np.float64, ["C", "W"]) for part in (features, evaluation))
    return features, labels, evaluation, truth


def _influences(train: LogitRows, val: LogitRows, penalty: np.ndarray) -> np.ndarray:
    """The values ``(n,)`` of the training rows, for ``penalty (p,)`` on the diagonal."""
    Phi, probabilities = train.derivatives, expit(train.logits)
    spread = probabilities * (1 - probabilities)
    product = LinearOperator((len(penalty),) * 2, lambda v: Phi.T @ (spread * (Phi @ v)) + penalty * v, dtype=Phi.dtype)
    gradient = val.derivatives.T @ (expit(val.logits) - val.labels) / len(val.labels)
    direction, failed = cg(product, gradient, rtol=_TOLERANCE, maxiter=_ITERATIONS)
    if failed:
        raise ValueError(f"conjugate gradients did not converge in {_ITERATIONS} steps")
    values: np.ndarray = (Phi @ direction) * (probabilities - train.labels)
    return values
