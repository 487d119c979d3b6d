"""What pools and plans refuse, in one line, before anything is computed; and that only what is used is looked at."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import checks
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import FrozenModel, Plan, Pool
from dataperf_fast.models.boosted_stumps import BoostedStumps
from dataperf_fast.models.linear_net import LinearNet
from dataperf_fast.models.logistic_optimum import LogisticOptimum
from dataperf_fast.models.logistic_regression import LogisticRegression
from dataperf_fast.models.nearest_neighbours import NearestNeighbours
from dataperf_fast.models.neighbour_votes import NeighbourVotes
from dataperf_fast.models.support_vectors import SupportVectors
from dataperf_fast.models.voting import Voting

ROWS, SCORED, WIDTH = 30, 20, 4
MODELS = [
    LinearNet(),
    LogisticOptimum(),
    SupportVectors(),
    NeighbourVotes(),
    LogisticRegression(),
    NearestNeighbours(),
    BoostedStumps(),
    Voting(),
]


def arrays(dtype=np.float32):
    generator = np.random.default_rng(0)
    labels, truth = np.arange(ROWS) % 2, np.arange(SCORED) % 2
    features, evaluation = (generator.standard_normal((len(y), WIDTH)) + 2 * y[:, None] for y in (labels, truth))
    return features.astype(dtype), evaluation.astype(dtype), truth.astype(np.uint8), labels.astype(np.uint8)


def pool(**changes):
    features, evaluation, truth, _ = arrays()
    given = {"features": features, "evaluation_features": evaluation, "evaluation_labels": truth} | changes
    return Pool(**given)


def engine():
    return Engine(backends.choose("cpu", 1))


def refused(line, call, *arguments, **named):
    with pytest.raises(ValueError, match=line) as error:
        call(*arguments, **named)
    assert "\n" not in str(error.value)


FEATURES, EVALUATION, TRUTH, LABELS = arrays()


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("features", FEATURES.astype(np.float16), r"features is float16: expected float32 or float64, features.astype"),
        ("features", FEATURES.astype(np.longdouble), "features is .*: expected float32 or float64"),
        ("features", FEATURES.astype(int), "features is int64: expected float32 or float64"),
        ("features", FEATURES.astype(object), "features is object: expected float32 or float64"),
        ("features", FEATURES.astype(">f4"), "features is >f4: expected float32 or float64"),
        (
            "features",
            FEATURES.tolist(),
            r"features is a list: expected an array \(rows, columns\), np.asarray\(features\)",
        ),
        ("features", sparse.csr_matrix(FEATURES), r"features is sparse, a csr_matrix: expected .*features.toarray\(\)"),
        ("features", np.ma.masked_less(FEATURES, 0), "features has masked values"),
        ("features", FEATURES[0], r"features has the shape \(4,\): expected \(rows, columns\)"),
        ("features", FEATURES[:0], r"features has the shape \(0, 4\): expected .* at least one of each"),
        ("evaluation_features", EVALUATION[:, :0], r"evaluation_features has the shape \(20, 0\)"),
        ("evaluation_features", EVALUATION[:0], r"evaluation_features has the shape \(0, 4\)"),
        ("evaluation_features", EVALUATION[:, :3], "evaluation_features has 3 columns: expected 4, as features"),
        ("evaluation_labels", TRUTH[:-1], r"evaluation_labels has the shape \(19,\): expected \(20,\), a label a row"),
        ("evaluation_labels", TRUTH[:, None], r"evaluation_labels has the shape \(20, 1\): expected \(20,\)"),
        ("evaluation_labels", TRUTH.tolist(), "evaluation_labels is a list: expected an array"),
        ("evaluation_labels", TRUTH.astype(str), "evaluation_labels is <U.*: expected numbers, .*np.unique"),
        ("evaluation_labels", TRUTH.astype(object), "evaluation_labels is object: expected numbers"),
        ("evaluation_labels", np.where(TRUTH, np.nan, 0.0), "evaluation_labels holds nan in row 1: expected finite"),
    ],
)
def test_what_is_no_pool(name, value, line):
    refused(line, pool, **{name: value})


@pytest.mark.parametrize("other", [np.asfortranarray, lambda of: np.repeat(of, 2, axis=0)[::2], np.matrix])
@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_another_layout_is_copied_and_scores_the_same(other):
    for model in (LogisticOptimum(), NearestNeighbours(), Voting()):
        plans = [
            Plan(made, model, [LABELS])
            for made in (pool(), pool(features=other(FEATURES), evaluation_features=other(EVALUATION)))
        ]
        assert plans[0].keys == plans[1].keys
        outcomes = [engine().run(plan).values.tobytes() for plan in plans]
        assert outcomes[0] == outcomes[1]


def test_what_is_c_contiguous_is_not_copied():
    made = pool(features=FEATURES, evaluation_features=EVALUATION)
    assert made.features is FEATURES
    assert made.evaluation_features is EVALUATION


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"labels": [LABELS[:20]]}, r"labels\[0\] has the shape \(20,\): expected \(30,\), a label a row"),
        ({"labels": [LABELS, LABELS.tolist()]}, r"labels\[1\] is a list: expected an array"),
        ({"labels": [LABELS.astype(object)]}, r"labels\[0\] is object: expected numbers"),
        ({"labels": [LABELS.astype(str)]}, r"labels\[0\] is <U.*: expected numbers"),
        ({"labels": [np.where(LABELS, np.nan, 0.0)]}, r"labels\[0\] holds nan in row 1"),
        ({"labels": [LABELS], "rows": [np.arange(31)]}, r"rows\[0\] holds 30: expected 0 to 29, the rows of the pool"),
        ({"labels": [LABELS], "rows": [np.arange(-1, 29)]}, r"rows\[0\] holds -1: expected 0 to 29"),
        ({"labels": [LABELS], "rows": [np.arange(30.0)]}, r"rows\[0\] is float64: expected the rows' numbers"),
        ({"labels": [LABELS], "rows": [LABELS == 1]}, r"rows\[0\] is bool: .*np.flatnonzero\(rows\[0\]\)"),
        ({"labels": [LABELS], "rows": [np.arange(30)[None]]}, r"rows\[0\] has the shape \(1, 30\): expected \(rows,\)"),
        ({"labels": [LABELS], "rows": [list(range(30))]}, r"rows\[0\] is a list"),
        ({"labels": [LABELS], "rows": [np.arange(20)]}, r"labels\[0\] has the shape \(30,\): expected \(20,\)"),
        ({"labels": [LABELS] * 2, "rows": [np.arange(30)]}, "rows has the length 1: expected 2, that of labels"),
        ({"labels": [LABELS] * 2, "seeds": np.arange(3)}, "seeds has the length 3: expected 2, that of labels"),
        ({"labels": [LABELS], "seeds": np.array([0.5])}, "seeds is float64: expected whole numbers"),
        ({"labels": [LABELS], "model": LinearNet}, r"model is the class LinearNet: expected a model, LinearNet\(\)"),
        ({"labels": [LABELS], "model": object()}, "model is a object, which has no name: expected"),
    ],
)
def test_what_is_no_plan(arguments, line):
    refused(line, Plan, pool(), **({"model": LogisticOptimum()} | arguments))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_trained_or_scored_on_is_finite_and_nothing_else_is_read(value):
    features, evaluation = FEATURES.copy(), EVALUATION.copy()
    features[7, 2] = value
    made = pool(features=features)
    rows = np.delete(np.arange(ROWS), 7)
    assert engine().run(Plan(made, LogisticOptimum(), [LABELS[rows]], [rows])).trained == 1  # without row 7
    line = f"features holds a value that is not finite, {value} in row 7, column 2: expected finite numbers"
    for model in MODELS:
        refused(line, engine().run, Plan(made, model, [LABELS]))
    refused(line, engine().trainer(Plan(made, LogisticOptimum(), [LABELS])).answer, made.every_row, LABELS, 0)
    evaluation[3, 1] = value
    scored = pool(evaluation_features=evaluation)
    refused("evaluation_features holds .* in row 3, column 1", engine().run, Plan(scored, LogisticOptimum(), [LABELS]))
    refused("evaluation_features", engine().trainer(Plan(scored, LinearNet(), [LABELS])).answer, rows, LABELS[rows], 0)


def test_a_number_is_found_wherever_it_is():
    for size in (1, 5, checks._BLOCK, checks._BLOCK + 1, 3 * checks._BLOCK - 1):
        for dtype in (np.float32, np.float64):
            values = np.zeros((size, 1), dtype)
            assert checks.is_finite(values)
            for place in {0, size // 2, size - 1}:
                for value in (np.nan, np.inf, -np.inf):
                    values[place] = value
                    assert not checks.is_finite(values)
                    refused(f"x holds .* in row {place}, column 0", checks.finite, "x", values)
                values[place] = 0


# What each model can be trained on: the label states, and whether it takes them.
STATES = {
    "one class": (np.ones(ROWS, np.uint8), {"linear-net", "neighbour-votes", "nearest-neighbours"}),
    "0 and 1": (LABELS, {of.name for of in MODELS}),
    "3 and 7": (4 * LABELS + 3, {of.name for of in MODELS} - {"linear-net"}),
    "-1 and 1": (2 * LABELS.astype(int) - 1, {of.name for of in MODELS} - {"linear-net", "voting"}),
    "three": (np.arange(ROWS) % 3, {of.name for of in MODELS} - {"linear-net"}),
    "0 and 256": (256 * LABELS.astype(int), {of.name for of in MODELS} - {"linear-net", "voting"}),
    "fractions": (LABELS / 2, {of.name for of in MODELS} - {"linear-net", "voting"}),
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("state", STATES)
def test_labels_that_a_model_cannot_be_trained_on_are_refused(model, state):
    labels, taken = STATES[state]
    plan = Plan(pool(), model, [LABELS, labels])
    trainer = engine().trainer(plan)
    if model.name in taken:
        assert len(engine().run(plan).values) == 2
        answers = trainer.answer(plan.pool.every_row, labels, 0).classes
        assert set(answers.tolist()) <= set(labels.tolist())
        return
    line = rf"{model.name} cannot be trained on 30 rows of \d class(es)?; expected {model.trains_on}"
    refused(rf"labels\[1\]: {line}", engine().run, plan)
    refused(rf"labels\[0\]: {line}", trainer.answer, plan.pool.every_row, labels, 0)
    refused(rf"labels\[0\]: {line}", trainer.train, [plan.pool.every_row], [labels], np.zeros(1, int), False)


def test_a_refused_retrain_is_refused_even_where_an_outcome_is_known():
    class Remembered(dict):
        def put(self, items):
            self.update(items)

        def get(self, keys):
            return {key: self[key] for key in keys if key in self}

    class Careless(LinearNet):
        def can_train(self, labels):
            return True

    cache = Remembered()
    plan = Plan(pool(), Careless(), [np.arange(ROWS) % 3])
    Engine(backends.choose("cpu", 1), cache).run(plan)
    assert len(cache) == 1
    refused(
        "linear-net cannot", Engine(backends.choose("cpu", 1), cache).run, Plan(plan.pool, LinearNet(), plan.labels)
    )


@pytest.mark.parametrize("model", MODELS[:-1], ids=lambda model: model.name)
@pytest.mark.parametrize("kind", [bool, np.int64, np.float64, np.int8])
def test_the_labels_dtype_does_not_matter(model, kind):
    outcomes = [
        engine().run(Plan(pool(evaluation_labels=TRUTH.astype(dtype)), model, [LABELS.astype(dtype)])).values.tobytes()
        for dtype in (np.uint8, kind)
    ]
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("model", MODELS[:-1], ids=lambda model: model.name)
def test_an_evaluation_label_that_is_never_trained_on_is_never_right(model):
    truth = TRUTH.copy()
    truth[:8] = 2
    kept, every = (
        engine()
        .run(Plan(pool(evaluation_features=EVALUATION[of], evaluation_labels=truth[of]), model, [LABELS]))
        .values
        for of in (slice(8, None), slice(None))
    )
    accuracies = [model.accuracy(values, rows)[0] for values, rows in ((kept, SCORED - 8), (every, SCORED))]
    # The net's are rounded to two decimals.
    assert accuracies[1] == pytest.approx(accuracies[0] * (SCORED - 8) / SCORED, abs=0.01)
    assert accuracies[0] > 0.6


def test_what_voting_cannot_score_is_refused():
    run = engine().run
    wide = pool(features=FEATURES.astype(np.float64))
    refused("features is float64: expected float32", run, Plan(wide, Voting(), [LABELS]))
    wide = pool(evaluation_features=EVALUATION.astype(np.float64))
    refused("evaluation_features is float64: expected float32", run, Plan(wide, Voting(), [LABELS]))
    for truth in (TRUTH.astype(int) + 300, TRUTH - 1.0, TRUTH / 2):
        refused(
            "evaluation_labels holds others than 0 to 255", run, Plan(pool(evaluation_labels=truth), Voting(), [LABELS])
        )
    refused("evaluation_features has 20 rows: expected 30", run, Plan(pool(), Voting(held_out=True), [LABELS]))


class Fixed(FrozenModel):
    """A model of somebody's own that returns what it is told to."""

    name, version, uses_seed, outcome = "fixed", "1", False, np.dtype(np.float64)
    bytes_per_retrain = 1

    def __init__(self, outcomes, certain):
        self.returned = outcomes, certain

    def bind(self, pool, backend):
        return self

    def train(self, rows, labels, seeds, exact):
        return self.returned


