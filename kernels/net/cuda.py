"""The linear net on a GPU: one net a block, its three states in device memory, everything else of it on the chip.

Formulas and layout: ``training.py``; the arithmetic of one element: ``steps.py``, the same functions. A block takes a
training step in four passes: the batch's logits, s = X' g, the rows' dot products with s, and the step of W1, in which
a thread owns columns and goes down the rows, so that its part of the next u needs no other thread. All is float64, and
every sum has the CPU's order: 16 lanes share a row, as in ``wide_lanes.dot``, and what is fused there is fused here. So
a net's logits are the CPU's bytes.

Nets may have rows of their own; a whole batch is one launch. A step reads 8 and writes 6 MB of state a net.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from dataperf_fast.kernels.arithmetic.lanes import multiply_add
from dataperf_fast.kernels.compiled import inlined
from dataperf_fast.kernels.launch import array_library, gpu_kernel, launch
from dataperf_fast.kernels.net.steps import BATCH, HIDDEN, REBASE, loss_slope, step_two_weights, step_weight
from dataperf_fast.kernels.net.training import EPOCHS, Start

THREADS = 512  # a block; the kernel has 98 registers a thread, and a block 65,536
_LANES = 16  # threads that share a row's dot product; 128 rows' parts fit where u is
_SMALL = 2 * HIDDEN + 1
WIDEST = 2398  # columns: what a block shares on the chip is then 48 KiB, and no card has more without being asked


class Loaded(NamedTuple):
    """A pool on the device: features ``(n, d)`` and evaluation ``(m, d)``, float64; 0, 1 .."""

    features: Any
    evaluation: Any
    every_row: Any


def load(features: np.ndarray, evaluation: np.ndarray) -> Loaded:
    """Copy a pool to the device; both matrices C-contiguous."""
    every_row = np.arange(max(len(evaluation), HIDDEN), dtype=np.int32)
    rows, others = (cuda.to_device(np.asarray(matrix, np.float64)) for matrix in (features, evaluation))
    return Loaded(rows, others, cuda.to_device(every_row))


def bytes_per_net(rows: int, evaluation_rows: int, dimension: int) -> int:
    """Device memory that each net of a batch takes on the exact path: its state, rows, labels and logits."""
    return 8 * 3 * HIDDEN * dimension + 4 * rows + rows + 8 * (rows + evaluation_rows)


def train(
    start: Start, pool: Loaded, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], threads: int | None = None
) -> tuple[list[Any], Any]:
    """Train net i on the pool's rows ``rows[i] (n_i,)`` int32 with ``labels[i] (n_i,)`` uint8, in their order.

    ``start`` is prepared for the longest of them in float64; the number of ``threads`` a block decides
    nothing. Returns each net's logits of its training rows ``(n_i,)`` and those of the evaluation rows ``(r, m)``, on
    the device, as ``array_library()`` has arrays.
    """
    xp = array_library()
    nets, width, threads = len(rows), pool.features.shape[1], threads or THREADS
    offsets = np.concatenate([[0], np.cumsum([len(of) for of in rows])]).astype(np.int64)
    kind: Any = start.hidden.dtype
    schedule = start.schedule
    state = cuda.device_array((nets, HIDDEN, 3, width), kind)
    train_out, evaluation_out = xp.empty(int(offsets[-1]), kind), xp.empty((nets, pool.evaluation.shape[0]), kind)
    launch(
        _kernel(kind.type, width), nets, threads, *pool, cuda.to_device(np.concatenate(rows)),
        cuda.to_device(np.concatenate(labels)), cuda.to_device(offsets), cuda.to_device(start.hidden),
        cuda.to_device(start.small), cuda.to_device(start.u), cuda.to_device(schedule.coefficients),
        cuda.to_device(schedule.rebase), state, train_out, evaluation_out,
    )  # fmt: skip
    return xp.split(train_out, offsets[1:-1].tolist()), evaluation_out


@lru_cache
def _kernel(kind: type, width: int) -> Any:
    """The kernel for pools of ``width`` columns of float32 or float64."""
    return gpu_kernel(body(kind, width))


def body(kind: type, width: int) -> Any:
    """The kernel's Python function, for at most ``WIDEST`` columns of float64."""
    room, period = max(width, HIDDEN * _LANES), REBASE  # what it encloses tells kept code apart

    def train_nets(
        features, evaluation, every_row, rows, labels, offsets, hidden, weights, initial_u, coefficients, rebase,
        states, train_out, evaluation_out,
    ):  # fmt: skip
        u = cuda.shared.array(room, kind)
        s = cuda.shared.array(room, kind)
        g = cuda.shared.array(BATCH, kind)
        dots = cuda.shared.array(HIDDEN, kind)
        factors = cuda.shared.array((3, HIDDEN), kind)
        small = cuda.shared.array((3, _SMALL), np.float64)
        c = cuda.shared.array(1, np.float64)
        net = cuda.blockIdx.x
        state, begin, count = states[net], offsets[net], offsets[net + 1] - offsets[net]
        own_rows, own_labels = rows[begin : begin + count], labels[begin : begin + count]
        _begin_net(hidden, weights, initial_u, state, small, u, s, c)
        batches = (count + BATCH - 1) // BATCH
        for step in range(EPOCHS * batches):
            first = step % batches * BATCH
            size = min(BATCH, count - first)
            batch, given = own_rows[first : first + size], own_labels[first : first + size]
            # The parts of sums lie in s while it is not yet known, and in u while it is no longer needed.
            gradient_sum = _slopes_of(features, batch, given, u, c, s, g)
            _transposed_product(features, batch, g, s)
            _row_products(state[:, 0], every_row[:HIDDEN], s, u, dots)
            _step_small(coefficients[step], gradient_sum, dots, small, factors)
            _step_layer(coefficients[step], rebase, (step + 1) % period == 0, s, factors, state, small, u, c)
        _write_logits(features, own_rows, u, c, s, train_out[begin : begin + count])
        _write_logits(evaluation, every_row[: evaluation.shape[0]], u, c, s, evaluation_out[net])

    return train_nets


