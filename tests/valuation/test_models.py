"""What ``model`` may be: names as ``--model`` has them, and scikit-learn's classifiers, fitted from scratch."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from dataperf_fast.boards import load
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.models import table
from dataperf_fast.models.neighbour_votes import NeighbourVotes
from dataperf_fast.valuation import LeaveOneOut, MonteCarloShapley
from dataperf_fast.valuation.estimators import NAMES, frozen
from dataperf_fast.valuation.inputs import checked
from dataperf_fast.valuation.worth import Worth

from .classes import LABELS, problem


def engine():
    return Engine(backends.choose("cpu", 2))


def test_every_name_of_the_command_line_is_taken_but_of_models_that_tell_no_accuracy():
    of_boards = {name for board in ("vision", "acquisition", "debugging") for name in load(board).models}
    assert set(NAMES) == set(table.MODELS) - {"voting"}
    assert of_boards <= set(NAMES)
    for name in sorted(set(NAMES) - {"boosted-trees"}):
        assert type(frozen(name, np.arange(2))) is table.MODELS[name]
    for short, name in {"lr": "logistic-regression", "logistic": "logistic-optimum", "svc": "support-vectors",
                        "rf": "boosted-stumps", "knn": "neighbour-votes"}.items():  # fmt: skip
        assert frozen(short, np.arange(2)).name == name


@pytest.mark.parametrize("name", ["neighbour-votes", "knn"])
def test_a_name_values_as_its_model(name):
    data = problem(LABELS["three strings"])
    expected = LeaveOneOut(NeighbourVotes(), engine()).fit(*data).values_
    assert np.ptp(expected) > 0
    np.testing.assert_array_equal(LeaveOneOut(name, engine()).fit(*data).values_, expected)


class Nothing(BaseEstimator, ClassifierMixin):
    """A classifier that is wrong."""

    def __init__(self, failing="fit"):
        self.failing = failing

    def fit(self, X, y):
        if self.failing == "fit":
            raise RuntimeError("no memory\non the device")
        return self

    def predict(self, X):
        return np.zeros((len(X), 2))


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("svm", r"model is 'svm': expected one of boosted-stumps \(rf\), .*, a frozen model or a scikit-learn"),
        ("voting", "model is 'voting': expected one of boosted-stumps"),
        (Ridge(), "model is a Ridge, which is no classifier: expected one of boosted-stumps"),
        (StandardScaler(), "model is a StandardScaler, which is no classifier: expected one"),
        (make_pipeline(StandardScaler()), "model is a Pipeline, which is no classifier: expected one"),
        (GaussianNB, r"model is the class GaussianNB: expected a model, GaussianNB\(\)"),
        (3, "model is a int: expected one of boosted-stumps .*neighbour-votes .knn., .* a scikit-learn classifier$"),
        (GaussianNB(priors=[1.0]), "model GaussianNB cannot be fitted on all 24 rows of 2 classes: ValueError: "),
        (Nothing(), "model Nothing cannot be fitted on all 24 rows of 2 classes: RuntimeError: no memory$"),
        (Nothing("predict"), "model Nothing cannot be fitted on all 24 rows of 2 classes: ValueError: cannot reshape"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused_in_one_line(model, line):
    for valuation in (LeaveOneOut(model, engine()), MonteCarloShapley(model, engine())):
        with pytest.raises(ValueError, match=line) as refused:
            valuation.fit(*problem(LABELS["two"]))
        assert "\n" not in str(refused.value)


def test_a_model_whose_library_is_missing_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    for name in ("xgb", "boosted-trees"):
        with pytest.raises(ValueError, match=rf"^model is '{name}', which needs xgboost: pip install '\.\[xgb\]'"):
            LeaveOneOut(name, engine()).fit(*problem(LABELS["two"]))


def worth(make, data, subset):
    """Scikit-learn, from scratch, on the labels as they are."""
    features, labels, evaluation, truth = data
    subset = np.sort(np.asarray(subset, int))
    found, counts = np.unique(labels[subset] if len(subset) else truth, return_counts=True)
    if len(found) < 2 or not len(subset):
        return (truth == found[counts.argmax()]).mean()
    return make().fit(features[subset], labels[subset]).score(evaluation, truth)


CLASSIFIERS = {
    "bayes": GaussianNB,
    "tree": lambda: DecisionTreeClassifier(max_depth=3, random_state=0),
    "forest": lambda: RandomForestClassifier(3, random_state=1),
    "one neighbour": lambda: KNeighborsClassifier(1),
    "pipeline": lambda: make_pipeline(StandardScaler(), PCA(2, random_state=0), GaussianNB()),
    "search": lambda: GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=2),
    "their own generator": lambda: DecisionTreeClassifier(max_features=1, random_state=np.random.RandomState(4)),
}


class Marked(BaseEstimator):
    """A classifier as older libraries have it: marked, and with no mixin."""

    _estimator_type = "classifier"

    def fit(self, X, y):
        self.fitted = GaussianNB().fit(X, y)
        return self

    def predict(self, X):
        return self.fitted.predict(X)[:, None]  # a column, as some have it

    def score(self, X, y):
        return self.fitted.score(X, y)


class MixedIn(BaseEstimator, ClassifierMixin):
    """Its bases in the order that scikit-learn's tags do not see through."""

    fit, predict = Marked.fit, lambda self, X: self.fitted.predict(X)


