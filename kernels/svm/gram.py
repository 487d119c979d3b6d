"""The Gaussian kernel ``K(x, z) = exp(-gamma |x - z|^2)`` between training rows, to the last bit as libsvm has it.

libsvm evaluates it in two ways: for training from ``x.x + z.z - 2 x.z``, for prediction from the difference vector.
Each dot product is one ``ddot`` on float64 (``arithmetic/dot.py``): a Gram matrix from one product of matrices differs
in the last bits, and with tied rows the solver then takes another path (measured: other sigmoids altogether).
Source: ``Kernel::kernel_rbf`` and ``Kernel::k_function`` in scikit-learn 1.9, ``sklearn/svm/src/libsvm/svm.cpp``.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.kernels.arithmetic.dot import dot64, squared_distance
from dataperf_fast.kernels.arithmetic.exponential import exp
from dataperf_fast.kernels.arithmetic.sums import variance
from dataperf_fast.kernels.compiled import kernel


def scale_gamma(features: np.ndarray) -> float:
    """``gamma="scale"``: 1 / (d var(X)) of all elements of ``features (n, d)`` in float64; 1 if they are all equal."""
    spread = variance(features.astype(np.float64).reshape(-1))
    return float(1.0 / (features.shape[1] * spread)) if spread != 0 else 1.0


@kernel
def gram(features, gamma):
    """Both kernels between rows of ``features (n, d)`` float64, C-contiguous: ``(n, n)`` to train and to predict."""
    rows = features.shape[0]
    training = np.empty((rows, rows))
    predicting = np.empty((rows, rows))
    squares = np.empty(rows)
    for i in range(rows):
        squares[i] = dot64(features[i], features[i])
        for j in range(i + 1):
            training[i, j], predicting[i, j] = both(features[i], features[j], squares[i], squares[j], gamma)
            training[j, i], predicting[j, i] = training[i, j], predicting[i, j]
    return training, predicting


@kernel
def both(left, right, left_square, right_square, gamma):
    """Both kernels of two vectors ``(d,)``, with their squares."""
    product = dot64(left, right)
    to_train = exp(-gamma * (left_square + right_square - 2 * product))
    return to_train, exp(-gamma * squared_distance(left, right))


@kernel
def cross(vector, features, gamma, out):
    """Set ``out (n,)`` to the predicting kernel of ``vector (d,)`` and each row of ``features (n, d)``, all float64."""
    for i in range(features.shape[0]):
        out[i] = exp(-gamma * squared_distance(vector, features[i]))


@kernel
def cross_all(vectors, features, gamma):
    """``cross`` of every row of ``vectors (m, d)``: ``(m, n)``."""
    out = np.empty((vectors.shape[0], features.shape[0]))
    for row in range(vectors.shape[0]):
        cross(vectors[row], features, gamma, out[row])
    return out
