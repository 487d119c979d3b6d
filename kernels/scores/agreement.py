"""Do raters agree, and whom to believe: Krippendorff's alpha, and Dawid and Skene's model of raters' errors.

Ratings are three int64 arrays of one length n: which unit was rated, by which rater, the value given, all from 0 on. A
rater need not have rated every unit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataperf_fast.kernels.arithmetic.exponential import exp
from dataperf_fast.kernels.arithmetic.logarithm import log
from dataperf_fast.kernels.arithmetic.sums import pairwise_sum
from dataperf_fast.kernels.compiled import kernel

_PRIOR_COUNT = 1e-2  # of each answer: no error is impossible for having not been seen


class RaterModel(NamedTuple):
    """Dawid and Skene's estimates.

    ``classes (u, k)``: each unit's probabilities of its true value; ``errors (r, k, k)``: of each of a rater's answers
    (last axis) to each true value; ``prior (k,)``: of the values; ``steps`` taken, and the ``log_likelihood`` reached.
    """

    classes: np.ndarray
    errors: np.ndarray
    prior: np.ndarray
    steps: int
    log_likelihood: float


def value_counts(units: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """How many raters gave each of k values to each of u units: ``shape`` (u, k), int64."""
    counts: np.ndarray = np.bincount(units * shape[1] + values, minlength=shape[0] * shape[1]).reshape(shape)
    return counts


def krippendorff_alpha(counts: np.ndarray) -> float:
    """Krippendorff's alpha for nominal values, from ``counts (u, k)``: 1 - observed / expected disagreement.

    NaN where no two ratings could disagree. A pair within a unit of m ratings counts 1 / (m - 1), a lone rating nothing
    (Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, section C).
    """
    counts = counts[counts.sum(axis=1) > 1].astype(np.float64)
    size = counts.sum(axis=1)
    same = ((counts * (counts - 1)).sum(axis=1) / (size - 1)).sum()
    totals = counts.sum(axis=0)
    whole = totals.sum()
    expected = whole**2 - (totals**2).sum()
    return float(1 - (whole - 1) * (whole - same) / expected) if expected else float("nan")


def dawid_skene(
    units: np.ndarray, raters: np.ndarray, values: np.ndarray, shape: tuple[int, int, int], most: int = 1000,
    tolerance: float = 1e-9,
) -> RaterModel:  # fmt: skip
    """Fit u units' true values and r raters' errors by expectation maximization; ``shape`` is (u, r, k).

    Starts from each unit's shares of votes (Dawid and Skene, Applied Statistics 28, 1979, section 3), and ends when no
    probability moves by more than ``tolerance``, or after ``most`` steps. A unit without ratings has no part in this,
    and gets the prior.
    """
    rated, places = np.unique(units, return_inverse=True)
    if len(rated) < shape[0]:
        fitted = dawid_skene(places, raters, values, (len(rated), *shape[1:]), most, tolerance)
        everybody = np.tile(fitted.prior, (shape[0], 1))
        everybody[rated] = fitted.classes
        return fitted._replace(classes=everybody)
    unit_count, rater_count, k = shape
    if not unit_count:
        return RaterModel(np.empty((0, k)), np.full((rater_count, k, k), 1 / k), np.full(k, 1 / k), 0, 0.0)
    classes = value_counts(units, values, (unit_count, k)) + _PRIOR_COUNT
    _scale_to_one(classes)
    step, prior, errors = 0, np.empty(k), np.empty((rater_count, k, k))
    posterior, likelihood = np.empty((unit_count, k)), np.empty(unit_count)
    while step < most:
        step += 1
        _fit_errors(units, raters, values, classes, prior, errors)
        _infer_classes(units, raters, values, prior, errors, posterior, likelihood)
        moved = np.abs(posterior - classes).max(initial=0.0)
        classes, posterior = posterior, classes
        if moved <= tolerance:
            break
    return RaterModel(classes, errors, prior, step, float(pairwise_sum(likelihood)))


@kernel(error_model="numpy")
def _scale_to_one(shares):
    """Divide each row of ``shares (n, k)`` by its sum, in place."""
    for i in range(shares.shape[0]):
        shares[i] /= pairwise_sum(shares[i])


@kernel(error_model="numpy")
def _fit_errors(units, raters, values, classes, prior, errors):
    """Set ``prior (k,)`` and ``errors (r, k, k)`` to what ``classes (u, k)`` make of them."""
    for true in range(prior.shape[0]):
        prior[true] = pairwise_sum(classes[:, true].copy()) / classes.shape[0]
    errors[:] = _PRIOR_COUNT
    _count_errors(units, raters, values, classes, errors)
    for rater in range(errors.shape[0]):
        _scale_to_one(errors[rater])


@kernel(error_model="numpy")
def _infer_classes(units, raters, values, prior, errors, classes, likelihood):
    """Set ``classes (u, k)`` to each unit's probabilities, and ``likelihood (u,)`` to its logarithm."""
    logs = np.empty_like(errors)
    for rater in range(errors.shape[0]):
        for true in range(errors.shape[1]):
            for value in range(errors.shape[2]):
                logs[rater, true, value] = log(errors[rater, true, value])
    for unit in range(classes.shape[0]):
        for true in range(prior.shape[0]):
            classes[unit, true] = log(prior[true])
    _add_evidence(units, raters, values, logs, classes)
    for unit in range(classes.shape[0]):
        top = classes[unit].max()
        for true in range(prior.shape[0]):
            classes[unit, true] = exp(classes[unit, true] - top)
        whole = pairwise_sum(classes[unit])
        classes[unit] /= whole
        likelihood[unit] = top + log(whole)


@kernel
def _count_errors(units, raters, values, classes, errors):
    """Add to ``errors[r, t, v]`` the probability of t for every unit that rater r gave the value v."""
    for i in range(units.shape[0]):
        for true in range(classes.shape[1]):
            errors[raters[i], true, values[i]] += classes[units[i], true]


@kernel
def _add_evidence(units, raters, values, log_errors, logs):
    """Add to ``logs[u, t]`` the log probability of each answer given for u, were t true."""
    for i in range(units.shape[0]):
        for true in range(logs.shape[1]):
            logs[units[i], true] += log_errors[raters[i], true, values[i]]
