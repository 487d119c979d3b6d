"""What valuations take: numbers and labels of any kind, in arrays, lists, data frames and sparse matrices."""

from __future__ import annotations

import warnings
from math import prod
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from dataperf_fast.engine import checks, limits
from dataperf_fast.files.errors import has_no_order, kind_of, told

_NUMBERS = int | float | np.number | np.bool_
_WHOLE = 1 << 53  # beyond, a float64 stands for more than one whole number
_KINDS = ((str, np.str_), (bytes, np.bytes_), (int | np.integer | np.bool_, np.int64), (_NUMBERS, np.float64))


class Data(NamedTuple):
    """A training and a validation set: vectors ``(n, d)`` and ``(m, d)``, float32 or float64, and labels from 0.

    ``classes (c,)`` are the labels as they were given, by their numbers; ``feature_names (d,)`` the columns' names, of
    data frames.
    """

    features: np.ndarray
    labels: np.ndarray
    evaluation: np.ndarray
    truth: np.ndarray
    classes: np.ndarray
    feature_names: np.ndarray | None


def checked(train_X: Any, train_y: Any, val_X: Any, val_y: Any) -> Data:
    """The four as ``Data``; raises ValueError as ``Valuation.fit`` says.

    Labels are numbered in their order. Of three or more those that no training row has come last, so that where two
    are trained on, these are 0 and 1.
    """
    own = val_X is train_X and val_y is train_y  # the training set is its own validation set: looked at once
    train = _part("train", train_X, train_y)
    val = train if own else _part("val", val_X, val_y)
    if train[0].shape[1] != val[0].shape[1]:
        raise ValueError(f"train_X has {train[0].shape[1]} columns, val_X {val[0].shape[1]}")
    labels = [train[1], val[1]]
    kinds = ["numbers" if of.dtype.kind in "iuf" else of.dtype.type.__name__ for of in labels]
    if kinds[0] != kinds[1]:
        raise ValueError(f"train_y holds {kinds[0]}, val_y {kinds[1]}: expected labels of one kind")
    rows = len(labels[0])
    positions, classes = _numbered(_together(labels), rows)
    if not np.isin(positions[rows:], positions[:rows]).any():
        warnings.warn("val_y holds no label of train_y: no answer is right, whatever is trained on", stacklevel=3)
    return Data(train[0], positions[:rows], val[0], positions[rows:], classes, _feature_names(train_X, val_X))


def _part(part: str, given_X: Any, given_y: Any) -> tuple[np.ndarray, np.ndarray]:
    """The vectors and the labels, as they are named, of one of the two sets."""
    X, y = _array(f"{part}_X", _densified(f"{part}_X", given_X)), _array(f"{part}_y", given_y)
    if X.ndim == 2 and y.shape == (len(X), 1):
        warnings.warn(f"{part}_y is a column, {y.shape}: it is taken as the labels {y.shape[:1]}", stacklevel=4)
        y = y[:, 0]
    if X.ndim != 2 or y.shape != X.shape[:1] or not X.size:
        raise ValueError(f"{part}_X {X.shape} and {part}_y {y.shape}: expected (n, d) and (n,) with n and d from 1")
    return _vectors(f"{part}_X", X), _labels(f"{part}_y", y)


def _densified(name: str, given: Any) -> Any:
    """A sparse matrix as an array, if there is memory for it; anything else as it is."""
    if not sparse.issparse(given):
        return given
    size, there = 8 * prod(given.shape), limits.available_memory()
    if size > there:
        shown, expected = (f"{of / 1e9:,.1f} GB" for of in (size, there))
        raise ValueError(f"{name} is sparse, {given.shape}: dense it takes {shown}, expected at most {expected}")
    return given.toarray()


def _array(name: str, given: Any) -> np.ndarray:
    checks.dense(name, given)
    if has_no_order(given):
        raise ValueError(f"{name} is {kind_of(given)}: expected an array or a list, in the rows' order")
    try:
        return np.asarray(given)
    except ValueError as error:
        raise ValueError(f"{name} is no array: expected rows of one length") from error
    except (TypeError, RuntimeError) as error:  # tensors on a GPU, or with a gradient
        raise ValueError(f"{name} is no array, but a {type(given).__name__}: {told(error)}") from error


