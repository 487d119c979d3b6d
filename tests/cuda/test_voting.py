"""The speech board's model on the device: every answer and score is the CPU's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.kernels.launch import array_library
from dataperf_fast.kernels.scores.f1 import from_counts
from dataperf_fast.kernels.svm import coupling
from dataperf_fast.kernels.svm import cuda as svc_cuda
from dataperf_fast.kernels.votes import cuda as vote_cuda
from dataperf_fast.models.voting import Voting
from tests.cuda.conftest import SIMULATED
from tests.problems import board

pytestmark = pytest.mark.usefixtures("device")
CPU, CUDA = Backend("cpu", "test", 1, 10**9), Backend("cuda", "test", 1, 10**9, 2)
SEEDS = np.array([5, 69])


@pytest.fixture(autouse=True)
def small_enough(monkeypatch):
    """On the simulator, whose threads are Python's, a few threads a block."""
    if SIMULATED:
        monkeypatch.setattr(vote_cuda, "_THREADS", 7)
        monkeypatch.setattr(svc_cuda, "_THREADS", 16)


def several(cases, evaluation=90):
    """A pool of the cases' rows one after the other, scored on the first one's; rows and labels of each, per seed."""
    boards = [board(seed, evaluation=evaluation, **options) for seed, options in cases]
    pool = Pool(np.concatenate([of[0] for of in boards]), boards[0][2], boards[0][3])
    rows, labels, start = [], [], 0
    for features, given, _, _ in boards:
        own = np.arange(start, start + len(features), dtype=np.int32)
        rows += [own] * len(SEEDS)
        labels += [given] * len(SEEDS)
        start += len(features)
    return pool, rows, labels, np.tile(SEEDS, len(cases))


CASES = [
    (7, {"training": 25}),
    (8, {"training": 40}),
    (9, {"training": 25, "skew": "missing"}),  # another number of classes
    (10, {"training": 30, "skew": "duplicates"}),
]


def test_predictions_are_the_cpus():
    pool, rows, labels, seeds = several(CASES)
    arguments = rows, labels, seeds
    expected = Voting().bind(pool, CPU).predict(*arguments)
    np.testing.assert_array_equal(Voting().bind(pool, CUDA).predict(*arguments), expected)
    assert len(np.unique(expected)) > 3


def test_scores_are_the_same_bytes_for_any_batch():
    pool, rows, labels, seeds = several(CASES[:3], evaluation=50)
    expected = Voting().bind(pool, CPU).train(rows, labels, seeds, exact=True)[0]["f1"]
    for size in (2, None):
        outcomes = Engine(CUDA, batch_size=size).run(Plan(pool, Voting(), labels, rows, seeds))
        assert outcomes.values["f1"].tobytes() == expected.tobytes()
    assert len(set(expected.tolist())) > 3


def test_a_pair_too_large_for_a_thread_is_solved_on_the_cpu(monkeypatch):
    pool, rows, labels, seeds = several(CASES[:2], evaluation=30)
    expected = Voting().bind(pool, CPU).predict(rows, labels, seeds)
    monkeypatch.setattr(svc_cuda, "LARGEST", 12)
    np.testing.assert_array_equal(Voting().bind(pool, CUDA).predict(rows, labels, seeds), expected)


def test_more_classes_than_a_thread_has_room_for_are_voted_on_by_the_cpu(monkeypatch):
    pool, rows, labels, seeds = several(CASES[1:3], evaluation=30)  # of six classes, and of five
    expected = Voting().bind(pool, CPU).train(rows, labels, seeds, exact=True)[0]
    monkeypatch.setattr(vote_cuda, "MOST", 5)
    found = Voting().bind(pool, CUDA).train(rows, labels, seeds, exact=False)[0]
    assert found["f1"].tobytes() == expected["f1"].tobytes()
    assert (found["settled"] == 30).tolist() == [True, True, False, False]


def test_rows_trained_on_do_not_count_where_they_are_held_out():
    features, labels, _, _ = board(11, training=60, evaluation=1)
    pool = Pool(features, features, labels)
    rows = [np.arange(0, 60, 2, dtype=np.int32)]
    arguments = rows, [labels[rows[0]]], np.array([5])
    [score] = Voting(held_out=True).bind(pool, CUDA).train(*arguments, exact=False)[0]["f1"]
    [answers] = Voting().bind(pool, CPU).predict(*arguments)
    assert score == f1_score(labels[1::2], answers[1::2], average="macro")


def test_a_stop_that_is_nearly_a_tie_is_doubted(monkeypatch):
    """With a slack as large as the coupling's own stop, every row is in doubt, and settled to the same answers."""
    pool, rows, labels, seeds = several(CASES[:1], evaluation=30)
    expected = Voting().bind(pool, CPU).predict(rows, labels, seeds)
    settled = []
    for least in (vote_cuda._LEAST, coupling.STOP):
        monkeypatch.setattr(vote_cuda, "_LEAST", least)
        trainer = Voting().bind(pool, CUDA)
        settled.append(trainer.train(rows, labels, seeds, exact=False)[0]["settled"][0])
        np.testing.assert_array_equal(trainer.predict(rows, labels, seeds), expected)
    assert settled[0] < settled[1] == 30


def test_counts_give_scikit_learns_f1():
    xp = array_library()
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 4, 40).astype(np.uint8)
    positions = generator.integers(0, 3, (2, 3, 40)).astype(np.uint8)
    class_of = np.array([[0, 1, 3], [1, 2, 5]], np.uint8)
    scored = (generator.random((2, 40)) < 0.7).astype(np.uint8)
    counts = vote_cuda.count(*map(xp.asarray, (positions,)), class_of, xp.asarray(truth), xp.asarray(scored), xp)
    for fit in range(2):
        kept = scored[fit] == 1
        expected = [
            f1_score(truth[kept], class_of[fit][line][kept], average="macro", zero_division=0)
            for line in positions[fit]
        ]
        assert from_counts(counts[fit]).tolist() == expected
