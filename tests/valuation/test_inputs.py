"""What valuations take and refuse: in one line that names the argument, what it holds and what it should."""

from __future__ import annotations

import warnings

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.models.linear_net import LinearNet
from dataperf_fast.models.logistic_optimum import LogisticOptimum
from dataperf_fast.models.neighbour_votes import NeighbourVotes
from dataperf_fast.models.voting import Voting
from dataperf_fast.valuation import (
    ConfidentLearning,
    LeaveOneOut,
    LogisticInfluence,
    MonteCarloShapley,
    NeighbourShapley,
    NetInfluence,
)
from dataperf_fast.valuation.inputs import checked
from dataperf_fast.valuation.worth import Worth

from .classes import LABELS, problem


def engine():
    return Engine(backends.choose("cpu", 1))


VALUATIONS = {
    "LeaveOneOut": lambda: LeaveOneOut(LogisticOptimum(), engine()),
    "MonteCarloShapley": lambda: MonteCarloShapley(LogisticOptimum(), engine(), n_permutations=2),
    "NeighbourShapley": NeighbourShapley,
    "LogisticInfluence": LogisticInfluence,
    "NetInfluence": NetInfluence,
    "ConfidentLearning": lambda: ConfidentLearning(n_splits=2),
}
NAMES = ("train_X", "train_y", "val_X", "val_y")


