"""One training run of the linear net, in place: formulas and layout are those of ``linear_net.py``.

``loss_slope``, ``step_weight`` and ``step_two_weights`` are the arithmetic of one element; ``linear_net_cuda.py``
compiles the same functions for a GPU. Every operation is written as it is rounded: ``multiply_add`` is fused, nothing
else is, and the only sums that run over a vector are ``linear_net_lanes.dot`` and ``two_dots``. So float64 logits, and
float32's, are the same bytes on any processor.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from dataperf_fast.kernels.linear_net_exp import exp
from dataperf_fast.kernels.linear_net_lanes import dot, multiply_add, two_dots

HIDDEN = 128
BATCH = 64
REBASE = 128


@njit(nogil=True, cache=True)
def clear(vector):
    """Set a vector to zero."""
    for k in range(vector.shape[0]):
        vector[k] = 0


@njit(nogil=True, cache=True)
def _scale(vector, factor):
    for k in range(vector.shape[0]):
        vector[k] *= factor


@njit(nogil=True, cache=True)
def copy(source, target):
    """Copy a vector into another of its length."""
    for k in range(source.shape[0]):
        target[k] = source[k]


@njit(nogil=True, cache=True, error_model="numpy")
def logits(features, u, c, out):
    """Set ``out (n,)`` to ``features (n, d) u + c``."""
    rows = features.shape[0]
    for i in range(0, rows - 1, 2):
        first, second = two_dots(features[i], features[i + 1], u)
        out[i] = first + c
        out[i + 1] = second + c
    if rows % 2:
        out[rows - 1] = dot(features[rows - 1], u) + c


# Four rows of X at a time: a quarter of the loads and stores of s.
@njit(nogil=True, cache=True, error_model="numpy")
def _transposed_product(features, g, s):
    clear(s)
    whole = features.shape[0] // 4 * 4
    for i in range(0, whole, 4):
        row0, row1, row2, row3 = features[i], features[i + 1], features[i + 2], features[i + 3]
        g0, g1, g2, g3 = g[i], g[i + 1], g[i + 2], g[i + 3]
        for k in range(s.shape[0]):
            total = multiply_add(g1, row1[k], multiply_add(g0, row0[k], s[k]))
            s[k] = multiply_add(g3, row3[k], multiply_add(g2, row2[k], total))
    for i in range(whole, features.shape[0]):
        row0, g0 = features[i], g[i]
        for k in range(s.shape[0]):
            s[k] = multiply_add(g0, row0[k], s[k])


@njit(inline="always")
def loss_slope(logit, label, rows):
    """The derivative of a batch's mean cross-entropy by the logit of one of its rows."""
    return (1.0 / (1.0 + exp(-np.float64(logit))) - label) / rows


@njit(inline="always")
def step_weight(weight, first, second, gradient, scale1, scale2, size, epsilon):
    """Step one weight and its moments, W, M and V, along its gradient."""
    first = multiply_add(scale1, gradient, first)
    root = scale2 * gradient
    second = multiply_add(root, root, second)
    return weight - size * first / (math.sqrt(second) + epsilon), first, second


@njit(inline="always")
def step_two_weights(weight0, first0, second0, weight1, first1, second1, s, a0, a1, b0, b1, size, epsilon):
    """Step two weights of W1 in one column along ``a s`` and ``b s`` (w2 times the scales), with one division for both.

    Returns the W, M and V of each.
    """
    first0 = multiply_add(a0, s, first0)
    first1 = multiply_add(a1, s, first1)
    root0 = b0 * s
    root1 = b1 * s
    second0 = multiply_add(root0, root0, second0)
    second1 = multiply_add(root1, root1, second1)
    q0 = math.sqrt(second0) + epsilon
    q1 = math.sqrt(second1) + epsilon
    inverse = size / (q0 * q1)
    weight0 = multiply_add(-first0, q1 * inverse, weight0)
    weight1 = multiply_add(-first1, q0 * inverse, weight1)
    return weight0, first0, second0, weight1, first1, second1


@njit(nogil=True, cache=True, error_model="numpy")
def _loss_gradient(batch, labels, u, c, g):
    """Set ``g`` to the gradient of the batch's mean cross-entropy by its logits, and return its sum."""
    logits(batch, u, c, g)
    total = 0.0
    for i in range(batch.shape[0]):
        g[i] = loss_slope(g[i], labels[i], batch.shape[0])
        total += g[i]
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _step_one(small, at, gradient, scale1, scale2, size, epsilon):
    """Step one weight of ``small``."""
    small[0, at], small[1, at], small[2, at] = step_weight(
        small[0, at], small[1, at], small[2, at], gradient, scale1, scale2, size, epsilon
    )


