"""The debugging board's other models: every accuracy is that of a fit from scratch by the library itself."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from dataperf_fast.boards.debugging.board import BOARD
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.models.linear_net import LinearNet

pytestmark = pytest.mark.parity

NAMES = ("logistic", "svc", "knn", "xgb")


def theirs(name):
    if name == "xgb":
        return pytest.importorskip("xgboost").XGBClassifier(n_jobs=1)
    return {
        "logistic": LogisticRegression(solver="newton-cholesky", tol=1e-12),
        "svc": SVC(tol=1e-8),
        "knn": KNeighborsClassifier(9, algorithm="brute"),
    }[name]


def made(states=40, rows=90, width=20):
    """A pool of two overlapping classes, and label states of which each has one label more put right."""
    generator = np.random.default_rng(6)
    truth = generator.integers(0, 2, rows + 150).astype(np.uint8)
    features = (generator.standard_normal((len(truth), width)) + 0.7 * truth[:, None]).astype(np.float32)
    labels = np.repeat(truth[None, :rows], states, axis=0)
    for state, row in enumerate(generator.permutation(rows)[:states]):
        labels[: state + 1, row] ^= 1
    return Pool(features[:rows], features[rows:], truth[rows:]), labels


def run(name, pool, labels, rows=None, threads=1, **options):
    model = BOARD.make_model(name)
    return Engine(backends.choose("cpu", threads), **options).run(Plan(pool, model, list(labels), rows))


@pytest.mark.parametrize("name", NAMES)
def test_every_label_state_is_a_fit_from_scratch(name):
    pool, labels = made(states=40 if name != "xgb" else 3)
    found = run(name, pool, labels, threads=2)
    model = BOARD.make_model(name)
    expected = [
        theirs(name)
        .fit(pool.features.astype(float), given)
        .score(pool.evaluation_features.astype(float), pool.evaluation_labels)
        for given in labels
    ]
    assert model.accuracy(found.values, 150).tolist() == expected
    assert np.ptp(expected) > 0.01
    assert not found.values["doubtful"].any()


@pytest.mark.parametrize("name", NAMES[:3])
def test_every_set_of_rows_is_a_fit_from_scratch(name):
    """As Shapley values want them: no two retrains have the same rows."""
    pool, labels = made()
    generator = np.random.default_rng(2)
    rows = [np.sort(generator.permutation(90)[:size]).astype(np.int32) for size in (30, 30, 31, 60, 12)]
    chosen = [labels[0][of] for of in rows]
    found = run(name, pool, chosen, rows, threads=2)
    for outcome, of, given in zip(found.values, rows, chosen, strict=True):
        fitted = theirs(name).fit(pool.features[of].astype(float), given)
        answers = fitted.predict(pool.evaluation_features.astype(float))
        assert outcome["correct"] == (answers == pool.evaluation_labels).sum()


@pytest.mark.parametrize("name", [*NAMES[:3], "linear-net"])
def test_same_bytes_for_any_threads_and_batches(name):
    pool, labels = made()
    generator = np.random.default_rng(3)
    rows = [pool.every_row] * len(labels) + [np.sort(generator.permutation(90)[:70]).astype(np.int32)] * 3
    labels = [*labels, *(labels[state][rows[-1]] for state in (0, 10, 20))]
    expected = run(name, pool, labels, rows).values.tobytes()
    for threads, batch in ((2, None), (1, 1), (2, 7), (3, 100)):
        assert run(name, pool, labels, rows, threads, batch_size=batch).values.tobytes() == expected
    backwards = run(name, pool, labels[::-1], rows[::-1], 2).values[::-1].tobytes()
    assert backwards == expected


@pytest.mark.parametrize("name", ["logistic", "svc"])
def test_a_row_on_the_boundary_is_run_again_from_a_cold_start(name):
    """Two rows that mirror each other, and an evaluation row half way between them."""
    features = np.array([[1.0, 2.0], [-1.0, -2.0]], np.float32)
    pool = Pool(features, np.array([[0.0, 0.0], [1.0, 1.0]], np.float32), np.array([0, 1], np.uint8))
    found = run(name, pool, np.array([[1, 0]], np.uint8))
    assert found.rechecked.tolist() == [True]
    assert found.values["correct"][0] in (1, 2)


def test_bounds_hold_what_is_doubtful():
    outcomes = np.array([(5, 0), (5, 2), (1, 3), (9, 4)], BOARD.make_model("svc").outcome)
    lowest, highest = BOARD.make_model("svc").bounds(outcomes, 10)
    assert lowest.tolist() == [0.5, 0.3, 0.0, 0.5]
    assert highest.tolist() == [0.5, 0.7, 0.4, 1.0]
    net = np.array([(0.5, 0.4, 0.6, 0.1, 0.01)], LinearNet.outcome)
    assert [bound.tolist() for bound in LinearNet().bounds(net, 10)] == [[0.4], [0.6]]
