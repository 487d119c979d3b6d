"""Batched training of DataPerf's frozen debugging model, a two-layer net without an activation.

Source: ``LogisticClassifier`` in DS3Lab/dataperf-vision-debugging, ``app/classifier.py``; AdamW as PyTorch runs it
(Loshchilov and Hutter, arXiv 1711.05101).

The model is ``z = (x W1' + b1) w2' + b2``. Nothing stands between the layers, so with ``u = W1' w2`` and
``c = b1 . w2 + b2`` the forward pass of a batch is ``z = X u + c``. With ``g = (sigmoid(z) - y) / len(batch)`` and
``s = X' g`` the gradients are

    dW1 = w2 (outer) s      db1 = w2 sum(g)      dw2 = W1 s + b1 sum(g)      db2 = sum(g)

so that once ``u`` and ``s`` are known a row of W1 needs nothing of the other rows: one pass over the rows takes the
dot product with ``s``, steps ``w2``, steps the row, and adds it to the next ``u``.

AdamW's decays are taken out of the state. With delta = 1 - rate * weight decay and t counted from the last rebase,
the arrays hold

    M = m / ((1 - beta1) beta1^t)      V = v / ((1 - beta2) beta2^t)      W = weights / delta^t

and one step of one element is ``M += g / beta1^t``, ``V += g^2 / beta2^t``, ``W -= size * M / (sqrt(V) + eps')``, three
operations fewer than the textbook form and a fifth faster. Every ``REBASE`` steps the powers are folded back, before
they could overflow float32. The factors behind them are PyTorch's, rounded to float32 as PyTorch holds them, in the
float64 path too: only so does the float64 path compute what the reference approximates. The scalars of a step are
float64 and rounded once a row, the step size with a spread of half a unit over the rows: a factor rounded once for all
elements errs the same way in all of them, and that alone doubled the error of the logits.

Measured (Zen 3, float32, a core): the row pass is bound by the divider, 0.33 ns an element for a square root and a
division; dividing once for two rows (``1/q0 = q1 / (q0 q1)``) takes it to 0.27, near the 0.23 ns of the loads and
stores alone. The three states are 3 MB a model, so each thread trains one model at a time and they stay in the
last-level cache; several models in lockstep, to share the reads of X, would spill it. The six state streams of the
row pass start 512 bytes apart modulo a page: where stores and later loads agree in their low 12 bits the loop slows by
a fifth, and a plain 8 KiB stride is the worst case. Tried and rejected: taking the next rows' dot products inside the
row pass (twice slower, the loop runs out of registers and ports).
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from dataperf_fast.kernels.threads import run

HIDDEN = 128
EPOCHS = 20
BATCH = 64
RATE = 0.01
WEIGHT_DECAY = 0.9
BETA1 = 0.9
BETA2 = 0.999
EPSILON = 1e-8
SEED = 42
REBASE = 128

_PAGE = 4096


class Weights(NamedTuple):
    """Weights of the net: hidden ``(128, d)``, hidden_bias ``(128,)``, output ``(128,)``, output_bias ``(1,)``."""

    hidden: np.ndarray
    hidden_bias: np.ndarray
    output: np.ndarray
    output_bias: np.ndarray


class Schedule(NamedTuple):
    """The training run step by step: ``bounds (steps, 2)`` int64 rows of X, ``coefficients (steps, 6)`` float64.

    A step's coefficients are ``1/beta1^t, 1/beta2^(t/2), step size, eps', delta^(t-1), delta^t`` with t as in the
    module's text; ``rebase (3,)`` are the factors of W, M and V after every ``REBASE`` steps;
    ``half_ulp`` is half a unit in the last place of the state's dtype, relative.
    """

    bounds: np.ndarray
    coefficients: np.ndarray
    rebase: np.ndarray
    half_ulp: float


class Start(NamedTuple):
    """What trainings of a shape share: hidden ``(128, d)``, u ``(d,) = W1' w2``, and small ``(257,) = [b1 | w2 | b2]``.

    ``small`` is float64 always.
    """

    hidden: np.ndarray
    small: np.ndarray
    u: np.ndarray
    schedule: Schedule


def initial_weights(dimension: int, seed: int = SEED) -> Weights:
    """Draw the weights as PyTorch does after ``torch.manual_seed(seed)``, without PyTorch.

    Both layers' weight and bias are uniform in ``+-1/sqrt(fan_in)``, in the order W1, b1, w2, b2 from one MT19937
    stream of 32-bit words, of which the low 24 bits count. Returns float32.
    Source: ``torch.nn.Linear.reset_parameters`` and ``at::uniform_real_distribution``.
    """
    stream = np.random.RandomState(seed)

    def uniform(count: int, fan_in: int) -> np.ndarray:
        bound = np.float32(1.0 / math.sqrt(fan_in))
        words = stream.randint(0, 2**32, size=count, dtype=np.uint32) & np.uint32(2**24 - 1)
        # PyTorch's build contracts x * (2 bound) - bound to one rounding; so does float64 here.
        return (words * 2.0**-24 * np.float64(bound + bound) - np.float64(bound)).astype(np.float32)

    hidden = uniform(HIDDEN * dimension, dimension).reshape(HIDDEN, dimension)
    return Weights(hidden, uniform(HIDDEN, dimension), uniform(HIDDEN, HIDDEN), uniform(1, HIDDEN))


def training_schedule(rows: int, dtype: type = np.float32) -> Schedule:
    """Lay out 20 epochs of batches of 64 rows in row order, the last one shorter, with AdamW's factors a step."""
    starts = np.tile(np.arange(0, rows, BATCH), EPOCHS)
    bounds = np.stack([starts, np.minimum(starts + BATCH, rows)], axis=1)
    step = np.arange(1, len(starts) + 1, dtype=np.float64)  # AdamW's own count, for the bias corrections
    since = (step - 1) % REBASE + 1  # steps since the last rebase
    # PyTorch holds these factors in float32, in float64 runs of ours too: at beta2 the rounding adds up to 1e-6.
    beta1, gain1 = 1 - _float32(1 - BETA1), _float32(1 - BETA1)  # m is moved by lerp
    beta2, gain2 = _float32(BETA2), _float32(1 - BETA2)
    delta = _float32(1 - RATE * WEIGHT_DECAY)
    root = np.sqrt(gain2 * beta2**since) / _float32(np.sqrt(1 - BETA2**step))  # sqrt of corrected v = root * sqrt(V)
    size = _float32(RATE / (1 - BETA1**step)) * gain1 * beta1**since / (root * delta**since)
    epsilon = _float32(EPSILON) / root
    columns = [beta1**-since, beta2 ** (-since / 2), size, epsilon, delta ** (since - 1), delta**since]
    rebase = np.array([delta**REBASE, beta1**REBASE, beta2**REBASE])
    return Schedule(bounds, np.stack(columns, axis=1), rebase, float(np.finfo(dtype).epsneg))