@inlined
def _fused(a, b, c):
    """``a * b + c``, rounded once, on the simulator too."""
    return multiply_add(a, b, c)


@cuda.jit(device=True, inline="always")
def _fold(parts, first):
    """The sum of 16 lanes' parts: the upper half is added to the lower, until one is left."""
    count = _LANES // 2
    while count > 0:
        for lane in range(first, first + count):
            parts[lane] += parts[lane + count]
        count //= 2
    return parts[first]


@cuda.jit(device=True, inline="always")
def _row_products(matrix, rows, vector, parts, out):
    """Set ``out (r,)`` to ``matrix[rows] . vector`` for at most 128 rows; ``parts`` has room for 16 lanes of each."""
    for at in range(cuda.threadIdx.x, rows.shape[0] * _LANES, cuda.blockDim.x):
        row, part = rows[at // _LANES], 0.0
        for k in range(at % _LANES, matrix.shape[1], _LANES):
            part = _fused(matrix[row, k], vector[k], part)
        parts[at] = part
    cuda.syncthreads()
    for i in range(cuda.threadIdx.x, rows.shape[0], cuda.blockDim.x):
        out[i] = _fold(parts, i * _LANES)
    cuda.syncthreads()


@cuda.jit(device=True, inline="always")
def _bias_product(small, parts):
    """``b1 . w2``, by one thread."""
    for lane in range(_LANES):
        parts[lane] = 0.0
        for j in range(lane, HIDDEN, _LANES):
            parts[lane] = _fused(small[0, j], small[0, HIDDEN + j], parts[lane])
    return _fold(parts, 0)


@cuda.jit(device=True, inline="always")
def _begin_net(hidden, weights, initial_u, state, small, u, parts, c):
    width, kind = hidden.shape[1], hidden.dtype.type
    t = cuda.threadIdx.x
    for k in range(t, width, cuda.blockDim.x):
        u[k] = initial_u[k]
        for j in range(HIDDEN):
            state[j, 0, k], state[j, 1, k], state[j, 2, k] = hidden[j, k], kind(0), kind(0)
    for at in range(t, _SMALL, cuda.blockDim.x):
        small[0, at], small[1, at], small[2, at] = weights[at], 0.0, 0.0
    cuda.syncthreads()
    if t == 0:
        c[0] = _bias_product(small, parts) + small[0, 2 * HIDDEN]
    cuda.syncthreads()


@cuda.jit(device=True, inline="always")
def _slopes_of(features, rows, labels, u, c, parts, g):
    """Set ``g`` to the loss's slopes by the batch's logits, and return their sum."""
    _row_products(features, rows, u, parts, g)
    for i in range(cuda.threadIdx.x, rows.shape[0], cuda.blockDim.x):
        g[i] = g.dtype.type(loss_slope(g[i] + c[0], labels[i], rows.shape[0]))
    cuda.syncthreads()
    gradient_sum = 0.0
    for i in range(rows.shape[0]):
        gradient_sum += g[i]
    return gradient_sum


@cuda.jit(device=True, inline="always")
def _transposed_product(features, rows, g, s):
    """Set ``s = X' g``."""
    for k in range(cuda.threadIdx.x, features.shape[1], cuda.blockDim.x):
        total = g.dtype.type(0)
        for i in range(rows.shape[0]):
            total = _fused(g[i], features[rows[i], k], total)
        s[k] = total
    cuda.syncthreads()


@cuda.jit(device=True, inline="always")
def _step_small(coefficients, gradient_sum, dots, small, factors):
    """Step b1, w2 and b2; set ``factors (3, 128)`` of the rows of W1: a, b, the new w2."""
    kind = factors.dtype.type
    scale1, scale2, rate, epsilon = coefficients[0], coefficients[1], coefficients[2], coefficients[3]
    for t in range(cuda.threadIdx.x, HIDDEN, cuda.blockDim.x):
        at = HIDDEN + t
        old = coefficients[4] * small[0, at]
        slope = coefficients[4] * _fused(small[0, t], gradient_sum, dots[t])
        small[0, t], small[1, t], small[2, t] = step_weight(
            small[0, t], small[1, t], small[2, t], old * gradient_sum, scale1, scale2, rate, epsilon
        )
        small[0, at], small[1, at], small[2, at] = step_weight(
            small[0, at], small[1, at], small[2, at], slope, scale1, scale2, rate, epsilon
        )
        factors[0, t], factors[1, t], factors[2, t] = kind(scale1 * old), kind(scale2 * old), kind(small[0, at])
    if cuda.threadIdx.x == 0:
        at = 2 * HIDDEN
        small[0, at], small[1, at], small[2, at] = step_weight(
            small[0, at], small[1, at], small[2, at], gradient_sum, scale1, scale2, rate, epsilon
        )
    cuda.syncthreads()


@cuda.jit(device=True, inline="always")
def _step_layer(coefficients, rebase, rebases, s, factors, state, small, u, c):
    """Step W1 and set u and c, column by column; fold the powers back where it is time."""
    width, kind = state.shape[2], factors.dtype.type
    size, epsilon, decay = coefficients[2], coefficients[3], coefficients[5]
    for k in range(cuda.threadIdx.x, width, cuda.blockDim.x):
        total, eight = 0.0, 0.0
        w0, m0, v0 = state[0, 0, k], state[0, 1, k], state[0, 2, k]
        w1, m1, v1 = state[1, 0, k], state[1, 1, k], state[1, 2, k]
        for j in range(0, HIDDEN, 2):
            weight0, first0, second0, weight1, first1, second1 = step_two_weights(
                w0, m0, v0, w1, m1, v1, s[k],
                factors[0, j], factors[0, j + 1], factors[1, j], factors[1, j + 1], size, epsilon,
            )  # fmt: skip
            # The next pair is on its way before this one is written: no load is moved over a store, and each pair of
            # rows would wait for memory twice. After the last one the first is read again, for nothing.
            after = j + 2 if j + 2 < HIDDEN else 0
            w0, m0, v0 = state[after, 0, k], state[after, 1, k], state[after, 2, k]
            w1, m1, v1 = state[after + 1, 0, k], state[after + 1, 1, k], state[after + 1, 2, k]
            eight = _fused(factors[2, j + 1], weight1, _fused(factors[2, j], weight0, eight))
            state[j, 0, k], state[j, 1, k], state[j, 2, k] = weight0, first0, second0
            state[j + 1, 0, k], state[j + 1, 1, k], state[j + 1, 2, k] = weight1, first1, second1
            if j % 8 == 6:
                total += eight
                eight = 0.0
        u[k] = kind(total * (decay * decay))
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:  # s is no longer needed
        c[0] = _fused(decay, small[0, 2 * HIDDEN], decay * decay * _bias_product(small, s))
    cuda.syncthreads()
    if rebases:
        for part in range(3):
            for k in range(cuda.threadIdx.x, width, cuda.blockDim.x):
                for j in range(HIDDEN):
                    state[j, part, k] = kind(state[j, part, k] * rebase[part])
            for at in range(cuda.threadIdx.x, _SMALL, cuda.blockDim.x):
                small[part, at] *= rebase[part]
        cuda.syncthreads()


@cuda.jit(device=True, inline="always")
def _write_logits(matrix, rows, u, c, parts, out):
    """Set ``out (n,)`` to the logits of ``matrix[rows]``."""
    for base in range(0, rows.shape[0], HIDDEN):
        end = min(base + HIDDEN, rows.shape[0])
        _row_products(matrix, rows[base:end], u, parts, out[base:end])
        for i in range(base + cuda.threadIdx.x, end, cuda.blockDim.x):
            out[i] = out.dtype.type(out[i] + c[0])
