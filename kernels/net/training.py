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
they could overflow float32. The factors behind them are PyTorch's, rounded to float32 as PyTorch holds them, in
float64 too: only so does the net compute what the reference approximates.

The definition is float64, in the order of operations of ``steps.py``. The float32 tier is the same code with
W, M and V held in float32. It keeps what errs the same way in many elements out of float32: sums are float64, and a
factor of a row is rounded up in some lanes and down in others. What is left are independent roundings, and
``tangents.py`` says what this net makes of them.

Measured (Zen 3, float32, a core): the row pass is bound by the divider, 0.33 ns an element for a square root and a
division; dividing once for two rows (``1/q0 = q1 / (q0 q1)``) takes it to 0.27, near the 0.23 ns of the loads and
stores alone. The three states are 3 MB a model, so each thread trains one model at a time and they stay in the
last-level cache; several models in lockstep, to share the reads of X, would spill it. The six state streams of the
row pass start 512 bytes apart modulo a page: where stores and later loads agree in their low 12 bits the loop slows
by a fifth, and a plain 8 KiB stride is the worst case. A net begins where the one before it was when their labels
still agreed; since all but the first of 20 epochs sees every label, that saves at most 5 steps of 100, less a copy
of the state: 1.7% of a curve in row order, nothing measurable in a random one. Tried and rejected: taking the next
rows' dot products inside the row pass (twice slower, the loop runs out of registers and ports). A batch is read
once: four rows' logits, and their part of s while they lie near (196 us a step for 204; they come from the third-
level cache). On Zen 5, with AVX-512, the pass is bound by the state's traffic (107 GB/s): a pass without root and
division takes 0.97 of the time. There prefetching the next rows cost a fifth, the three states interleaved in one
stream a sixth, roots by Newton's method a third.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from dataperf_fast.kernels.arithmetic.lanes import multiply_add
from dataperf_fast.kernels.arithmetic.wide_lanes import BYTES, dot
from dataperf_fast.kernels.compiled import inner, kernel
from dataperf_fast.kernels.net.products import clear, copy, logits
from dataperf_fast.kernels.net.steps import BATCH, HIDDEN, REBASE, train_steps
from dataperf_fast.kernels.net.tangents import Sample, copy_tangents, draw_sample, largest_change, make_tangents, reset
from dataperf_fast.kernels.threads import run
from dataperf_fast.kernels.watched import watched

EPOCHS = 20
RATE = 0.01
WEIGHT_DECAY = 0.9
BETA1 = 0.9
BETA2 = 0.999
EPSILON = 1e-8
SEED = 42

# A float32 logit is trusted to this many times its estimated error: of 2,292 nets up to 300 rows none was out by more,
# of 1,446 larger ones 11, by up to a thousand times. docs/parity.md has what was measured.
_SAFETY, _LARGE_SAFETY, _LARGE = 100.0, 1000.0, 320

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
    module's text; ``rebase (3,)`` are the factors of W, M and V after every ``REBASE`` steps.
    """

    bounds: np.ndarray
    coefficients: np.ndarray
    rebase: np.ndarray


class Start(NamedTuple):
    """What trainings of a shape share: hidden ``(128, d)``, u ``(d,) = W1' w2``, and small ``(257,) = [b1 | w2 | b2]``.

    The state has hidden's dtype, float32 or float64; u and small are float64 always.
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


def training_schedule(rows: int) -> Schedule:
    """Lay out 20 epochs of batches of 64 rows in row order, the last one shorter, with AdamW's factors a step."""
    starts = np.tile(np.arange(0, rows, BATCH), EPOCHS)
    bounds = np.stack([starts, np.minimum(starts + BATCH, rows)], axis=1)
    steps = len(starts)
    since = np.arange(steps) % REBASE + 1  # steps since the last rebase
    # PyTorch holds these factors in float32, in float64 runs of ours too: at beta2 the rounding adds up to 1e-6.
    beta1, gain1 = 1 - _float32(1 - BETA1), _float32(1 - BETA1)  # m is moved by lerp
    beta2, gain2 = _float32(BETA2), _float32(1 - BETA2)
    delta = _float32(1 - RATE * WEIGHT_DECAY)
    powers = [_powers(float(base), REBASE)[since] for base in (beta1, beta2, delta)]
    correction1, correction2 = (1 - _powers(base, steps)[1:] for base in (BETA1, BETA2))  # AdamW's count never restarts
    root = np.sqrt(gain2 * powers[1]) / _float32(np.sqrt(correction2))  # sqrt of corrected v = root * sqrt(V)
    size = _float32(RATE / correction1) * gain1 * powers[0] / (root * powers[2])
    epsilon = _float32(EPSILON) / root
    before = _powers(float(delta), REBASE)[since - 1]
    columns = [1 / powers[0], 1 / np.sqrt(powers[1]), size, epsilon, before, powers[2]]
    rebase = np.array([_powers(float(base), REBASE)[REBASE] for base in (delta, beta1, beta2)])
    return Schedule(bounds, np.stack(columns, axis=1), rebase)