@pytest.mark.parametrize(
    ("outcomes", "certain", "line"),
    [
        (
            np.zeros(1),
            np.ones(1, bool),
            r"the trainer of fixed returned outcomes float64 \(1,\): expected float64 \(2,\)",
        ),
        (0.5, np.ones(2, bool), r"outcomes float64 \(\): expected float64 \(2,\)"),
        (np.zeros(2, np.float32), np.ones(2, bool), r"outcomes float32 \(2,\): expected float64 \(2,\)"),
        (np.zeros(2), np.ones(2), r"certain float64 \(2,\): expected bool \(2,\)"),
        (np.zeros(2), True, r"certain bool \(\): expected bool \(2,\)"),
    ],
)
def test_what_a_trainer_returns_is_checked(outcomes, certain, line):
    plan = Plan(pool(), Fixed(outcomes, certain), [LABELS, 1 - LABELS])
    refused(line, Engine(backends.choose("cpu", 1), batch_size=2).run, plan)


def test_a_model_of_another_version_is_bound_anew():
    """The same name over the same pool: once the first one's trainer answered for both."""
    shared, first, second = pool(), Fixed(np.zeros(1), np.ones(1, bool)), Fixed(np.ones(1), np.ones(1, bool))
    second.version = "2"
    of_both = engine()
    assert [of_both.run(Plan(shared, model, [LABELS])).values[0] for model in (first, second)] == [0.0, 1.0]