# error_model="numpy" drops the check for a zero divisor, which would keep the loop scalar, ten times slower.
@njit(nogil=True, cache=True, error_model="numpy")
def _step_two_rows(w0, m0, v0, w1, m1, v1, s, u, a0, a1, b0, b1, size, epsilon, next0, next1):
    """Step two rows of W1 and add ``next . row`` to u."""
    for k in range(s.shape[0]):
        weight0, m0[k], v0[k], weight1, m1[k], v1[k] = step_two_weights(
            w0[k], m0[k], v0[k], w1[k], m1[k], v1[k], s[k], a0, a1, b0, b1, size, epsilon
        )
        w0[k] = weight0
        w1[k] = weight1
        u[k] = multiply_add(next1, weight1, multiply_add(next0, weight0, u[k]))


@njit(nogil=True, cache=True, error_model="numpy")
def _step_layers(state, small, u, s, gradient_sum, coefficients, half_ulp):
    """Take one step of AdamW in place; ``u`` is set to the new W1' w2 over delta^2t."""
    scale1, scale2, size, epsilon, decayed = (
        coefficients[0], coefficients[1], coefficients[2], coefficients[3], coefficients[4],
    )  # fmt: skip
    units, width = state.shape[0], s.shape[0]
    kind = s.dtype.type
    clear(u)
    for j in range(0, units, 2):
        old0, old1 = decayed * small[0, units + j], decayed * small[0, units + j + 1]
        spread = size * (1 + half_ulp * (2 * j + 2 - units) / units)
        dots = two_dots(state[j, 0][:width], state[j + 1, 0][:width], s)
        for at in range(2):
            row, old = j + at, (old0, old1)[at]
            slope = decayed * multiply_add(small[0, row], gradient_sum, np.float64(dots[at]))
            _step_one(small, row, old * gradient_sum, scale1, scale2, size, epsilon)
            _step_one(small, units + row, slope, scale1, scale2, size, epsilon)
        _step_two_rows(
            state[j, 0][:width], state[j, 1][:width], state[j, 2][:width],
            state[j + 1, 0][:width], state[j + 1, 1][:width], state[j + 1, 2][:width], s, u,
            kind(scale1 * old0), kind(scale1 * old1), kind(scale2 * old0), kind(scale2 * old1), kind(spread),
            kind(epsilon), kind(small[0, units + j]), kind(small[0, units + j + 1]),
        )  # fmt: skip
    _step_one(small, 2 * units, gradient_sum, scale1, scale2, size, epsilon)


@njit(nogil=True, cache=True)
def _scale_all(state, small, factors):
    """Multiply W, M and V of all weights by their factors."""
    for part in range(3):
        _scale(small[part], factors[part])
        for j in range(state.shape[0]):
            _scale(state[j, part], factors[part])


@njit(nogil=True, cache=True, error_model="numpy")
def train_steps(given, state, small, work, c, first, last):
    """Train one net in place: ``state (128, 3, >= d)`` holds W1, M and V by rows, ``small (3, 257)`` those of the rest.

    The rest is ``[b1 | w2 | b2]``. On entry they, ``work[0] = W1' w2`` and c are those before step ``first``; on return
    ``work[0, :d]`` and the result are u and c before step ``last``. ``work (2, >= d)``.
    """
    features, labels, bounds, coefficients, rebase, half_ulp = given
    units, width = state.shape[0], features.shape[1]
    u, s = work[0][:width], work[1][:width]
    g = np.empty(BATCH, features.dtype)
    for step in range(first, last):
        batch = features[bounds[step, 0] : bounds[step, 1]]
        gradient_sum = _loss_gradient(batch, labels[bounds[step, 0] : bounds[step, 1]], u, c, g)
        _transposed_product(batch, g, s)
        _step_layers(state, small, u, s, gradient_sum, coefficients[step], half_ulp)
        decay = coefficients[step, 5]
        _scale(u, decay * decay)  # w2 and W1 are both held over delta^t
        product = decay * decay * dot(small[0][:units], small[0][units : 2 * units])
        c = multiply_add(decay, small[0, 2 * units], product)
        if (step + 1) % REBASE == 0:
            _scale_all(state, small, rebase)
    return c
