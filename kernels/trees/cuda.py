"""Many fits of ``stumps.py`` on a GPU, side by side, to the last bit.

A stage is four launches: a thread a row for its residual; a thread a fit for their sum; a thread a feature for its best
gain up to rounding, down the sorted rows; and a thread a fit for the exact gains of the few features within rounding of
the best, the leaves' steps and the new predictions. Rows are sorted once, by the array library. Where the split is
chance, or the order decides in which scikit-learn looks at features, the fit is left to the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import cuda

from dataperf_fast.kernels.arithmetic.sums import DEPTH
from dataperf_fast.kernels.compiled import kernel
from dataperf_fast.kernels.launch import gpu_kernel, launch, lent, on_host
from dataperf_fast.kernels.trees import stumps
from dataperf_fast.kernels.trees.chance_splits import NO_SPLIT, ROW, SAME_VALUE, between, exact_gain

_THREADS = 128
_SHARE = 1.0  # of a step, with two classes


def bytes_per_fit(rows: int, columns: int) -> int:
    """Device memory that a fit takes, and sorting its rows."""
    return 24 * rows * columns + 64 * rows


def fit(features: Any, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], xp: Any) -> list[stumps.Stumps | None]:
    """Fit i has ``rows[i] (n_i,)`` of ``features (n, d)`` float32, on the device, with ``labels[i] (n_i,)`` in 0, 1.

    None for what is left to the CPU; ``xp`` is CuPy.
    """
    fits, lengths = len(rows), [len(of) for of in rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    places, truth = np.concatenate(rows).astype(np.int32), np.concatenate(labels).astype(np.float64)
    starts = [stumps.first_guess(np.stack([of == 0, of == 1]).astype(np.float64)) for of in labels]
    order = xp.full((fits, max(lengths), features.shape[1]), NO_SPLIT, np.int32)
    for at, of_rows in enumerate(rows):
        _sort(features[xp.asarray(of_rows)], order[at, : len(of_rows)], xp)
    shape = fits, stumps.STAGES
    chosen, found = xp.zeros(shape, np.int64), xp.zeros((fits, 3, stumps.STAGES))
    left, totals, best = xp.zeros(fits, np.uint8), xp.zeros((fits, 2)), xp.zeros((fits, features.shape[1]))
    raw, residuals = xp.asarray(np.repeat(np.concatenate(starts), lengths)), xp.zeros(len(places))
    room, values = xp.zeros((2, len(places))), xp.zeros(len(places), np.float32)
    places, truth = xp.asarray(places), xp.asarray(truth)
    by_fit, for_rows = lent(xp.asarray(offsets), left), lent(raw, truth, residuals)
    for_sums, for_gains = lent(residuals, totals), lent(order, residuals, totals, best)
    for_splits = lent(features, places, order, truth, residuals, totals, best)
    changed = lent(raw, room, values, chosen, found)
    by_feature = -(-features.shape[1] // _THREADS), fits
    for stage in range(stumps.STAGES):
        launch(set_residuals, -(-len(places) // _THREADS), _THREADS, *for_rows)
        launch(add_up_fits, fits, 1, *by_fit, *for_sums)
        launch(best_gains, by_feature, _THREADS, *by_fit, *for_gains)
        launch(split, fits, 1, *by_fit, *for_splits, stage, *changed)
    kept, chosen, found = on_host(left) == 0, on_host(chosen), on_host(found)
    return [
        stumps.Stumps(start, chosen[at][:, None], *(of[:, None] for of in found[at])) if kept[at] else None
        for at, start in enumerate(starts)
    ]


def _sort(features: Any, order: Any, xp: Any) -> None:
    """Set ``order (n, d)``: rows in ascending order of each feature, flagged where no split may stand before."""
    places = features.argsort(axis=0)
    ranked = xp.take_along_axis(features, places, axis=0)
    order[:] = places
    order[0] |= NO_SPLIT
    order[1:] |= xp.where(ranked[1:] <= ranked[:-1] + SAME_VALUE, NO_SPLIT, np.int32(0))


@gpu_kernel
def set_residuals(raw, truth, residuals):
    """Each row's residual."""
    row = cuda.grid(1)
    if row < raw.shape[0]:
        residuals[row] = stumps.residual(raw[row], truth[row])


@gpu_kernel
def add_up_fits(offsets, left, residuals, totals):
    """Set ``totals (F, 2)``: the sum of a fit's residuals, and how far a gain may be off by rounding."""
    fit = cuda.blockIdx.x
    if not left[fit]:
        totals[fit, 0], totals[fit, 1] = stumps.add_up(residuals[offsets[fit] : offsets[fit + 1]])


@gpu_kernel
def best_gains(offsets, left, order, residuals, totals, best):
    """Each feature's best gain, up to rounding, into ``best (F, d)``; -1 where it has no split."""
    feature, fit = cuda.grid(2)
    if feature >= best.shape[1] or left[fit]:
        return
    first, count = offsets[fit], offsets[fit + 1] - offsets[fit]
    total, below, most = totals[fit, 0], 0.0, -1.0
    for p in range(1, count):
        below += residuals[first + (order[fit, p - 1, feature] & ROW)]
        above = total - below
        gain = below * below * (1.0 / p) + above * above * (1.0 / (count - p))
        if order[fit, p, feature] >= 0 and gain > most:
            most = gain
    best[fit, feature] = most


@gpu_kernel
def split(
    offsets, left, features, places, order, truth, residuals, totals, best, stage, raw, room, values, chosen, found
):  # fmt: skip
    """Split, take the leaves' steps and add them to ``raw``; ``left (F,)`` is set where it is the CPU's."""
    fit = cuda.blockIdx.x
    if left[fit]:
        return
    first, last = offsets[fit], offsets[fit + 1]
    own, values_of = residuals[first:last], values[first:last]
    halves = cuda.local.array(DEPTH, np.float64)
    feature, place = 0, -1
    if totals[fit, 1] >= 0.0:
        feature, place = choose(
            features, places[first:last], order[fit, : last - first], own, totals[fit, 0], best[fit], totals[fit, 1],
            values_of,
        )  # fmt: skip
    if feature < 0:
        left[fit] = 1
        return
    for i in range(last - first):
        values_of[i] = features[places[first + i], feature]
    threshold = np.inf
    if place >= 0:
        low, high = order[fit, place - 1, feature] & ROW, order[fit, place, feature] & ROW
        threshold = between(values_of[low], values_of[high])
    below, above = stumps.step(
        values_of, threshold, truth[first:last], own, _SHARE, raw[first:last], room[:, first:last], halves
    )
    chosen[fit, stage] = feature
    found[fit, 0, stage], found[fit, 1, stage], found[fit, 2, stage] = threshold, below, above


@kernel
def choose(features, places, order, residuals, total, best, unsure, values):
    """The feature and place of the best split; place -1 where there is none, feature -1 where it is the CPU's."""
    highest, limit = -1.0, -1.0
    for other in range(best.shape[0]):
        limit = max(limit, best[other])
    if limit < 0.0:
        return 0, -1
    limit = max(limit - unsure, 0.0)
    rivals, mixed, feature, place = 0, False, -1, -1
    for other in range(best.shape[0]):
        if best[other] < limit:
            continue
        for i in range(values.shape[0]):
            values[i] = features[places[i], other]
        line = order[:, other]
        mixed = mixed or stumps.is_mixed(line, values, residuals)
        near, gain, at = exact_gain(line, residuals, total, limit)
        rivals += near
        if gain == highest or (mixed and rivals > 1):
            return -1, -1
        if gain > highest:
            feature, place, highest = other, at, gain
    return feature, place
