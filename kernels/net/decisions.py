"""Thresholds, accuracies, and which of them rounding could have changed; whole batches at once.

Source: ``LogisticClassifier.fit`` and ``.evaluate`` in DS3Lab/dataperf-vision-debugging, ``app/classifier.py``: of the
thresholds 0.10, 0.15 .. 0.95 the first with the highest training accuracy, every accuracy rounded to two decimals;
1 is predicted where the sigmoid, rounded to float32, is over the threshold. That is where the logit is over the
threshold's cut, a constant: no sigmoid is computed, and no library's exp decides.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any, NamedTuple

import numpy as np

from dataperf_fast.kernels.launch import on_host
from dataperf_fast.kernels.watched import watched

# The threshold 0 is what the search starts from: it is left only if every candidate's accuracy rounds to zero.
THRESHOLDS = np.concatenate([[0.0], np.arange(0.1, 1, 0.05)]).astype(np.float32)


def _cut(threshold: np.float32) -> float:
    """The largest float64 logit whose sigmoid is not over ``threshold`` when it is rounded to float32.

    A sigmoid rounds up from the middle between the threshold and the next float32 on; no logit but 0 gives a middle.
    """
    with localcontext() as context:
        context.prec = 50
        middle = (Decimal(float(threshold)) + Decimal(float(np.nextafter(threshold, np.float32(1))))) / 2
        exact = (middle / (1 - middle)).ln()
        nearest = float(exact)
        return nearest if Decimal(nearest) <= exact else float(np.nextafter(nearest, -np.inf))


CUTS = np.array([_cut(threshold) for threshold in THRESHOLDS])


def cut_of(threshold: np.float32) -> float:
    """The logit up to which ``threshold``, one of ``THRESHOLDS``, predicts 0."""
    return float(CUTS[np.searchsorted(THRESHOLDS, threshold)])


class Scores(NamedTuple):
    """``(r,)`` each: threshold float32, the others float64.

    ``accuracy`` is rounded; ``lowest`` and ``highest`` bound what it is for any logits within the tolerance;
    ``margin`` is the distance in logits from the threshold's cut to the nearest evaluation row.
    """

    threshold: np.ndarray
    accuracy: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    margin: np.ndarray


def rounded_accuracy(correct: np.ndarray, rows: int) -> np.ndarray:
    """The share of correct rows as the reference has it: ``round(mean, 2)``."""
    return np.round(correct / rows, 2)


@watched("thresholds and accuracies")
def score(
    train_logits: Any, train_labels: np.ndarray, logits: Any, labels: np.ndarray, tolerance: np.ndarray, xp: Any = np
) -> Scores:
    """Choose each net's threshold on its training logits ``(r, n)`` and score it on ``logits (r, m)``.

    ``train_labels (r, n)`` are the labels that each net was trained on, ``labels (m,)`` those of the evaluation set,
    ``tolerance (r,)`` a bound on the error of a net's logits. ``xp`` is CuPy where the logits are on a device: there
    rows are counted, and what is made of the counts is made here.

    For the bounds of the accuracy, training accuracies become intervals, every threshold that could win is followed,
    and each of them is evaluated with all its near evaluation rows wrong and with all of them right.
    """
    count = len(train_logits)
    every = np.arange(count)
    order = np.arange(len(THRESHOLDS))
    intervals = np.zeros((count, len(THRESHOLDS), 3))
    intervals[:, 1:] = _accuracies(train_logits, train_labels, tolerance, every[:, None], order[1:], xp)
    low, middle, high = np.moveaxis(intervals, 2, 0)
    chosen = middle.argmax(axis=1)  # the first of equals
    floor = low[every, chosen][:, None]
    could_win = np.where(order < chosen[:, None], high >= floor, high > floor) | (order == chosen[:, None])
    # Where no row is near a threshold, low = middle = high and only the winner is left.

    nets, followed = np.nonzero(could_win)
    ends = _accuracies(logits, labels, tolerance, nets, followed, xp)
    accuracy = ends[followed == chosen[nets], 1]  # one a net, in the nets' order
    lowest, highest = accuracy.copy(), accuracy.copy()
    np.minimum.at(lowest, nets, ends[:, 0])
    np.maximum.at(highest, nets, ends[:, 2])
    margin = on_host(xp.abs(logits - xp.asarray(CUTS[chosen])[:, None]).min(axis=1))
    return Scores(THRESHOLDS[chosen], accuracy, lowest, highest, margin)


def _accuracies(
    logits: Any, labels: np.ndarray, tolerance: np.ndarray, nets: np.ndarray, at: np.ndarray, xp: Any
) -> np.ndarray:
    """Rounded accuracies ``(.., 3)`` of ``nets (..)`` at their thresholds: near rows all wrong, as they are, all right.

    ``logits (r, n)``, ``labels (n,)`` or ``(r, n)``, ``tolerance (r,)``; ``nets`` and ``at`` broadcast.
    """
    cuts, widths = (xp.asarray(values)[..., None] for values in (CUTS[at], tolerance[nets]))
    nets = xp.asarray(nets)
    given = xp.broadcast_to(xp.asarray(labels), logits.shape)[nets]
    over = logits[nets] - cuts  # in float64: a difference of two is zero only where they are equal
    correct = (over > 0) == given
    near = ~(xp.abs(over) > widths)  # what is no number is near everything
    counts = [(correct & ~near).sum(axis=-1), correct.sum(axis=-1), (correct | near).sum(axis=-1)]
    return rounded_accuracy(on_host(xp.stack(counts, axis=-1)), logits.shape[1])