CLASSIFIERS |= {"marked": Marked, "mixed in": MixedIn}


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize("kind", CLASSIFIERS)
@pytest.mark.parametrize("classes", ["bools", "two strings", "three from 7"])
def test_any_classifier_is_fitted_from_scratch(kind, classes):
    data, make = problem(LABELS[classes]), CLASSIFIERS[kind]
    every = np.arange(24)
    found = LeaveOneOut(make(), engine()).fit(*data).values_
    expected = [worth(make, data, every) - worth(make, data, np.delete(every, row)) for row in every]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)
    assert np.ptp(expected) > 0


def test_orders_by_a_classifier_are_followed_from_scratch():
    data, make = problem(LABELS["three strings"], rows=12), CLASSIFIERS["tree"]
    drawn, expected = np.random.default_rng(4), np.zeros(12)
    for _ in range(3):
        order = drawn.permutation(12)
        expected[order] += np.diff([worth(make, data, order[:length]) for length in range(13)]) / 3
    found = MonteCarloShapley(make(), engine(), n_permutations=3, tolerance=None, random_state=4).fit(*data)
    np.testing.assert_allclose(found.values_, expected, rtol=0, atol=1e-15)


def test_labels_reach_a_classifier_as_they_were_given():
    """It weights them by name."""
    features, labels, evaluation, truth = problem(np.array(["b", "c"]))
    truth = truth.astype("<U1")
    truth[:9] = "a"  # which only the validation set has, and which comes first
    data = features, labels, evaluation, truth

    def make(weight=25):
        return LogisticRegression(class_weight={"b": 1, "c": weight})

    found = LeaveOneOut(make(), engine()).fit(*data).values_
    every = np.arange(24)
    expected = [worth(make, data, every) - worth(make, data, np.delete(every, row)) for row in every]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)
    assert worth(make, data, every) != worth(lambda: make(1), data, every)


def test_a_classifier_that_is_given_is_not_fitted_and_its_parameters_are_reached():
    tree = DecisionTreeClassifier(random_state=0)
    made = LeaveOneOut(tree, engine()).fit(*problem(LABELS["two"]))
    assert made.model is tree
    assert not hasattr(tree, "tree_")
    assert made.set_params(model__max_depth=1).model.max_depth == 1


def test_another_of_the_same_name_is_not_taken_for_it():
    """On one engine, which remembers finished retrains."""
    shared, data = engine(), problem(LABELS["two"])
    for depth in (1, 4):
        found = LeaveOneOut(DecisionTreeClassifier(max_depth=depth, random_state=0), shared).fit(*data).values_
        fresh = LeaveOneOut(DecisionTreeClassifier(max_depth=depth, random_state=0), engine()).fit(*data).values_
        np.testing.assert_array_equal(found, fresh)
    one, two = (LeaveOneOut(DecisionTreeClassifier(max_depth=of, random_state=0), shared).fit(*data) for of in (1, 4))
    assert (one.values_ != two.values_).any()


def test_sets_too_small_for_a_classifier_are_answered_with_their_most_frequent_label_and_said_once():
    data = problem(LABELS["three"], rows=12)
    _, labels, _, truth = data
    line = r"^KNeighborsClassifier cannot be fitted on \d rows of \d classes \(ValueError: Expected n_neigh.*\): such"
    with pytest.warns(UserWarning, match=line) as warned:
        found = MonteCarloShapley(
            KNeighborsClassifier(5), engine(), n_permutations=2, tolerance=None, random_state=0
        ).fit(*data)
    assert len(warned) == 1
    drawn, expected = np.random.default_rng(0), np.zeros(12)

    def value(subset):
        if len(subset) >= 5 or not len(subset):
            return worth(lambda: KNeighborsClassifier(5), data, subset)
        found, counts = np.unique(labels[subset], return_counts=True)
        return (truth == found[counts.argmax()]).mean()

    for _ in range(2):
        order = drawn.permutation(12)
        expected[order] += np.diff([value(order[:length]) for length in range(13)]) / 2
    np.testing.assert_allclose(found.values_, expected, rtol=0, atol=1e-15)


def test_a_warning_that_is_made_an_error_is_no_set_too_small():
    """As pytest and ``python -W error`` have it."""

    class Warns(DecisionTreeClassifier):
        def fit(self, X, y):
            if len(X) == 23:
                raise UserWarning("did not converge")
            return super().fit(X, y)

    with pytest.raises(UserWarning, match="did not converge"):
        LeaveOneOut(Warns(), engine()).fit(*problem(LABELS["two"]))


def test_a_model_without_cuda_starts_no_gpu(monkeypatch):
    """However long it takes: there is nothing for one to do."""
    asked = []
    monkeypatch.setattr(backends, "find_device", lambda: asked.append(1) or "none")
    LeaveOneOut(GaussianNB()).fit(*problem(LABELS["two"]))
    data = checked(*problem(LABELS["two"]))
    assert Worth(GaussianNB(), None, data)._engine.backend.longer is None
    assert Worth("svc", None, data)._engine.backend.longer is not None
    assert not asked
