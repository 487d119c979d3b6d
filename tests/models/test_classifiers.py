"""The boards' classifiers on ten seeded markets and twenty concepts: every single prediction is scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression as TheirLogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from dataperf_fast.boards.acquisition import files as acquisition
from dataperf_fast.boards.acquisition import synth as made_markets
from dataperf_fast.boards.acquisition import trading
from dataperf_fast.boards.vision import files as vision
from dataperf_fast.boards.vision import synth as made_concepts
from dataperf_fast.boards.vision.embeddings import read_embeddings
from dataperf_fast.engine import backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.models.boosted_stumps import BoostedStumps
from dataperf_fast.models.logistic_regression import LogisticRegression
from dataperf_fast.models.nearest_neighbours import NearestNeighbours

pytestmark = pytest.mark.parity

MARKETS, CONCEPTS = 5, 20


@pytest.fixture(scope="module")
def markets(tmp_path_factory):
    """Training sets of two trials a market, and the buyer's data."""
    folder = tmp_path_factory.mktemp("markets")
    list(made_markets.write(folder, made_markets.AcquisitionScale(MARKETS, 4, 90, 150, 60), seed=9))
    generator = np.random.RandomState(1111)
    found = []
    for number in range(MARKETS):
        market = trading.open_full_market(acquisition.market_files(folder, number), None)
        counts = np.array([10 + number, 35, 20, 9])
        features, rows, labels = trading.gather(market, [trading.draw(market, counts, generator) for _ in range(2)])
        found += [(features[of], y, market.buyer.features) for of, y in zip(rows, labels, strict=True)]
    return found


def check(oracle, ours, theirs, sets, exact=False):
    """Compare predictions, and decision values where there are some; returns how many were compared."""
    compared = 0
    for features, labels, evaluation in sets:
        wide = evaluation.astype(np.float64)
        answers = ours.answer(features, labels, wide, exact)
        assert answers.certain
        questions = {"predict": wide} | ({} if answers.decisions is None else {"decision_function": wide})
        _, classes, *decisions = oracle.fit(theirs, features.astype(np.float64), labels, **questions)
        np.testing.assert_array_equal(answers.classes, classes)
        for values in decisions:
            np.testing.assert_array_equal(answers.decisions, values)
        compared += len(evaluation)
    return compared


def test_logistic_regression_on_five_markets(oracle, markets):
    assert check(oracle, LogisticRegression(), TheirLogisticRegression(random_state=0), markets) == 10 * 150


def test_logistic_regression_on_twenty_concepts(oracle, tmp_path):
    names = list(made_concepts.write(tmp_path, made_concepts.VisionScale(CONCEPTS, 2500, 60, 90, 10), seed=9))
    root, setup = vision.open_setup(tmp_path)
    sets = []
    for name in names:
        chosen = vision.read_training_set(root / setup.tasks[name].train)
        row_of, features = read_embeddings(root / setup.emb_file, chosen.ids, setup.dim)
        rows = [row_of[image] for image in chosen.ids]
        sets.append((features[rows], chosen.labels, vision.read_test_set(root / setup.tasks[name].test, 256).features))
    assert check(oracle, LogisticRegression(), TheirLogisticRegression(random_state=0), sets) == CONCEPTS * 60


def test_neighbours_on_five_markets(oracle, markets):
    assert check(oracle, NearestNeighbours(), KNeighborsClassifier(9), markets) == 10 * 150


def test_boosted_stumps_on_five_markets(oracle, markets):
    theirs = GradientBoostingClassifier(n_estimators=100, learning_rate=1.0, max_depth=1, random_state=0)
    assert check(oracle, BoostedStumps(), theirs, markets[::2]) == 5 * 150


@pytest.mark.parametrize("ours", [LogisticRegression(), NearestNeighbours(), BoostedStumps()], ids=lambda m: m.name)
def test_three_classes_and_labels_that_do_not_start_at_zero(oracle, ours):
    theirs = {
        "logistic-regression": TheirLogisticRegression(random_state=0),
        "nearest-neighbours": KNeighborsClassifier(9),
        "boosted-stumps": GradientBoostingClassifier(n_estimators=100, learning_rate=1.0, max_depth=1, random_state=0),
    }[ours.name]
    generator = np.random.default_rng(3)
    for classes in ([2.0, 5.0], [0.0, 1.0, 4.0]):
        labels = generator.choice(classes, 60)
        features = generator.standard_normal((60, 12)) + labels[:, None] * generator.random(12)
        check(oracle, ours, theirs, [(features, labels, generator.standard_normal((50, 12)))])


def test_a_width_that_is_not_in_whole_fours(oracle):
    generator = np.random.default_rng(4)
    labels = np.arange(40) % 2
    features = generator.standard_normal((40, 7)) + labels[:, None]
    check(
        oracle,
        LogisticRegression(),
        TheirLogisticRegression(),
        [(features, labels, generator.standard_normal((30, 7)))],
    )


def test_a_vote_that_hangs_on_a_tie_is_run_again_exactly(oracle):
    # Eighteen rows at one place, nine of each label: a vote of nine hears those that come first.
    features = np.repeat(np.ones((1, 4)), 18, axis=0)
    labels = np.arange(18) % 2
    evaluation = np.zeros((3, 4))
    assert not NearestNeighbours().answer(features, labels, evaluation, exact=False).certain
    pool = Pool(features, evaluation, np.zeros(3))
    outcomes = Engine(backend.choose("cpu")).run(Plan(pool, NearestNeighbours(), [labels]))
    _, expected = oracle.fit(KNeighborsClassifier(9), features, labels, predict=evaluation)
    assert outcomes.values["correct"][0] == (expected == 0).sum()
    assert outcomes.rechecked.tolist() == [True]


@pytest.mark.parametrize("model", [LogisticRegression(), NearestNeighbours(), BoostedStumps()], ids=lambda m: m.name)
def test_same_outcomes_for_any_threads_and_batches(markets, model):
    features, labels, evaluation = markets[0]
    generator = np.random.default_rng(5)
    rows = [generator.choice(len(labels), 50).astype(np.int32) for _ in range(5)]
    pool = Pool(features, evaluation, generator.integers(0, 2, len(evaluation)))
    found = [
        Engine(backend.choose("cpu", jobs), batch_size=size)
        .run(Plan(pool, model, [labels[of] for of in rows], rows))
        .values.tobytes()
        for jobs, size in ((1, 1), (2, 2), (3, 5))
    ]
    assert len(set(found)) == 1