def _feature_names(train_X: Any, val_X: Any) -> np.ndarray | None:
    """The columns' names; those of two data frames have to be the same, in one order."""
    named = []
    for given in (train_X, val_X):
        names = list(getattr(given, "column_names", getattr(given, "columns", ())))  # Arrow's, and everybody else's
        if names and all(isinstance(name, str) for name in names):
            named.append(np.array(names, object))
    if len(named) == 2 and (different := np.flatnonzero(named[0] != named[1])).size:
        at = different[0]
        raise ValueError(f"column {at} of val_X is {named[1][at]!r}: expected {named[0][at]!r}, as in train_X")
    return named[0] if named else None


def _vectors(name: str, X: np.ndarray) -> np.ndarray:
    """Finite float32 or float64, C-contiguous: every number as it is."""
    if X.dtype.kind == "O":
        try:
            X = X.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{name} holds objects: expected numbers ({error})") from error
    if X.dtype.kind in "biu":
        X = X.astype(np.float64)
    if X.dtype.kind != "f" or X.dtype.itemsize > 8:
        raise ValueError(f"{name} is {X.dtype}: expected numbers of up to 64 bits, {name}.astype(np.float64)")
    X = np.ascontiguousarray(X, np.float32 if X.dtype.itemsize <= 4 else np.float64)
    checks.finite(name, X)
    return X


def _labels(name: str, y: np.ndarray) -> np.ndarray:
    """Whole numbers, strings or bytes; True is 1."""
    if y.dtype.kind == "O":
        y = _of_objects(name, y)
    if y.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(y) | (y != np.rint(y)))
        if len(wrong):
            raise ValueError(
                f"{name} holds {y[wrong[0]]} in row {wrong[0]}: expected a class, a whole number or a string"
            )
    elif y.dtype.kind not in "biuUS":
        raise ValueError(f"{name} is {y.dtype}: expected classes, whole numbers or strings")
    return y.astype(np.int64) if y.dtype.kind == "b" else y


def _together(labels: list[np.ndarray]) -> np.ndarray:
    """Both parts' labels in one array, in which no two of them become one."""
    whole = np.concatenate(labels)
    if whole.dtype.kind == "f":  # which integers of another kind, or of one with and one without a sign, become too
        for name, part in zip(("train_y", "val_y"), labels, strict=True):
            if part.dtype.kind in "iu" and len(part) and max(abs(int(part.min())), abs(int(part.max()))) > _WHOLE:
                kinds = " and ".join(str(of.dtype) for of in labels)
                raise ValueError(f"{name} holds classes beyond 2^53 in labels of {kinds}: expected both of one dtype")
    return whole


def _of_objects(name: str, y: np.ndarray) -> np.ndarray:
    """The same as an array of strings or of numbers."""
    for kinds, dtype in _KINDS:
        if all(isinstance(label, kinds) for label in y):
            try:
                return y.astype(dtype)
            except OverflowError as error:
                raise ValueError(f"{name} holds a number of more than 64 bits: expected classes") from error
    first = next((label for label in y if not isinstance(label, str | _NUMBERS)), y[0])
    raise ValueError(f"{name} holds {first!r} among others: expected whole numbers or strings")


def _numbered(labels: np.ndarray, trained: int) -> tuple[np.ndarray, np.ndarray]:
    """Number ``labels``, of which the first ``trained`` are training rows', as ``checked`` says; and the classes."""
    found, positions = np.unique(labels, return_inverse=True)
    if len(found) < 3:
        return positions, found
    unseen = np.ones(len(found), np.bool_)
    unseen[positions[:trained]] = False
    order = np.argsort(unseen, kind="stable")
    places = np.empty(len(found), np.int64)
    places[order] = np.arange(len(found))
    return places[positions], found[order]
