"""Do raters agree, and whom to believe: Krippendorff's alpha, and Dawid and Skene's model of raters' errors.

Ratings are three int64 arrays of one length n: which unit was rated, by which rater, the value given, all from 0 on. A
rater need not have rated every unit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

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
    votes = value_counts(units, values, (unit_count, k)) + _PRIOR_COUNT
    classes = votes / votes.sum(axis=1, keepdims=True)
    step = 0
    while step < most:
        step += 1
        prior = classes.mean(axis=0)
        errors = np.full((rater_count, k, k), _PRIOR_COUNT)
        _count_errors(units, raters, values, classes, errors)
        errors /= errors.sum(axis=2, keepdims=True)
        logs = np.repeat(np.log(prior)[None], unit_count, axis=0)
        _add_evidence(units, raters, values, np.log(errors), logs)
        top = logs.max(axis=1, keepdims=True)
        posterior = np.exp(logs - top)
        whole = posterior.sum(axis=1, keepdims=True)
        posterior /= whole
        moved = np.abs(posterior - classes).max(initial=0.0)
        classes = posterior
        if moved <= tolerance:
            break
    return RaterModel(classes, errors, prior, step, float((top + np.log(whole)).sum()))


@njit(nogil=True, cache=True)
def _count_errors(units, raters, values, classes, errors):
    """Add to ``errors[r, t, v]`` the probability of t for every unit that rater r gave the value v."""
    for i in range(units.shape[0]):
        for true in range(classes.shape[1]):
            errors[raters[i], true, values[i]] += classes[units[i], true]


@njit(nogil=True, cache=True)
def _add_evidence(units, raters, values, log_errors, logs):
    """Add to ``logs[u, t]`` the log probability of each answer given for u, were t true."""
    for i in range(units.shape[0]):
        for true in range(logs.shape[1]):
            logs[units[i], true] += log_errors[raters[i], true, values[i]]
