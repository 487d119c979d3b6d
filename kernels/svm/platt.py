"""Platt's sigmoid ``P(+1 | f) = 1 / (1 + exp(A f + B))`` on held-out decision values, as libsvm fits it.

The decision values come from a five-fold split of the pair's rows, shuffled by the model's seed; the sigmoid is fitted
by Newton's method with backtracking.
Source: Lin, Lin, Weng (2007); ``sigmoid_train``, ``sigmoid_predict`` and ``svm_binary_svc_probability`` in scikit-learn
1.9, ``sklearn/svm/src/libsvm/svm.cpp``; ``bounded_rand_int`` in its ``newrand.h``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from dataperf_fast.kernels.arithmetic.exponential import exp
from dataperf_fast.kernels.arithmetic.logarithm import log
from dataperf_fast.kernels.compiled import kernel

FOLDS = 5


@lru_cache(maxsize=4096)
def shuffled(seed: int, size: int) -> np.ndarray:
    """The order ``(size,)`` int64 in which libsvm cuts ``size`` rows into folds, for ``SVC(random_state=seed)``.

    std::mt19937, seeded with what scikit-learn draws from ``seed``, and a Fisher-Yates shuffle with Lemire's bounded
    numbers on 32-bit words. It starts again for every pair of classes, since every fold's training reseeds it.
    """
    libsvm_seed = np.random.RandomState(seed).randint(2**31 - 1)
    stream = np.random.RandomState(libsvm_seed)
    order = np.arange(size)
    for i in range(size):
        j = i + bounded_rand_int(stream, size - i)
        order[i], order[j] = order[j], order[i]
    order.flags.writeable = False
    return order


def bounded_rand_int(stream: np.random.RandomState, limit: int) -> int:
    """A number in 0 .. limit - 1, from one word of the stream or more."""
    while True:
        product = int(stream.randint(0, 2**32, dtype=np.uint32)) * limit
        if product % 2**32 >= 2**32 % limit:  # the low word rejects what would favour small numbers
            return product >> 32


@kernel
def sigmoid_train(decisions, y):
    """A and B for ``decisions (n,)`` float64 and ``y (n,)`` of +-1: at most 100 steps, to a gradient of 1e-5."""
    size = y.shape[0]
    positive = 0.0
    for i in range(size):
        if y[i] > 0:
            positive += 1
    negative = size - positive
    high = (positive + 1.0) / (positive + 2.0)
    low = 1 / (negative + 2.0)
    a, b = 0.0, log((negative + 1.0) / (positive + 1.0))
    value = _loss(decisions, y, high, low, a, b)
    for _ in range(100):
        h11, h22, h21, g1, g2 = _derivatives(decisions, y, high, low, a, b)
        if abs(g1) < 1e-5 and abs(g2) < 1e-5:
            break
        determinant = h11 * h22 - h21 * h21
        da = -(h22 * g1 - h21 * g2) / determinant
        db = -(-h21 * g1 + h11 * g2) / determinant
        slope = g1 * da + g2 * db
        step = 1.0
        while step >= 1e-10:
            new = _loss(decisions, y, high, low, a + step * da, b + step * db)
            if new < value + 0.0001 * step * slope:
                a, b, value = a + step * da, b + step * db, new
                break
            step = step / 2.0
        if step < 1e-10:
            break
    return a, b


@kernel
def _loss(decisions, y, high, low, a, b):
    total = 0.0
    for i in range(y.shape[0]):
        target = high if y[i] > 0 else low
        exponent = decisions[i] * a + b
        if exponent >= 0:
            total += target * exponent + log(1 + exp(-exponent))
        else:
            total += (target - 1) * exponent + log(1 + exp(exponent))
    return total


@kernel
def _derivatives(decisions, y, high, low, a, b):
    """Hessian (with 1e-12 on its diagonal) and gradient."""
    h11 = h22 = 1e-12
    h21 = g1 = g2 = 0.0
    for i in range(y.shape[0]):
        exponent = decisions[i] * a + b
        small = exp(-abs(exponent))
        if exponent >= 0:
            p = small / (1.0 + small)
            q = 1.0 / (1.0 + small)
        else:
            p = 1.0 / (1.0 + small)
            q = small / (1.0 + small)
        weight = p * q
        h11 += decisions[i] * decisions[i] * weight
        h22 += weight
        h21 += decisions[i] * weight
        slope = (high if y[i] > 0 else low) - p
        g1 += decisions[i] * slope
        g2 += slope
    return h11, h22, h21, g1, g2


@kernel
def sigmoid_predict(decision, a, b):
    """The sigmoid, clipped to [1e-7, 1 - 1e-7] as the coupling wants it."""
    exponent = decision * a + b
    if exponent >= 0:
        small = exp(-exponent)
        p = small / (1.0 + small)
    else:
        p = 1.0 / (1 + exp(exponent))
    return min(max(p, 1e-7), 1 - 1e-7)