@lru_cache
def _powers(base: float, count: int) -> np.ndarray:
    """``base**t`` for t = 0 .. count, correctly rounded: pow would differ from one libm to another."""
    with localcontext() as context:
        context.prec = 40
        powers = [power := Decimal(1), *((power := power * Decimal(base)) for _ in range(count))]
    return np.array([float(power) for power in powers])


def _float32(value: Any) -> Any:
    """Round to float32, as float64."""
    return np.float32(value).astype(np.float64)


def prepare(rows: int, dimension: int, dtype: type = np.float32) -> Start:
    """Compute what every training on ``rows`` rows of length ``dimension`` starts from, with a state of ``dtype``."""
    return Start(*_beginning(dimension, dtype), training_schedule(rows))


@lru_cache(maxsize=8)
def _beginning(dimension: int, dtype: type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The start's arrays, which do not depend on the rows: Shapley's training sets have all sizes."""
    weights = initial_weights(dimension)
    small = np.concatenate([weights.hidden_bias, weights.output, weights.output_bias]).astype(np.float64)
    u = np.zeros(dimension)
    _add_rows(weights.output.astype(np.float64), weights.hidden.astype(np.float64), u)
    return weights.hidden.astype(dtype), small, u


class Trained(NamedTuple):
    """Logits of the training rows ``(r, n)`` and the evaluation rows ``(r, m)``, float64, and their error ``(r,)``.

    The error is 0 where the state is float64, the definition. Else it is an estimate of the largest one, for
    ``tolerance``, or no number, as all logits of that net, where rounding has taken over and training ended.
    """

    train: np.ndarray
    evaluation: np.ndarray
    error: np.ndarray


def tolerance(error: np.ndarray, rows: int) -> np.ndarray:
    """How far logits may be off whose estimated errors are ``error (r,)``, in nets trained on so many rows."""
    return error * (_SAFETY if rows <= _LARGE else _LARGE_SAFETY)


def sample_of(start: Start, features: np.ndarray) -> Sample | None:
    """What the error of a float32 run on ``features (n, d)`` is estimated from; None in float64."""
    followed = start.hidden.dtype == np.float32
    return draw_sample(start.small[HIDDEN:-1], _padded(features).astype(np.float32)) if followed else None


@watched("linear net")
def train(
    start: Start,
    features: np.ndarray,
    evaluation: np.ndarray,
    labels: np.ndarray,
    threads: int = 1,
    sample: Sample | None = None,
) -> Trained:
    """Train one net for each row of ``labels (r, n)`` on ``features (n, d)``; threads share the rows of labels.

    ``features`` and ``evaluation (m, d)`` are C-contiguous, writable and of one dtype, float32 or float64. A net's
    logits are the same bytes on any machine, with any number of threads and whatever else is in the batch. ``sample``
    is what ``sample_of`` gives for the same rows, if it is known.
    """
    sample = sample or sample_of(start, features)
    features, evaluation, hidden, u = (_padded(part) for part in (features, evaluation, start.hidden, start.u))
    trained = Trained(
        np.empty((len(labels), len(features))), np.empty((len(labels), len(evaluation))), np.zeros(len(labels))
    )
    edges = np.linspace(0, len(labels), max(1, min(threads, len(labels))) + 1).astype(int)

    def train_part(part: slice) -> None:
        state, work = _work_space(features.shape[1], hidden.dtype)
        _train_slice(
            features, evaluation, labels[part], hidden, start.small, u, *start.schedule, state, work,
            *((None if sample is None else make_tangents(sample)) for _ in range(2)),
            *(of[part] for of in trained),
        )  # fmt: skip

    run(threads, train_part, [slice(low, high) for low, high in pairwise(edges)])
    return trained


def trained_weights(start: Start, features: np.ndarray, labels: np.ndarray) -> Weights:
    """The weights of the net that ``train`` would train on ``features (n, d)`` and ``labels (n,)``, in float64."""
    width, schedule = features.shape[1], start.schedule
    features, hidden, u = (_padded(part) for part in (features, start.hidden, start.u))
    state, work = _work_space(features.shape[1], hidden.dtype)
    small = np.empty((3, len(start.small)))
    c = _begin(hidden, start.small, u, state, small, work)
    steps = len(schedule.bounds)
    train_steps((features, labels, *schedule), state, small, work, None, c, 0, steps)
    decay = schedule.coefficients[-1, 5] if steps % REBASE else 1.0  # what the arrays are held over
    hidden, (hidden_bias, output, output_bias) = (
        state[:, 0, :width] * decay,
        np.split(small[0] * decay, [HIDDEN, 2 * HIDDEN]),
    )
    return Weights(hidden, hidden_bias, output, output_bias)


def bytes_per_net(rows: int, evaluation_rows: int) -> int:
    """Memory that each net of a batch takes: its labels and logits in float64. The threads' 7 MB each come on top."""
    return rows + 8 * (rows + evaluation_rows)


def _padded(part: np.ndarray) -> np.ndarray:
    """``(.., d)`` with zero columns up to a whole number of lanes; nothing is copied at the board's 2,048."""
    missing = -part.shape[-1] % (BYTES // 4)
    return np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, missing)]) if missing else part


