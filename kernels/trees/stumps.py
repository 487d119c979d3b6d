"""Gradient boosting of stumps, as scikit-learn's ``GradientBoostingClassifier(max_depth=1)`` has it.

Each stage fits a stump to the residuals ``r = y - p``, of several classes one a class: of all splits
"feature <= threshold" the one with the largest

    gain = (sum_left r)^2 / n_left + (sum_right r)^2 / n_right

and gives each leaf the step ``mean(r) / mean(p (1 - p))``. scikit-learn sorts every feature again in every stage; here
they are sorted once, and a stage is one pass over the sorted rows, four features side by side. Splits whose gains are
equal up to rounding are told apart as scikit-learn does, by the same sums and, where those are equal too, by the order
in which it looks at features. Where rows of equal value but different residuals leave the order of those sums to its
sort, the stage is gone through as it does (``chance_splits.py``). So all numbers are its own to the last bit.
Source: Friedman (2001); ``_gb.py`` in scikit-learn 1.9, ``sklearn/ensemble/``; ``_splitter.pyx``, ``_partitioner.pyx``
and ``_criterion.pyx``, ``sklearn/tree/``.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from dataperf_fast.kernels.arithmetic.exponential import exp
from dataperf_fast.kernels.arithmetic.lanes import LANES, add, gather, larger, multiply, spread, store, subtract
from dataperf_fast.kernels.arithmetic.logarithm import log, log1p
from dataperf_fast.kernels.arithmetic.sums import DEPTH, pairwise_sum, pairwise_sum_in
from dataperf_fast.kernels.compiled import kernel
from dataperf_fast.kernels.trees import chance_splits
from dataperf_fast.kernels.trees.chance_splits import NO_SPLIT, ROW, SAME_VALUE, between, exact_gain, next_random
from dataperf_fast.kernels.watched import watched

STAGES = 100
_UNIT, _LEAST = 2.0**-53, 2.0**-52


class Stumps(NamedTuple):
    """A fit of k columns of raw predictions, one for two classes: ``start (k,)``, and of each of s stages ``(s, k)``.

    ``features``, ``thresholds`` and the steps, ``below`` and ``above``.
    """

    start: np.ndarray
    features: np.ndarray
    thresholds: np.ndarray
    below: np.ndarray
    above: np.ndarray


@watched("boosted stumps")
def fit(features: np.ndarray, labels: np.ndarray) -> Stumps:
    """Fit ``features (n, d)`` float32 and ``labels (n,)`` in 0 .. k - 1, each of which occurs; k > 1."""
    classes = int(labels.max()) + 1
    truth = (labels[None] == np.arange(classes)[:, None]).astype(np.float64)
    start, seeds = first_guess(truth), _seeds(classes if classes > 2 else 1)
    if classes == 2:
        truth = truth[1:]
    columns, order = np.ascontiguousarray(features.T), _sort(features)
    model = Stumps(start, np.empty(seeds.shape, np.int64), *(np.empty(seeds.shape) for _ in range(3)))
    raw, residuals = np.repeat(start[:, None], len(labels), axis=1), np.empty(truth.shape)
    room, halves = np.empty((2, len(labels))), np.empty(DEPTH)
    share = (classes - 1) / classes if classes > 2 else 1.0  # of a step, as Friedman has it for several classes
    for stage, of_stage in enumerate(seeds):
        (_set_residuals if classes == 2 else _set_residuals_of_classes)(raw, truth, residuals)
        for k, seed in enumerate(of_stage):
            feature, threshold = _split(order, columns, residuals[k], seed)
            if feature < 0:
                feature, threshold = chance_splits.split_as_scikit_learn(columns, residuals[k], seed)
            model.features[stage, k], model.thresholds[stage, k] = feature, threshold
            model.below[stage, k], model.above[stage, k] = step(
                columns[feature], threshold, truth[k], residuals[k], share, raw[k], room, halves
            )
    return model


@cache
def _seeds(columns: int) -> np.ndarray:
    """Of the order in which each stump looks at features, ``(stages, columns)``."""
    return np.random.RandomState(0).randint(0, 2**31 - 1, (STAGES, columns))


def first_guess(truth: np.ndarray) -> np.ndarray:
    """The raw predictions that give each class its share: ``log(p / (1 - p))``, or ``log p`` less their mean."""
    shares = [min(max(of.sum() / len(of), _LEAST), 1 - _LEAST) for of in truth]
    if len(shares) > 2:
        center = exp(pairwise_sum(np.array([log(share) for share in shares])) / len(shares))
        return np.array([log(share / center) for share in shares])
    share = shares[1]
    if 0.3 <= share <= 0.65:  # SciPy's logit keeps its digits near a half
        return np.array([log1p(2 * (share - 0.5)) - log1p(-2 * (share - 0.5))])
    return np.array([log(share / (1 - share))])


def decisions(model: Stumps, rows: np.ndarray) -> np.ndarray:
    """The sums of all steps for ``rows (m, d)`` float32: ``(m, k)``; of two classes 1 where it is not negative."""
    found = np.repeat(model.start[None], len(rows), axis=0)
    for features, thresholds, below, above in zip(*model[1:], strict=True):
        found += np.where(rows[:, features] <= thresholds, below, above)
    return found


def _sort(features: np.ndarray) -> np.ndarray:
    """Rows in ascending order of each feature, ``(ceil(d / 4), n, 4)`` int32, flagged where no split may stand before.

    Features beyond the last one are flagged throughout.
    """
    rows, width = features.shape
    order = np.full((-(-width // LANES), rows, LANES), NO_SPLIT, np.int32)
    for feature in range(width):
        values = np.ascontiguousarray(features[:, feature])
        places = np.argsort(values)
        ranked = values[places]
        line = order[feature // LANES, :, feature % LANES]
        line[:] = places
        line[0] |= NO_SPLIT
        line[1:][ranked[1:] <= ranked[:-1] + SAME_VALUE] |= NO_SPLIT
    return order


@kernel(error_model="numpy")
def _set_residuals(raw, truth, residuals):
    """``y - p`` of two classes, all ``(1, n)``, by the formula that keeps its digits."""
    for i in range(raw.shape[1]):
        residuals[0, i] = residual(raw[0, i], truth[0, i])


@kernel(error_model="numpy")
def residual(raw, truth):
    """``y - p`` of a row."""
    if raw > -37.0:
        power = exp(-raw)
        return -(((1.0 - truth) - truth * power) / (1.0 + power))
    return -(exp(raw) - truth)


@kernel(error_model="numpy")
def _set_residuals_of_classes(raw, truth, residuals):
    """``y - p`` of k classes, all ``(k, n)``."""
    for i in range(raw.shape[1]):
        highest, total = raw[0, i], 0.0
        for k in range(1, raw.shape[0]):
            highest = max(highest, raw[k, i])
        for k in range(raw.shape[0]):
            residuals[k, i] = exp(raw[k, i] - highest)
            total += residuals[k, i]
        for k in range(raw.shape[0]):
            residuals[k, i] = -(residuals[k, i] / total - truth[k, i])


@kernel(error_model="numpy")
def _split(order, columns, residuals, seed):
    """The feature and threshold of a stage's best split, feature -1 where it is chance; one leaf ends at infinity."""
    total, unsure = add_up(residuals)
    if unsure < 0.0:
        return 0, np.inf
    best = np.empty(order.shape[0] * LANES)
    _best_gains(order, residuals, total, best)
    if best.max() < 0.0:
        return 0, np.inf
    feature, place = _choose(order, columns, residuals, total, best, unsure, seed)
    if feature < 0:
        return -1, 0.0
    low = columns[feature, order[feature // LANES, place - 1, feature % LANES] & ROW]
    high = columns[feature, order[feature // LANES, place, feature % LANES] & ROW]
    return feature, between(low, high)


@kernel(error_model="numpy")
def add_up(residuals):
    """The sum of ``residuals (n,)``, and how far a gain may be off by rounding; -1 where they are one value."""
    count = residuals.shape[0]
    total, squares, size, longest = 0.0, 0.0, 0.0, 0.0
    for i in range(count):
        total += residuals[i]
        squares += residuals[i] * residuals[i]
        size, longest = size + abs(residuals[i]), max(longest, abs(residuals[i]))
    if squares / count - (total / count) * (total / count) <= _LEAST:
        return total, -1.0
    return total, 8 * count * _UNIT * longest * size


@kernel(error_model="numpy")
def step(values, threshold, labels, residuals, share, raw, room, halves):
    """The steps of both leaves, ``share mean(r) / mean(p (1 - p))``, which are added to ``raw``.

    ``room (2, n)`` and ``halves``, as ``pairwise_sum_in`` wants it, are room.
    """
    count = labels.shape[0]
    members, weights = room[0], room[1]
    below = above = 0.0
    for left in (True, False):
        found = 0
        for i in range(count):
            if (values[i] <= threshold) == left:
                p = labels[i] - residuals[i]
                members[found], weights[found] = residuals[i], p * (1.0 - p)
                found += 1
        if found:
            mean = pairwise_sum_in(members[:found], halves) / found
            own = _ratio(mean * share, pairwise_sum_in(weights[:found], halves) / found)
            below, above = (own, above) if left else (below, own)
    for i in range(count):
        raw[i] += below if values[i] <= threshold else above
    return below, above


@kernel(error_model="numpy")
def _ratio(numerator, denominator):
    return 0.0 if abs(denominator) < 1e-150 else numerator / denominator


@kernel
def _best_gains(order, residuals, total, best):
    """Each feature's best gain, up to rounding, into ``best``; -1 where it has no split."""
    count = residuals.shape[0]
    flat = order.reshape(-1)
    shares = np.empty(count + 1)
    for k in range(1, count + 1):
        shares[k] = 1.0 / k
    everything = spread(total)
    for block in range(order.shape[0]):
        at = block * count * LANES
        left, most = spread(0.0), spread(-1.0)
        for p in range(1, count):
            left = add(left, gather(residuals, flat, at))
            at += LANES
            right = subtract(everything, left)
            gain = add(
                multiply(multiply(left, left), spread(shares[p])),
                multiply(multiply(right, right), spread(shares[count - p])),
            )
            most = larger(most, gain, flat, at)
        store(best, block * LANES, most)


@kernel(error_model="numpy")
def _choose(order, columns, residuals, total, best, unsure, seed):
    """The feature and the place of the best split; feature -1 where it is chance."""
    rivals, mixed, highest = 0, False, -1.0
    feature, place = -1, -1
    limit = best.max() - unsure
    visits = np.empty(0, np.int64)
    for other in range(columns.shape[0]):
        if best[other] < max(limit, 0.0):
            continue
        line = order[other // LANES, :, other % LANES]
        mixed = mixed or is_mixed(line, columns[other], residuals)
        near, gain, at = exact_gain(line, residuals, total, limit)
        rivals += near
        if gain == highest and visits.shape[0] == 0:
            visits = _visits(order, columns.shape[0], seed)
        if gain > highest or (gain == highest and visits[other] < visits[feature]):
            feature, place, highest = other, at, gain
    return (-1 if rivals > 1 and mixed else feature), place


@kernel
def is_mixed(line, values, residuals):
    """Whether rows of equal value but different residuals leave the order of a sorted feature's sums open."""
    for p in range(1, line.shape[0]):
        row, before = line[p] & ROW, line[p - 1] & ROW
        if values[row] == values[before] and residuals[row] != residuals[before]:
            return True
    return False


@kernel
def _visits(order, width, seed):
    """When each feature is looked at, ``(width,)``: scikit-learn draws them one by one; constant ones last."""
    features, visits = np.arange(width), np.full(width, width)
    constants, left, state = 0, width, np.uint32(seed)
    for visit in range(width):
        if left <= constants:
            break
        state = next_random(state)
        at = constants + np.int64(state & np.uint32(ROW)) % (left - constants)
        feature = features[at]
        if (order[feature // LANES, :, feature % LANES] < 0).all():
            features[at], features[constants] = features[constants], feature
            constants += 1
            continue
        left -= 1
        features[at], features[left] = features[left], feature
        visits[feature] = visit
    return visits
