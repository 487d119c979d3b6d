"""Many fits of ``binary.py`` on a GPU, side by side, each on the CPU's path to the last bit.

A round evaluates every fit's loss where its search wants it, and takes the search on. It is three launches: a thread a
training row for its logit, loss and slope; a thread a column for the gradient; a thread a fit for the sums over rows
and the step of ``lbfgs/``. All are the CPU's own functions of one row, one column, one search. Rows stay in the pool,
which fits share. A fit of 2,516 x 768 takes some 120 rounds, and reads its rows twice in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import cuda

from dataperf_fast.kernels.arithmetic.dot import dot64
from dataperf_fast.kernels.arithmetic.matrix_vector import column_times, row_times
from dataperf_fast.kernels.arithmetic.sums import DEPTH, pairwise_sum_in
from dataperf_fast.kernels.compiled import kernel
from dataperf_fast.kernels.launch import gpu_kernel, launch, lent, on_host
from dataperf_fast.kernels.lbfgs.history import MEMORY, History
from dataperf_fast.kernels.lbfgs.mainlb import Minimizer, mainlb, new_minimizer
from dataperf_fast.kernels.logistic.binary import pointwise
from dataperf_fast.kernels.logistic.multinomial import C

_NARROWEST = 4  # columns: fewer have sums of their own
_THREADS = 128
_ROUNDS = 8  # between two looks at who has ended


def covers(features: Any, evaluation: Any) -> bool:
    """Whether rows and columns are enough for the usual order of sums."""
    return bool(features.shape[1] >= _NARROWEST and len(evaluation) > 1)


def bytes_per_fit(rows: int, columns: int, evaluation_rows: int) -> int:
    """Device memory that a fit takes."""
    return 8 * (6 + 4 * MEMORY) * (columns + 1) + 40 * rows + 8 * evaluation_rows


def decisions(
    features: Any, evaluation: Any, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], xp: Any
) -> np.ndarray:
    """Fit and decide: fit i has the pool's ``rows[i] (n_i,)`` with ``labels[i] (n_i,)`` in 0, 1.

    ``features (n, d)`` float32 or float64 and ``evaluation (m, d)`` float64 are on the device, ``covers`` says yes of
    them, and ``xp`` is CuPy. Returns the decision values ``(F, m)`` float64.
    """
    fits, width = len(rows), features.shape[1]
    lengths = [len(of) for of in rows]
    offsets = xp.asarray(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    places = xp.asarray(np.concatenate(rows).astype(np.int32))
    truth = xp.asarray(np.concatenate(labels).astype(np.float64))
    losses, slopes = xp.zeros(len(places)), xp.zeros(len(places))
    ended, searches = xp.zeros(fits, np.uint8), _new_searches(fits, width + 1, xp)
    x, gradient = searches[len(History._fields)], searches[len(History._fields) + 1]
    given = lent(features, places, offsets)
    for_rows, for_columns = lent(truth, ended, x, losses, slopes), lent(slopes, ended, x, gradient)
    for_searches = lent(offsets, losses, slopes, ended, *searches)
    by_row, by_column = (_blocks(max(lengths)), fits), (_blocks(width), fits)
    while not on_host(ended).all():
        for _ in range(_ROUNDS):
            launch(evaluate_rows, by_row, _THREADS, *given, *for_rows)
            launch(evaluate_columns, by_column, _THREADS, *given, *for_columns)
            launch(take_step, fits, 1, *for_searches)
    found = xp.empty((fits, len(evaluation)))
    launch(decide, (_blocks(len(evaluation)), fits), _THREADS, evaluation, x, found)
    return on_host(found)


def _blocks(threads: int) -> int:
    return -(-threads // _THREADS)


def _new_searches(fits: int, variables: int, xp: Any) -> list[Any]:
    """``new_minimizer``'s arrays, a line for each fit: the history's, and then the search's."""
    history, *of_search = new_minimizer(variables)
    return [xp.repeat(xp.asarray(of)[None], fits, axis=0) for of in (*history, *of_search)]


@gpu_kernel
def evaluate_rows(features, places, offsets, labels, ended, x, losses, slopes):
    """Each row's loss, and its slope over the number of rows, at ``x (F, d + 1)``."""
    row, fit = cuda.grid(2)
    first, count = offsets[fit], offsets[fit + 1] - offsets[fit]
    if row >= count or ended[fit]:
        return
    width, at = features.shape[1], first + row
    logit = row_times(features[places[at]], x[fit, :width], row, count) + x[fit, width]
    losses[at], slope = pointwise(logit, labels[at])
    slopes[at] = slope / count


@gpu_kernel
def evaluate_columns(features, places, offsets, slopes, ended, x, gradient):
    """Each weight's part of ``gradient (F, d + 1)``."""
    column, fit = cuda.grid(2)
    if column >= features.shape[1] or ended[fit]:
        return
    first, last = offsets[fit], offsets[fit + 1]
    penalty = 1.0 / (C * (last - first))
    gradient[fit, column] = (
        column_times(features, places[first:last], slopes[first:last], column) + penalty * x[fit, column]
    )


@gpu_kernel
def take_step(
    offsets, losses, slopes, ended,
    state, theta, s, y, by_element, ss, sy, yy, sy_plain, factor, room, weights, trial,
    x, gradient, before, before_gradient, direction, target, line, start, counts,
):  # fmt: skip
    """Sum the loss and the intercept's slope, and take the search on."""
    fit = cuda.blockIdx.x
    if ended[fit]:
        return
    first, last = offsets[fit], offsets[fit + 1]
    rows, width = last - first, x.shape[1] - 1
    halves = cuda.local.array(DEPTH, np.float64)
    gradient[fit, width] = pairwise_sum_in(slopes[first:last], halves)
    penalty = 1.0 / (C * rows)
    squared = dot64(x[fit, :width], x[fit, :width])
    loss = pairwise_sum_in(losses[first:last], halves) / rows + 0.5 * penalty * squared
    history = History(
        state[fit], theta[fit], s[fit], y[fit], by_element[fit], ss[fit], sy[fit], yy[fit], sy_plain[fit], factor[fit],
        room[fit], weights[fit], trial[fit],
    )  # fmt: skip
    search = Minimizer(
        history, x[fit], gradient[fit], before[fit], before_gradient[fit], direction[fit], target[fit], line[fit],
        start[fit], counts[fit],
    )  # fmt: skip
    if _advance(search, loss):
        ended[fit] = 1


@kernel
def _advance(search, value):
    """``mainlb``, for who may be Python: a kernel is on the simulator."""
    return mainlb(search, value)


@gpu_kernel
def decide(evaluation, x, found):
    """The decision value of an evaluation row by a fit."""
    row, fit = cuda.grid(2)
    if row < evaluation.shape[0]:
        width = evaluation.shape[1]
        found[fit, row] = row_times(evaluation[row], x[fit, :width], row, evaluation.shape[0]) + x[fit, width]
