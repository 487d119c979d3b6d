"""Valuations as scikit-learn's own tests, clones, pickles and searches see them."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from importlib import import_module
from inspect import isabstract, isclass
from pkgutil import iter_modules

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from dataperf_fast import valuation
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine, Progress
from dataperf_fast.engine.finished import ResultCache
from dataperf_fast.models.neighbour_votes import NeighbourVotes
from dataperf_fast.valuation import (
    ConfidentLearning,
    LeaveOneOut,
    LogisticInfluence,
    MonteCarloShapley,
    NeighbourShapley,
    NetInfluence,
    Valuation,
)

from .classes import LABELS, problem

DATA = problem(LABELS["two"])


class ByThemselves:
    """A valuation for scikit-learn's checks, which know no validation set: that of the training set by itself."""

    def fit(self, X, y):
        return super().fit(X, y, X, y)


class Neighbours(ByThemselves, NeighbourShapley): ...


class Logistic(ByThemselves, LogisticInfluence): ...


class Net(ByThemselves, NetInfluence): ...


class WithoutOne(ByThemselves, LeaveOneOut): ...


class Orders(ByThemselves, MonteCarloShapley): ...


CHECKED = [
    ConfidentLearning(),
    Neighbours(),
    Logistic(),
    Net(),
    WithoutOne("logistic-optimum"),
    WithoutOne(DecisionTreeClassifier(random_state=0)),
    Orders("svc", n_permutations=2),
]
# Each is refused in a line that test_inputs.py has, and scikit-learn's checks look for scikit-learn's words.
OWN_WORDS = {
    "check_complex_data": "refused as complex128, where scikit-learn has 'Complex data not supported'",
    "check_dtype_object": "what is no number is a ValueError, as all that fit refuses, and not a TypeError",
    "check_estimators_empty_data_messages": "refused by its shape, where scikit-learn has '0 feature(s)'",
    "check_estimators_nan_inf": "the line says nan and where it is, and the check looks for 'NaN'",
    "check_requires_y_none": "refused by its shape, (), where scikit-learn has 'y should be a 1d array'",
}


def expected_to_fail(estimator):
    named = "fit calls them train_X and train_y, beside val_X and val_y"
    return OWN_WORDS | ({"check_fit_score_takes_y": named} if isinstance(estimator, ConfidentLearning) else {})


@parametrize_with_checks(CHECKED, expected_failed_checks=expected_to_fail)
def test_scikit_learns_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as check_estimator does: what checks do on purpose warns
        check(estimator)


SETTINGS = {
    ConfidentLearning: {"n_splits": 3, "random_state": 5},
    LogisticInfluence: {"C": 0.5},
    NetInfluence: {"damping": 0.1},
    NeighbourShapley: {"n_neighbors": 3, "empty_guesses": True, "backend": None, "done": None},
    LeaveOneOut: {"model": "svc", "engine": None},
    MonteCarloShapley: {
        "model": "svc", "engine": None, "n_permutations": 4, "tolerance": None, "random_state": 7,
    },
}  # fmt: skip


def test_every_valuation_is_exported_and_is_here():
    found = set()
    for module in iter_modules(valuation.__path__, "dataperf_fast.valuation."):
        members = [of for name, of in vars(import_module(module.name)).items() if not name.startswith("_")]
        found |= {of for of in members if isclass(of) and issubclass(of, Valuation)}
    assert found == {getattr(valuation, name) for name in valuation.__all__}
    assert {of for of in found if not isabstract(of)} == set(SETTINGS)


