from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest

from dataperf_fast.kernels.net import decisions

pytestmark = pytest.mark.parity


def plain_score(train_logits, train_labels, logits, labels):
    """The reference's search, one threshold after the other."""

    def evaluate(values, truth, threshold):
        probabilities = (1 / (1 + np.exp(-np.asarray(values, dtype=np.float64)))).astype(np.float32)
        return round(((probabilities > np.float32(threshold)) == truth).mean(), 2)

    best, best_threshold = 0.0, 0.0
    for threshold in np.arange(0.1, 1, 0.05):
        accuracy = evaluate(train_logits, train_labels, threshold)
        if accuracy > best:
            best, best_threshold = accuracy, threshold
    return np.float32(best_threshold), evaluate(logits, labels, best_threshold)


def random_nets(generator, nets, rows, evaluation_rows):
    train_labels = generator.integers(0, 2, (nets, rows)).astype(np.uint8)
    labels = generator.integers(0, 2, evaluation_rows).astype(np.uint8)
    train = generator.normal((train_labels - 0.5) * 2, 2).astype(np.float32)
    logits = generator.normal((labels - 0.5) * 2, 2, (nets, evaluation_rows)).astype(np.float32)
    return train, train_labels, logits, labels


def test_threshold_and_accuracy_as_the_reference_searches():
    generator = np.random.default_rng(0)
    for rows, evaluation_rows in ((1, 1), (3, 7), (40, 60), (300, 500)):
        train, train_labels, logits, labels = random_nets(generator, 50, rows, evaluation_rows)
        got = decisions.score(train, train_labels, logits, labels, np.zeros(50))
        expected = [plain_score(*net, labels) for net in zip(train, train_labels, logits, strict=True)]
        assert got.threshold.tolist() == [threshold for threshold, _ in expected]
        assert got.accuracy.tolist() == [accuracy for _, accuracy in expected]
        assert (got.lowest == got.highest).all()


def test_over_the_cut_is_where_the_exact_sigmoid_rounds_to_more_than_the_threshold():
    """In 60 decimals, at the cut and the float64 above it: the middle between two float32 lies between them."""
    with localcontext() as context:
        context.prec = 60
        for threshold, cut in zip(decisions.THRESHOLDS, decisions.CUTS, strict=True):
            middle = (Decimal(float(threshold)) + Decimal(float(np.nextafter(threshold, np.float32(1))))) / 2
            below, above = (1 / (1 + (-Decimal(float(x))).exp()) for x in (cut, np.nextafter(cut, np.inf)))
            assert below <= middle < above
            assert decisions.cut_of(threshold) == cut


def test_all_wrong_keeps_threshold_zero():
    train_labels = np.array([[0, 0]], dtype=np.uint8)
    got = decisions.score(np.full((1, 2), 9.0), train_labels, np.array([[-5.0, 5.0]]), np.array([1, 1]), np.zeros(1))
    assert got.threshold[0] == 0
    assert got.accuracy[0] == 1.0


def test_the_bounds_hold_for_every_error_within_the_tolerance():
    generator = np.random.default_rng(1)
    train, train_labels, logits, labels = random_nets(generator, 200, 12, 15)
    tolerance = np.full(200, 0.02)
    first = decisions.score(train, train_labels, logits, labels, tolerance)
    certain = first.lowest == first.highest
    assert 20 < certain.sum() < 180
    lowest, highest = first.accuracy.copy(), first.accuracy.copy()
    for _ in range(300):
        moved = [part + generator.choice([-0.02, 0.02], part.shape) * 0.999 for part in (train, logits)]
        again = decisions.score(moved[0], train_labels, moved[1], labels, np.zeros(200))
        lowest, highest = np.minimum(lowest, again.accuracy), np.maximum(highest, again.accuracy)
    assert (first.lowest <= lowest).all()
    assert (first.highest >= highest).all()
    assert (lowest < highest).sum() > 20


def test_margin_is_the_distance_to_the_nearest_row():
    got = decisions.score(
        np.array([[-3.0, 3.0]]), np.array([[0, 1]]), np.array([[1.0, -4.0]]), np.array([1, 0]), np.zeros(1)
    )
    assert got.threshold[0] == np.float32(0.1)
    assert got.margin[0] == pytest.approx(4.0 - np.log(9), rel=1e-7)  # to the cut, a rounding of the sigmoid further on