def _float32(value: Any) -> Any:
    """Round to float32, as float64."""
    return np.float32(value).astype(np.float64)


@lru_cache(maxsize=8)
def prepare(rows: int, dimension: int, dtype: type = np.float32) -> Start:
    """Compute what every training on ``rows`` rows of length ``dimension`` starts from, in float32 or float64."""
    weights = initial_weights(dimension)
    small = np.concatenate([weights.hidden_bias, weights.output, weights.output_bias])
    u = weights.output.astype(np.float64) @ weights.hidden.astype(np.float64)
    return Start(
        weights.hidden.astype(dtype), small.astype(np.float64), u.astype(dtype), training_schedule(rows, dtype)
    )


def train(
    start: Start, features: np.ndarray, evaluation: np.ndarray, labels: np.ndarray, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Train one net for each row of ``labels (r, n)`` on ``features (n, d)``; threads share the rows of labels.

    ``features`` and ``evaluation (m, d)`` are C-contiguous, writable and of ``start``'s dtype; float64 is the exact
    path. Returns the logits of the training rows ``(r, n)`` and of the evaluation rows ``(r, m)``. A net's logits
    depend on neither the number of threads nor on what else is in the batch.
    """
    train_logits = np.empty((len(labels), len(features)), features.dtype)
    evaluation_logits = np.empty((len(labels), len(evaluation)), features.dtype)
    edges = np.linspace(0, len(labels), max(1, min(threads, len(labels))) + 1).astype(int)

    def train_part(part: slice) -> None:
        state, work = _work_space(features.shape[1], features.dtype)
        _train_slice(
            features, evaluation, labels[part], *start[:3], *start.schedule, state, work, train_logits[part],
            evaluation_logits[part],
        )  # fmt: skip

    run(threads, train_part, [slice(low, high) for low, high in pairwise(edges)])
    return train_logits, evaluation_logits


def bytes_per_net(rows: int, evaluation_rows: int) -> int:
    """Memory that each net of a batch takes: its labels and logits in float64. The threads' 4 MB each come on top."""
    return rows + 8 * (rows + evaluation_rows)


def _work_space(dimension: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """One thread's ``state (128, 3, stride)`` and ``work (2, stride)``; lines start 512 bytes apart modulo a page."""
    line = -(-dimension * dtype.itemsize // _PAGE) * _PAGE + _PAGE // 8
    stride = line // dtype.itemsize
    count = (3 * HIDDEN + 2) * stride
    buffer = np.empty(count + _PAGE // dtype.itemsize, dtype)
    first = -buffer.ctypes.data % _PAGE // dtype.itemsize
    lines = buffer[first : first + count].reshape(-1, stride)
    return lines[: 3 * HIDDEN].reshape(HIDDEN, 3, stride), lines[3 * HIDDEN :]


# Only this sum may be reordered, so that it vectorizes; the order is fixed when it is compiled.
@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _dot(left, right):
    total = left[0] * right[0]
    for k in range(1, left.shape[0]):
        total += left[k] * right[k]
    return total


# Two at a time: three loads for two products instead of four.
@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _two_dots(left0, left1, right):
    total0 = left0[0] * right[0]
    total1 = left1[0] * right[0]
    for k in range(1, right.shape[0]):
        total0 += left0[k] * right[k]
        total1 += left1[k] * right[k]
    return total0, total1


@njit(nogil=True, cache=True)
def _clear(vector):
    for k in range(vector.shape[0]):
        vector[k] = 0


@njit(nogil=True, cache=True)
def _scale(vector, factor):
    for k in range(vector.shape[0]):
        vector[k] *= factor


@njit(nogil=True, cache=True)
def _copy(source, target):
    for k in range(source.shape[0]):
        target[k] = source[k]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _logits(features, u, c, out):
    rows = features.shape[0]
    for i in range(0, rows - 1, 2):
        first, second = _two_dots(features[i], features[i + 1], u)
        out[i] = first + c
        out[i + 1] = second + c
    if rows % 2:
        out[rows - 1] = _dot(features[rows - 1], u) + c


# Four rows of X at a time: a quarter of the loads and stores of s.
@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _transposed_product(features, g, s):
    _clear(s)
    whole = features.shape[0] // 4 * 4
    for i in range(0, whole, 4):
        row0, row1, row2, row3 = features[i], features[i + 1], features[i + 2], features[i + 3]
        g0, g1, g2, g3 = g[i], g[i + 1], g[i + 2], g[i + 3]
        for k in range(s.shape[0]):
            s[k] += (g0 * row0[k] + g1 * row1[k]) + (g2 * row2[k] + g3 * row3[k])
    for i in range(whole, features.shape[0]):
        row0, g0 = features[i], g[i]
        for k in range(s.shape[0]):
            s[k] += g0 * row0[k]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _loss_gradient(batch, labels, u, c, g):
    """Set ``g`` to the gradient of the batch's mean cross-entropy by its logits, and return its sum."""
    _logits(batch, u, c, g)
    total = 0.0
    for i in range(batch.shape[0]):
        g[i] = (1.0 / (1.0 + math.exp(-g[i])) - labels[i]) / batch.shape[0]
        total += g[i]
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _step_one(small, at, gradient, scale1, scale2, size, epsilon):
    """Step one weight of ``small``; also the definition that `_step_two_rows` spells out for two."""
    small[1, at] += scale1 * gradient
    root = scale2 * gradient
    small[2, at] += root * root
    small[0, at] -= size * small[1, at] / (math.sqrt(small[2, at]) + epsilon)


# error_model="numpy" drops the check for a zero divisor, which would keep the loop scalar, ten times slower.
@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _step_two_rows(w0, m0, v0, w1, m1, v1, s, u, a0, a1, b0, b1, size, epsilon, next0, next1):
    """Step two rows of W1 along ``a s`` and ``b s`` (their w2 times the scales) and add ``next . row`` to u."""
    for k in range(s.shape[0]):
        first0 = m0[k] + a0 * s[k]
        first1 = m1[k] + a1 * s[k]
        root0 = b0 * s[k]
        root1 = b1 * s[k]
        second0 = v0[k] + root0 * root0
        second1 = v1[k] + root1 * root1
        q0 = math.sqrt(second0) + epsilon
        q1 = math.sqrt(second1) + epsilon
        inverse = size / (q0 * q1)
        weight0 = w0[k] - first0 * (q1 * inverse)
        weight1 = w1[k] - first1 * (q0 * inverse)
        m0[k] = first0
        m1[k] = first1
        v0[k] = second0
        v1[k] = second1
        w0[k] = weight0
        w1[k] = weight1
        u[k] += next0 * weight0 + next1 * weight1


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _step_layers(state, small, u, s, gradient_sum, coefficients, half_ulp):
    """Take one step of AdamW in place; ``u`` is set to the new W1' w2 over delta^2t."""
    scale1, scale2, size, epsilon, decayed = (
        coefficients[0], coefficients[1], coefficients[2], coefficients[3], coefficients[4],
    )  # fmt: skip
    units, width = state.shape[0], s.shape[0]
    kind = s.dtype.type
    _clear(u)
    for j in range(0, units, 2):
        old0, old1 = decayed * small[0, units + j], decayed * small[0, units + j + 1]
        spread = size * (1 + half_ulp * (2 * j + 2 - units) / units)
        dots = _two_dots(state[j, 0][:width], state[j + 1, 0][:width], s)
        for at in range(2):
            row, old = j + at, (old0, old1)[at]
            slope = decayed * (dots[at] + small[0, row] * gradient_sum)
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


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _train(features, labels, bounds, coefficients, rebase, half_ulp, state, small, work):
    """Train one net in place: ``state (128, 3, >= d)`` holds W1, M and V by rows, ``small (3, 257)`` those of the rest.

    The rest is ``[b1 | w2 | b2]``. On entry the moments are zero and W1, ``small[0]`` and ``work[0] = W1' w2`` hold the
    initial weights; on return ``work[0, :d]`` is the trained u and the result is c. ``work (2, >= d)``.
    """
    units, width = state.shape[0], features.shape[1]
    u, s = work[0][:width], work[1][:width]
    g = np.empty(BATCH, features.dtype)
    c = _dot(small[0][:units], small[0][units : 2 * units]) + small[0, 2 * units]
    for step in range(bounds.shape[0]):
        batch = features[bounds[step, 0] : bounds[step, 1]]
        gradient_sum = _loss_gradient(batch, labels[bounds[step, 0] : bounds[step, 1]], u, c, g)
        _transposed_product(batch, g, s)
        _step_layers(state, small, u, s, gradient_sum, coefficients[step], half_ulp)
        decay = coefficients[step, 5]
        _scale(u, decay * decay)  # w2 and W1 are both held over delta^t
        c = decay * decay * _dot(small[0][:units], small[0][units : 2 * units]) + decay * small[0, 2 * units]
        if (step + 1) % REBASE == 0:
            _scale_all(state, small, rebase)
    return c


@njit(nogil=True, cache=True, error_model="numpy")
def _train_slice(
    features,
    evaluation,
    labels,
    hidden,
    weights,
    u,
    bounds,
    coefficients,
    rebase,
    half_ulp,
    state,
    work,
    train_out,
    evaluation_out,
):
    """Train one net after the other from the same start; a row of ``labels`` and of each output is a net."""
    width = features.shape[1]
    small = np.empty((3, weights.shape[0]), weights.dtype)
    for net in range(labels.shape[0]):
        for part in range(1, 3):
            _clear(small[part])
            for j in range(hidden.shape[0]):
                _clear(state[j, part])
        for j in range(hidden.shape[0]):
            _copy(hidden[j], state[j, 0])
        _copy(weights, small[0])
        _copy(u, work[0])
        c = _train(features, labels[net], bounds, coefficients, rebase, half_ulp, state, small, work)
        _logits(features, work[0][:width], c, train_out[net])
        _logits(evaluation, work[0][:width], c, evaluation_out[net])