def _work_space(dimension: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """One thread's ``state (128, 3, stride)``, whose lines start 512 bytes apart modulo a page, and ``work (2, d)``."""
    line = -(-dimension * dtype.itemsize // _PAGE) * _PAGE + _PAGE // 8
    stride = line // dtype.itemsize
    count = 3 * HIDDEN * stride
    buffer = np.empty(count + _PAGE // dtype.itemsize, dtype)
    first = -buffer.ctypes.data % _PAGE // dtype.itemsize
    return buffer[first : first + count].reshape(HIDDEN, 3, stride), np.empty((2, dimension))


@kernel(error_model="numpy")
def _train_slice(
    features,
    evaluation,
    labels,
    hidden,
    weights,
    initial_u,
    bounds,
    coefficients,
    rebase,
    state,
    work,
    tangents,
    kept_tangents,
    train_out,
    evaluation_out,
    errors,
):
    """Train one net after the other from the same start; a row of ``labels`` and of each output is a net."""
    steps = bounds.shape[0]
    small = np.empty((3, weights.shape[0]), weights.dtype)
    # The net at step ``first``, up to which the next labels are the same.
    kept, kept_small, kept_work, kept_c = np.empty_like(state), np.empty_like(small), np.empty_like(work), 0.0
    first = 0
    for net in range(labels.shape[0]):
        if first == 0:
            c = _begin(hidden, weights, initial_u, state, small, work)
            if tangents is not None:
                reset(tangents)
        else:
            _copy_net(kept, kept_small, kept_work, state, small, work)
            if tangents is not None:
                copy_tangents(kept_tangents, tangents)
            c = kept_c
        shared = _shared_steps(labels[net], labels[net + 1], bounds) if net + 1 < labels.shape[0] else 0
        given = features, labels[net], bounds, coefficients, rebase
        if shared > first:
            kept_c = c = train_steps(given, state, small, work, tangents, c, first, shared)
            _copy_net(state, small, work, kept, kept_small, kept_work)
            if tangents is not None:
                copy_tangents(tangents, kept_tangents)
        c = train_steps(given, state, small, work, tangents, c, max(first, shared), steps)
        first = shared if shared >= first else 0
        logits(features, work[0], c, train_out[net])
        logits(evaluation, work[0], c, evaluation_out[net])
        if tangents is not None:
            error = max(largest_change(tangents, features), largest_change(tangents, evaluation))
            errors[net] = np.nan if np.isnan(c) else error


@kernel
def _add_rows(factors, rows, total):
    """Add ``factors (r,) . rows (r, d)`` to ``total (d,)``, row by row."""
    for j in range(rows.shape[0]):
        for k in range(total.shape[0]):
            total[k] = multiply_add(factors[j], rows[j, k], total[k])


@kernel
def _begin(hidden, weights, u, state, small, work):
    """Set a net to its initial weights, and return its c."""
    for part in range(1, 3):
        clear(small[part])
        for j in range(hidden.shape[0]):
            clear(state[j, part])
    for j in range(hidden.shape[0]):
        copy(hidden[j], state[j, 0])
    copy(weights, small[0])
    copy(u, work[0])
    units = hidden.shape[0]
    return dot(weights[:units], weights[units : 2 * units]) + weights[2 * units]


@inner
def _copy_net(state, small, work, to_state, to_small, to_work):
    for part in range(3):
        copy(small[part], to_small[part])
        for j in range(state.shape[0]):
            copy(state[j, part], to_state[j, part])
    copy(work[0], to_work[0])


@inner
def _shared_steps(labels, others, bounds):
    """The steps of the first epoch before the first batch whose labels differ."""
    row = 0
    while row < labels.shape[0] and labels[row] == others[row]:
        row += 1
    step = 0
    while bounds[step, 1] <= row and bounds[step, 1] < labels.shape[0]:
        step += 1
    return step
