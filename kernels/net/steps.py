"""One training run of the linear net, in place: formulas and layout are those of ``training.py``.

``loss_slope``, ``step_weight`` and ``step_two_weights`` are the arithmetic of one element, or of lanes of them;
``cuda.py`` compiles the same functions for a GPU. Every operation is written as it is rounded:
``multiply_add`` is fused, nothing else is, and the only sums that run over a vector are ``wide_lanes.dot`` and
``two_dots``. So logits are the same bytes on any processor.

With the state in float32 the sums are float64 all the same (u, s, logits, dot products with s): the state's traffic
hides them, and with them in float32 logits erred ten to a hundred times more.
"""

from __future__ import annotations

import math

import numpy as np

from dataperf_fast.kernels.arithmetic.exponential import exp
from dataperf_fast.kernels.arithmetic.lanes import multiply_add
from dataperf_fast.kernels.arithmetic.wide_lanes import BYTES, FEW, dot, few, load, spread_evenly, store, two_dots
from dataperf_fast.kernels.compiled import inlined, inner, kernel
from dataperf_fast.kernels.net.products import add_four_rows, add_row, clear, copy, logits, scale
from dataperf_fast.kernels.net.tangents import follow_batch, follow_slopes, follow_step, rescale

HIDDEN = 128
BATCH = 64
REBASE = 128
_TURNS = (0, 7, 3, 10, 5, 12, 2, 9)  # so that a row's factors are not rounded alike


@inner
def _add(part, total):
    for k in range(part.shape[0]):
        total[k] += part[k]


@inlined
def loss_slope(logit, label, rows):
    """The derivative of a batch's mean cross-entropy by the logit of one of its rows."""
    return (1.0 / (1.0 + exp(-np.float64(logit))) - label) / rows


@inlined
def step_weight(weight, first, second, gradient, scale1, scale2, size, epsilon):
    """Step one weight and its moments, W, M and V, along its gradient."""
    first = multiply_add(scale1, gradient, first)
    root = scale2 * gradient
    second = multiply_add(root, root, second)
    return weight - size * first / (math.sqrt(second) + epsilon), first, second


@inlined
def step_two_weights(weight0, first0, second0, weight1, first1, second1, s, a0, a1, b0, b1, size, epsilon):
    """Step two weights of W1 in one column along ``a s`` and ``b s`` (w2 times the scales), with one division for both.

    Returns the W, M and V of each. With r = sqrt(V), 1 / (r0 + eps) is (r1 + eps) / (r0 r1 + eps (r0 + r1 + eps)).
    Nowhere is eps added to a root by itself: a root is a whole number of units, and so in float32 the sum would round
    the same way for all roots of a power of two.
    """
    first0 = multiply_add(a0, s, first0)
    first1 = multiply_add(a1, s, first1)
    root0 = b0 * s
    root1 = b1 * s
    second0 = multiply_add(root0, root0, second0)
    second1 = multiply_add(root1, root1, second1)
    root0 = math.sqrt(second0)
    root1 = math.sqrt(second1)
    inverse = size / multiply_add(epsilon, root0 + root1 + epsilon, root0 * root1)
    little = epsilon * inverse
    weight0 = multiply_add(-first0, multiply_add(root1, inverse, little), weight0)
    weight1 = multiply_add(-first1, multiply_add(root0, inverse, little), weight1)
    return weight0, first0, second0, weight1, first1, second1


# Four rows at a time, while they lie in the first-level cache: read again from the third they cost as much as the sums.
@inner
def _loss_gradient(batch, labels, u, c, z, g, s):
    """Set ``z`` to the batch's logits, ``g`` to its mean cross-entropy's gradient by them and ``s`` to ``batch' g``.

    Returns the sum of g.
    """
    total, rows = 0.0, batch.shape[0]
    clear(s)
    for first in range(0, rows, 4):
        last = min(first + 4, rows)
        logits(batch[first:last], u, c, z[first:last])
        for i in range(first, last):
            g[i] = loss_slope(z[i], labels[i], rows)
            total += g[i]
        if last - first == 4:
            add_four_rows(batch[first:last], g[first:last], s)
        else:
            for i in range(first, last):
                add_row(batch[i], g[i], s)
    return total


@inner
def _step_one(small, at, gradient, scale1, scale2, size, epsilon):
    """Step one weight of ``small``."""
    small[0, at], small[1, at], small[2, at] = step_weight(
        small[0, at], small[1, at], small[2, at], gradient, scale1, scale2, size, epsilon
    )