class Frame:
    """As much of a data frame or a column of one as counts here."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


class Elsewhere:
    """As much of a tensor on a GPU."""

    def __array__(self, dtype=None, copy=None):
        raise TypeError("on another device")


def data():
    """Whole numbers, so that every dtype holds them."""
    features, labels, evaluation, truth = problem(LABELS["two"])
    return [np.rint(8 * features), labels, np.rint(8 * evaluation), truth]


def changed(name, value):
    given = data()
    given[NAMES.index(name)] = value
    return given


def with_value(name, value, dtype=np.float64):
    whole = data()[NAMES.index(name)].astype(dtype)
    whole.flat[3] = value
    return whole


def strided(values):
    return np.repeat(values, 2, axis=-1)[..., ::2]


SAME = {
    "lists": lambda X: X.tolist(),
    "data frames": Frame,
    "objects": lambda X: X.astype(object),
    "Fortran's order": np.asfortranarray,
    "not contiguous": strided,
    "read-only": lambda X: np.require(X, requirements=["C", "O"]).view(),
    "whole numbers": lambda X: X.astype(np.int16),
    "float16": lambda X: X.astype(np.float16),
    "float32": lambda X: X.astype(np.float32),
    "big-endian": lambda X: X.astype(">f8"),
    "a matrix": lambda X: np.matrix(X) if X.ndim == 2 else X,
    "sparse rows": lambda X: sparse.csr_matrix(X) if X.ndim == 2 else X,
    "sparse columns": lambda X: sparse.csc_array(X) if X.ndim == 2 else X,
    "sparse whole numbers": lambda X: sparse.coo_array(X.astype(np.int8)) if X.ndim == 2 else X,
    "an Arrow table": lambda X: pa.table({f"c{at}": of for at, of in enumerate(X.T)}) if X.ndim == 2 else pa.array(X),
    "masked, but nothing is": np.ma.masked_invalid,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_set_has_no_order_to_go_by(name):
    with pytest.raises(ValueError, match=rf"^{name} is a set, which has no order: expected an array or a list, in the"):
        NeighbourShapley().fit(*changed(name, {0, 1}))


@pytest.mark.parametrize("what", VALUATIONS)
@pytest.mark.parametrize("kind", SAME)
def test_the_same_numbers_in_another_form_have_the_same_values(what, kind):
    given = data()
    expected = VALUATIONS[what]().fit(*given).values_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # np.matrix
        other = [SAME[kind](of) for of in given]
    # In float32 ConfidentLearning's model is fitted in float32, as scikit-learn has it.
    loose = what == "ConfidentLearning" and kind in ("float32", "float16")
    np.testing.assert_allclose(VALUATIONS[what]().fit(*other).values_, expected, rtol=0, atol=1e-2 if loose else 1e-12)


def test_entries_that_a_sparse_matrix_has_twice_are_added_as_by_scipy():
    train_X, train_y, val_X, val_y = data()
    halves = sparse.coo_array(train_X / 2)
    at = tuple(np.tile(of, 2) for of in halves.coords)
    twice = sparse.coo_array((np.tile(halves.data, 2), at), shape=halves.shape)
    found = NeighbourShapley().fit(twice, train_y, val_X, val_y).values_
    np.testing.assert_array_equal(found, NeighbourShapley().fit(train_X, train_y, val_X, val_y).values_)


def test_a_column_of_labels_is_taken_with_a_warning():
    train_X, train_y, val_X, val_y = data()
    with pytest.warns(
        UserWarning, match=r"^train_y is a column, \(24, 1\): it is taken as the labels \(24,\)$"
    ) as warned:
        found = NeighbourShapley().fit(train_X, train_y[:, None], val_X, val_y).values_
    assert [str(of.filename) for of in warned] == [__file__]
    np.testing.assert_array_equal(found, NeighbourShapley().fit(train_X, train_y, val_X, val_y).values_)


class Named(Frame):
    """A data frame whose columns have names."""

    def __init__(self, values, columns):
        super().__init__(values)
        self.columns = columns


def test_columns_keep_their_names_and_are_not_mixed_up():
    train_X, train_y, val_X, val_y = data()
    names = ["a", "b", "c", "d", "e"]
    found = NeighbourShapley().fit(Named(train_X, names), train_y, Named(val_X, names), val_y)
    assert found.feature_names_in_.tolist() == names
    assert found.feature_names_in_.dtype == object
    table = pa.table(dict(zip(names, train_X.T, strict=True)))
    assert NeighbourShapley().fit(table, train_y, val_X, val_y).feature_names_in_.tolist() == names
    with pytest.raises(ValueError, match=r"^column 1 of val_X is 'c': expected 'b', as in train_X$"):
        NeighbourShapley().fit(Named(train_X, names), train_y, Named(val_X, ["a", "c", "b", "d", "e"]), val_y)
    for unnamed in (train_X, Named(train_X, range(5)), Named(train_X, ["a", "b", 2, 3, 4])):
        found.fit(unnamed, train_y, val_X, val_y)
        assert not hasattr(found, "feature_names_in_")
        assert found.n_features_in_ == 5


def test_pandas_frames_and_series():
    pd = pytest.importorskip("pandas")
    train_X, train_y, val_X, val_y = data()
    expected = NeighbourShapley().fit(train_X, train_y, val_X, val_y)
    frames = [pd.DataFrame(X, columns=list("abcde")) for X in (train_X, val_X)]
    labels = [np.where(y == 1, "yes", "no") for y in (train_y, val_y)]
    for kind in ("object", "category", "string"):
        series = [pd.Series(y, dtype=kind, index=np.arange(len(y))[::-1]) for y in labels]
        found = NeighbourShapley().fit(frames[0].astype("Float64"), series[0], frames[1].astype("Int64"), series[1])
        np.testing.assert_array_equal(found.values_, expected.values_)
        assert found.feature_names_in_.tolist() == list("abcde")
    missing = frames[0].astype("Float64")
    missing.iloc[3, 2] = pd.NA
    with pytest.raises(ValueError, match=r"^train_X holds "):
        NeighbourShapley().fit(missing, train_y, frames[1], val_y)


@pytest.mark.parametrize("what", VALUATIONS)
@pytest.mark.parametrize(
    "renamed",
    [
        lambda y: y.astype(float),
        lambda y: y.astype(np.uint64),
        lambda y: y.astype(bool),
        lambda y: np.where(y == 1, "b", "a"),
        lambda y: np.where(y == 1, "b", "a").astype(object),
        lambda y: np.where(y == 1, b"b", b"a"),
        lambda y: np.where(y == 1, "b", "a").tolist(),
        lambda y: [bool(label) for label in y],
        lambda y: y.astype(object),
        lambda y: Frame(y - 5),
        lambda y: y.astype(float).astype(object),
    ],
)
def test_values_do_not_hang_on_the_names_of_labels(what, renamed):
    given = data()
    expected = VALUATIONS[what]().fit(*given).values_
    given[1], given[3] = renamed(given[1]), renamed(given[3])
    np.testing.assert_array_equal(VALUATIONS[what]().fit(*given).values_, expected)


REFUSED = {
    "NaN": (changed("train_X", with_value("train_X", np.nan)), "train_X .* not finite, nan in row 0, column 3"),
    "infinite": (changed("val_X", with_value("val_X", -np.inf)), "val_X .* not finite, -inf in row 0, column 3"),
    "too large": (changed("val_X", with_value("val_X", 1e200)), r"val_X holds 1e\+200 in row 0, column 3"),
    "None among numbers": (changed("train_X", with_value("train_X", None, object)), "train_X holds"),
    "words": (changed("train_X", with_value("train_X", "x", object)), "train_X holds objects: expected numbers"),
    "strings": (changed("train_X", data()[0].astype(str)), "train_X is <U.*: expected numbers"),
    "complex": (changed("train_X", data()[0] * 1j), "train_X is complex128: expected numbers of up to 64 bits"),
    "masked": (changed("train_X", np.ma.masked_less(data()[0], 0)), "train_X has masked values: expected"),
    "ragged": (changed("train_X", [[1.0], [1.0, 2.0]]), "train_X is no array: expected rows of one length"),
    "a vector": (changed("train_X", data()[0].ravel()), r"train_X \(120,\) and train_y \(24,\): expected \(n, d\)"),
    "no columns": (changed("train_X", data()[0][:, :0]), r"train_X \(24, 0\) and .*: expected .* n and d from 1"),
    "no rows": ([data()[0][:0], data()[1][:0], *data()[2:]], r"train_X \(0, 5\) and .*: expected"),
    "no validation rows": ([*data()[:2], data()[2][:0], data()[3][:0]], r"val_X \(0, 5\) and val_y \(0,\): expected"),
    "other columns": (changed("val_X", data()[2][:, :4]), "train_X has 5 columns, val_X 4"),
    "too few labels": (changed("train_y", data()[1][:-1]), r"train_y \(23,\): expected"),
    "a table of labels": (changed("val_y", np.zeros((60, 2))), r"val_y \(60, 2\): expected"),
    "NaN in a sparse matrix": (
        changed("train_X", sparse.csr_matrix(with_value("train_X", np.nan))), "train_X .* not finite, nan in row 0,"
    ),
    "sparse, complex": (changed("train_X", sparse.csr_matrix(data()[0] * 1j)), "train_X is complex128: expected"),
    "sparse vector": (changed("train_X", sparse.coo_array(data()[0].ravel())), r"train_X \(120,\) and .*: expected"),
    "sparse, other columns": (changed("val_X", sparse.csc_array(data()[2][:, :4])), "train_X has 5 columns, val_X 4"),
    "too large when dense": (
        changed("val_X", sparse.csr_array((60, 10**12))),
        r"val_X is sparse, \(60, 1000000000000\): dense it takes 480,000.0 GB, expected at most",
    ),
    "None": (changed("train_y", None), r"train_X \(24, 5\) and train_y \(\): expected"),
    "no array": (changed("train_X", Elsewhere()), "train_X is no array, but a Elsewhere: TypeError: on another device"),
    "NaN label": (changed("train_y", with_value("train_y", np.nan)), "train_y holds nan in row 3: expected a class"),
    "infinite label": (changed("val_y", with_value("val_y", np.inf)), "val_y holds inf in row 3: expected a class"),
    "fractions": (changed("train_y", with_value("train_y", 0.5)), "train_y holds 0.5 in row 3: expected a class"),
    "no label": (changed("train_y", with_value("train_y", None, object)), "train_y holds None among others: expected"),
    "mixed labels": (changed("val_y", with_value("val_y", "x", object)), "val_y holds .* among others: expected"),
    "huge label": (changed("train_y", with_value("train_y", 2**70, object)), "train_y .* of more than 64 bits"),
    "dates": (changed("train_y", data()[1].astype("M8[D]")), "train_y is datetime64.*: expected classes"),
    "other kind": (changed("val_y", data()[3].astype(str)), "train_y holds numbers, val_y str_: expected"),
    "sparse labels": (changed("train_y", sparse.csr_matrix(data()[1])), r"train_y is sparse.*train_y.toarray\(\)"),
    "one class": (changed("train_y", np.zeros(24, int)), "1 class.*: expected|1 class; expected"),
}  # fmt: skip
if np.finfo(np.longdouble).bits > 64:
    REFUSED["longdouble"] = (
        changed("train_X", data()[0].astype(np.longdouble)),
        "train_X is float128: expected .* 64 bits",
    )


@pytest.mark.parametrize("what", VALUATIONS)
@pytest.mark.parametrize("kind", REFUSED)
def test_refusals_are_one_line(what, kind):
    given, line = REFUSED[kind]
    if kind == "one class" and what == "NeighbourShapley":
        return
    with pytest.raises(ValueError, match=line) as refused:
        VALUATIONS[what]().fit(*given)
    assert "\n" not in str(refused.value)


def test_large_classes_of_two_dtypes_are_not_merged():
    """Together they would be float64, in which 2^53 and the next number are one."""
    train_X, train_y, val_X, val_y = data()
    train_y, val_y = np.unique(train_y, return_inverse=True)[1], np.unique(val_y, return_inverse=True)[1]
    plain = NeighbourShapley().fit(train_X, train_y, val_X, val_y).values_
    large = [(y + 2**53).astype(np.uint64) for y in (train_y, val_y)]
    np.testing.assert_array_equal(NeighbourShapley().fit(train_X, large[0], val_X, large[1]).values_, plain)
    with pytest.raises(ValueError, match=r"train_y holds classes beyond 2\^53 in labels of uint64 and int64: expected"):
        NeighbourShapley().fit(train_X, large[0], val_X, large[1].astype(np.int64))


def test_a_model_that_no_rows_of_all_train_is_refused():
    given = data()
    eight = [given[0][:8], given[1][:8], *given[2:]]
    for valuation in (LeaveOneOut(NeighbourVotes(), engine()), MonteCarloShapley(NeighbourVotes(), engine())):
        with pytest.raises(
            ValueError, match="neighbour-votes cannot be trained on 8 rows of 2 classes; expected 9 rows or more"
        ):
            valuation.fit(*eight)
    given = problem(LABELS["three"])
    for valuation in (LeaveOneOut(LinearNet(), engine()), MonteCarloShapley(LinearNet(), engine())):
        with pytest.raises(
            ValueError, match=r"linear-net cannot be trained on 24 rows of 3 classes; expected .* 0 and 1"
        ):
            valuation.fit(*given)


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (LogisticOptimum, r"model is the class LogisticOptimum: expected a model, LogisticOptimum\(\)"),
        (Voting(), "model is a Voting, which has no accuracy: expected"),
        (None, "model is nothing: expected one of boosted-stumps"),
    ],
)
def test_what_is_no_model_is_refused(model, line):
    for valuation in (LeaveOneOut(model), MonteCarloShapley(model)):
        with pytest.raises(ValueError, match=line):
            valuation.fit(*data())


def test_sets_of_rows_are_rows():
    worth = Worth(LogisticOptimum(), engine(), checked(*data()))
    for wrong, line in (
        (np.array([-1, 3]), r"sets\[1\] holds -1: expected 0 to 23"),
        (np.array([24]), r"sets\[1\] holds 24: expected 0 to 23"),
        (np.ones(24, bool), r"sets\[1\] is bool: expected the rows' numbers, np.flatnonzero"),
        (np.array([0.0, 1.0]), r"sets\[1\] is float64: expected the rows' numbers"),
    ):
        with pytest.raises(ValueError, match=line):
            worth.of([np.arange(3), wrong])


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (LeaveOneOut("logistic", engine="cpu"), r"engine is 'cpu': expected an engine, .*open_engine.* or None$"),
        (MonteCarloShapley("lr", 4), "engine is 4: expected an engine, that of `with"),
        (NeighbourShapley(backend="cpu"), r"backend is 'cpu': expected a backend, .*choose\('cpu'\), or None$"),
        (NeighbourShapley(done=5), "done is 5: expected a function of a number, or None"),
        (MonteCarloShapley("lr", n_permutations=0), "n_permutations is 0: expected a whole number, 1 or more"),
        (MonteCarloShapley("lr", n_permutations=2.5), "n_permutations is 2.5: expected a whole number"),
        (MonteCarloShapley("lr", tolerance=-0.1), "tolerance is -0.1: expected 0 or more, or None"),
        (MonteCarloShapley("lr", tolerance=float("nan")), "tolerance is nan: expected 0 or more"),
        (MonteCarloShapley("lr", tolerance="0.1"), "tolerance is '0.1': expected 0 or more"),
        (MonteCarloShapley("lr", random_state=-1), "random_state is -1: expected a whole number from 0 to"),
        (ConfidentLearning(random_state="0"), "random_state is '0': expected a whole number from 0 to"),
        (ConfidentLearning(random_state=2**32), "random_state is 4294967296: expected a whole number from 0 to"),
        (NeighbourShapley(0), "n_neighbors is 0: expected a whole number, 1 or more"),
        (NeighbourShapley(1.5), "n_neighbors is 1.5: expected a whole number, 1 or more"),
        (ConfidentLearning(n_splits=1), "n_splits is 1: expected a whole number, 2 or more"),
        (LogisticInfluence(C=0.0), "C is 0.0: expected a number over 0"),
        (LogisticInfluence(C=float("nan")), "C is nan: expected a number over 0"),
        (LogisticInfluence(C="1"), "C is '1': expected a number over 0"),
        (NetInfluence(damping=-1.0), "damping is -1.0: expected a number over 0"),
        (NetInfluence(damping=None), "damping is None: expected a number over 0"),
    ],
)  # fmt: skip
def test_parameters_out_of_range_are_refused_by_fit(made, line):
    """Not before: scikit-learn's searches and clones set what they like."""
    with pytest.raises(ValueError, match=line) as refused:
        made.fit(*data())
    assert "\n" not in str(refused.value)


def test_one_order_has_no_standard_error():
    found = MonteCarloShapley(LogisticOptimum(), engine(), n_permutations=1).fit(*data())
    assert np.isfinite(found.values_).all()
    assert np.isnan(found.standard_errors_).all()
    assert found.standard_errors_.shape == (24,)