def test_the_package_is_imported_without_scikit_learn_and_valuations_in_one_line():
    code = "import sys, dataperf_fast; assert 'sklearn' not in sys.modules; import dataperf_fast.valuation"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_parameters_are_got_set_cloned_and_shown(kind):
    made = kind(**SETTINGS[kind])
    assert isinstance(made, BaseEstimator)
    assert made.get_params(deep=False) == SETTINGS[kind]
    assert clone(made).get_params(deep=False) == SETTINGS[kind]
    first = next(iter(SETTINGS[kind]))
    assert f"{first}={SETTINGS[kind][first]!r}" in repr(made)
    assert kind.__name__ in made._repr_html_()
    other = clone(made).set_params(**{first: 17})
    assert other.get_params()[first] == 17
    assert made.get_params(deep=False) == SETTINGS[kind]
    with pytest.raises(ValueError, match="Invalid parameter 'neighbours'"):
        made.set_params(neighbours=1)


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_fit_leaves_parameters_alone_and_returns_itself(kind):
    made = kind(**SETTINGS[kind])
    given = dict(made.get_params())
    assert made.fit(*DATA) is made
    assert all(made.get_params()[name] is value for name, value in given.items())
    assert made.n_features_in_ == 5


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_what_fit_sets_is_not_there_before(kind):
    made = kind(**SETTINGS[kind])
    own = {ConfidentLearning: ["suspect_"], MonteCarloShapley: ["standard_errors_", "prefixes_"]}.get(kind, [])
    for name in ["values_", "order_", "n_features_in_", *own]:
        assert not hasattr(made, name)
        with pytest.raises(NotFittedError, match=rf"^this {kind.__name__} is not fitted yet: fit\(.*\) sets {name}$"):
            getattr(made, name)
    with pytest.raises(NotFittedError):
        check_is_fitted(made)
    for name in ("value_", "predict", "__length__"):
        with pytest.raises(AttributeError, match=f"'{kind.__name__}' object has no attribute '{name}'") as missing:
            getattr(made, name)
        assert not isinstance(missing.value, NotFittedError)
    made.fit(*DATA)
    check_is_fitted(made)
    assert len(made.order_) == len(made.values_) == 24
    assert not hasattr(clone(made), "values_")
    with pytest.raises(AttributeError, match="no attribute 'feature_names_in_'"):  # of an array
        made.feature_names_in_  # noqa: B018


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_pickles_and_copies_are_fitted_and_fit_the_same(kind, tmp_path):
    made = kind(**SETTINGS[kind]).fit(*DATA)
    joblib.dump(made, tmp_path / "valuation")
    for other in (pickle.loads(pickle.dumps(made)), joblib.load(tmp_path / "valuation"), copy.deepcopy(made)):
        np.testing.assert_array_equal(other.values_, made.values_)
        np.testing.assert_array_equal(other.fit(*DATA).values_, made.values_)
    unfitted = pickle.loads(pickle.dumps(clone(made)))
    np.testing.assert_array_equal(unfitted.fit(*DATA).values_, made.values_)


class Bar(Progress):
    """Something open, as a progress bar has it."""

    def __init__(self):
        self.stream = sys.stdout

    def advance(self, rows):
        self.last = rows


def test_clones_share_an_engine_and_pickles_take_a_new_one(tmp_path):
    """Its cache is a database, which is neither copied nor sent."""
    bar = Bar()
    shared = Engine(backends.choose("cpu", 1), ResultCache(tmp_path / "cache.sqlite"), bar)
    made = LeaveOneOut("knn", shared)
    assert clone(made).engine is shared
    found = made.fit(*DATA).values_
    sent = pickle.loads(pickle.dumps(made))
    assert sent.engine.backend == shared.backend
    assert (shared.keeps, sent.engine.keeps) == (True, False)
    np.testing.assert_array_equal(sent.fit(*DATA).values_, found)
    neighbours = NeighbourShapley(backend=shared.backend, done=bar.advance)
    assert clone(neighbours).done.__self__ is bar
    assert clone(neighbours).backend is shared.backend


def fitted(made):
    return made.fit(*DATA).values_


def test_other_processes_value_the_same():
    made = [NeighbourShapley(k) for k in (1, 3)] + [LeaveOneOut("svc", Engine(backends.choose("cpu", 1)))]
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(fitted)(clone(of)) for of in made)
    for of, values in zip(made, found, strict=True):
        np.testing.assert_array_equal(values, of.fit(*DATA).values_)


@pytest.mark.parametrize(
    "made", [MonteCarloShapley("svc", n_permutations=2, tolerance=None), ConfidentLearning(n_splits=3)],
    ids=lambda made: type(made).__name__,
)  # fmt: skip
def test_random_states_are_scikit_learns(made):
    def values(random_state, times=1):
        found = clone(made).set_params(random_state=random_state)
        return [found.fit(*DATA).values_.tolist() for _ in range(times)]

    one, again = values(3, 2)
    assert one == again == values(np.int64(3))[0]
    first, second = values(np.random.RandomState(3), 2)  # goes on where the first ended
    assert first != second
    assert [first, second] == values(np.random.RandomState(3), 2)
    state = np.random.RandomState(3)
    kept = clone(made).set_params(random_state=state)
    assert clone(kept).fit(*DATA).values_.tolist() == clone(kept).fit(*DATA).values_.tolist() == first
    np.random.seed(5)
    drawn = values(None, 2)
    assert drawn[0] != drawn[1]
    np.random.seed(5)
    assert values(None, 2) == drawn


def test_confident_learning_needs_no_validation_set():
    features, labels, evaluation, truth = DATA
    found = ConfidentLearning().fit(features, labels).values_
    np.testing.assert_array_equal(found, ConfidentLearning().fit(features, labels, evaluation, truth).values_)
    with pytest.warns(UserWarning, match="^train_y is a column") as warned:
        ConfidentLearning().fit(features, labels[:, None])
    assert len(warned) == 1
    with pytest.raises(ValueError, match=r"val_X \(60, 5\) and val_y \(\): expected"):
        ConfidentLearning().fit(features, labels, evaluation)
    with pytest.raises(ValueError, match=r"val_X \(\) and val_y \(\): expected"):
        NeighbourShapley().fit(features, labels, None, None)


def test_a_frozen_model_shows_its_name():
    assert repr(LeaveOneOut(NeighbourVotes())) == "LeaveOneOut(model=<neighbour-votes>)"