@inner
def _step_two_rows(rows0, rows1, s, part, a0, a1, b0, b1, size, epsilon, next0, next1, turn, factors):
    """Step two rows of W1, ``(3, d)`` each with M and V, and add ``next . row`` to ``part (d,)`` of u.

    ``factors`` is room for eight factors' lanes.
    """
    w0, m0, v0, w1, m1, v1 = rows0[0], rows0[1], rows0[2], rows1[0], rows1[1], rows1[2]
    width = BYTES // s.itemsize
    for place, factor in enumerate((a0, a1, b0, b1, size, epsilon, next0, next1)):
        store(factors, width * place, spread_evenly(factor, s, turn + _TURNS[place]))
    like = few(s)
    for at in range(0, width, FEW // s.itemsize):
        scale0, scale1 = load(factors, at, like), load(factors, width + at, like)
        root0, root1 = load(factors, 2 * width + at, like), load(factors, 3 * width + at, like)
        sizes, epsilons = load(factors, 4 * width + at, like), load(factors, 5 * width + at, like)
        nexts0, nexts1 = load(factors, 6 * width + at, like), load(factors, 7 * width + at, like)
        for k in range(at, s.shape[0], width):
            weight0, first0, second0, weight1, first1, second1 = step_two_weights(
                load(w0, k, like), load(m0, k, like), load(v0, k, like), load(w1, k, like), load(m1, k, like),
                load(v1, k, like), load(s, k, like), scale0, scale1, root0, root1, sizes, epsilons,
            )  # fmt: skip
            store(m0, k, first0)
            store(m1, k, first1)
            store(v0, k, second0)
            store(v1, k, second1)
            store(w0, k, weight0)
            store(w1, k, weight1)
            store(part, k, multiply_add(nexts1, weight1, multiply_add(nexts0, weight0, load(part, k, like))))


@inner
def _step_layers(state, small, u, s, near, gradient_sum, coefficients, olds, gradient, part, factors, step):
    """Take one step of AdamW in place; ``u`` is set to the new W1' w2 over delta^2t.

    ``near (d,)`` is s in the state's dtype, and so is ``part (d,)``, eight rows' sum of u: with eights in float32 and
    sixteen of those in float64, u costs what it would in float32 and errs a tenth. ``olds (128,)`` is set to w2 as it
    was, ``gradient (257,)`` to the one of ``small``.
    """
    scale1, scale2, size, epsilon, decayed = (
        coefficients[0], coefficients[1], coefficients[2], coefficients[3], coefficients[4],
    )  # fmt: skip
    units, width = state.shape[0], s.shape[0]
    clear(u)
    for j in range(0, units, 2):
        if j % 8 == 0:
            clear(part)
        dots = two_dots(state[j, 0][:width], state[j + 1, 0][:width], near)
        for row in range(j, j + 2):
            olds[row] = decayed * small[0, units + row]
            gradient[row] = olds[row] * gradient_sum
            gradient[units + row] = decayed * multiply_add(small[0, row], gradient_sum, dots[row - j])
            _step_one(small, row, gradient[row], scale1, scale2, size, epsilon)
            _step_one(small, units + row, gradient[units + row], scale1, scale2, size, epsilon)
        _step_two_rows(
            state[j], state[j + 1], near, part, scale1 * olds[j], scale1 * olds[j + 1], scale2 * olds[j],
            scale2 * olds[j + 1], size, epsilon, small[0, units + j], small[0, units + j + 1],
            5 * j + 11 * step, factors,
        )  # fmt: skip
        if j % 8 == 6:
            _add(part, u)
    gradient[2 * units] = gradient_sum
    _step_one(small, 2 * units, gradient_sum, scale1, scale2, size, epsilon)


@inner
def _scale_all(state, small, factors):
    """Multiply W, M and V of all weights by their factors."""
    for part in range(3):
        scale(small[part], factors[part])
        for j in range(state.shape[0]):
            scale(state[j, part], factors[part])


@kernel(error_model="numpy")
def train_steps(given, state, small, work, tangents, c, first, last):
    """Train one net in place: ``state (128, 3, >= d)`` holds W1, M and V by rows, ``small (3, 257)`` those of the rest.

    The rest is ``[b1 | w2 | b2]``. On entry they, ``work[0] = W1' w2`` and c are those before step ``first``; on return
    ``work[0, :d]`` and the result are u and c before step ``last``. ``work (2, >= d)`` is float64. ``tangents`` is None
    or what ``tangents.py`` follows: where that shows that rounding has taken over, training ends and c is no number.
    """
    features, labels, bounds, coefficients, rebase = given
    units, width = state.shape[0], features.shape[1]
    u, s, near = work[0][:width], work[1][:width], np.empty(width, state.dtype)
    part, factors = np.empty(width, state.dtype), np.empty(8 * BYTES // state.itemsize, state.dtype)
    z, g, olds, gradient = np.empty(BATCH), np.empty(BATCH), np.empty(units), np.empty(small.shape[1])
    for step in range(first, last):
        if np.isnan(c):
            return c
        batch, batch_labels = features[bounds[step, 0] : bounds[step, 1]], labels[bounds[step, 0] : bounds[step, 1]]
        gradient_sum = _loss_gradient(batch, batch_labels, u, c, z, g, s)
        copy(s, near)
        if tangents is not None:
            lost = follow_batch(tangents, batch, batch_labels, z, g, near, step)
            follow_slopes(tangents, state, small, near, gradient_sum, coefficients[step])
        _step_layers(state, small, u, s, near, gradient_sum, coefficients[step], olds, gradient, part, factors, step)
        decay = coefficients[step, 5]
        scale(u, decay * decay)  # w2 and W1 are both held over delta^t
        product = decay * decay * dot(small[0][:units], small[0][units : 2 * units])
        c = multiply_add(decay, small[0, 2 * units], product)
        if tangents is not None:
            follow_step(tangents, state, small, olds, gradient, near, coefficients[step], step)
            if lost:
                c = np.nan
        if (step + 1) % REBASE == 0:
            _scale_all(state, small, rebase)
            if tangents is not None:
                rescale(tangents, rebase)
    return c
