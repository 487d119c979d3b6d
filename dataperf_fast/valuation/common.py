"""What every valuation has in common, and what it takes: numbers of any kind, and labels of any kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from dataperf_fast.engine import checks

_NUMBERS = int | float | np.number | np.bool_
_WHOLE = 1 << 53  # beyond, a float64 stands for more than one whole number
_KINDS = ((str, np.str_), (bytes, np.bytes_), (int | np.integer | np.bool_, np.int64), (_NUMBERS, np.float64))


class Valuation(ABC):
    """What training rows are worth to a validation set, scikit-learn's way: parameters, then ``fit``.

    Attributes:
        values_: the rows' values ``(n,)`` float64; larger is better.
        order_: the rows in the order in which to inspect them, ``(n,)`` int64: the least valuable first, of equals the
            first row first.

    Example:
        >>> from dataperf_fast.valuation.neighbour_shapley import NeighbourShapley
        >>> found = NeighbourShapley().fit(train_X, train_y, val_X, val_y)
        >>> found.values_.shape, bool(found.values_[found.order_[0]] == found.values_.min())
        ((40,), True)
    """

    values_: np.ndarray

    @property
    def order_(self) -> np.ndarray:
        """The rows, least valuable first."""
        return self.values_.argsort(kind="stable")

    @abstractmethod
    def fit(self, train_X: np.ndarray, train_y: np.ndarray, val_X: np.ndarray, val_y: np.ndarray) -> Valuation:
        """Value the training rows by what they do for the validation rows.

        Args:
            train_X: vectors ``(n, d)``: dense, finite numbers, of up to 64 bits.
            train_y: labels ``(n,)``: strings or whole numbers, of any number of classes unless the method says
                otherwise.
            val_X: vectors ``(m, d)`` of the validation set.
            val_y: its labels ``(m,)``; one that ``train_y`` lacks is never answered.

        Returns:
            The valuation itself.

        Raises:
            ValueError: in one line, where this does not hold or shapes do not go together.
        """


def checked(
    train_X: np.ndarray, train_y: np.ndarray, val_X: np.ndarray, val_y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The four as vectors, float32 or float64, and labels numbered from 0; raises ValueError as ``Valuation.fit`` says.

    Labels are numbered in their order. Of three or more those that no training row has come last, so that where two
    are trained on, these are 0 and 1.
    """
    vectors, labels = [], []
    for part, given_X, given_y in (("train", train_X, train_y), ("val", val_X, val_y)):
        X, y = _array(f"{part}_X", given_X), _array(f"{part}_y", given_y)
        if X.ndim != 2 or y.shape != X.shape[:1] or not X.size:
            raise ValueError(f"{part}_X {X.shape} and {part}_y {y.shape}: expected (n, d) and (n,) with n and d from 1")
        vectors.append(_vectors(f"{part}_X", X))
        labels.append(_labels(f"{part}_y", y))
    if vectors[0].shape[1] != vectors[1].shape[1]:
        raise ValueError(f"train_X has {vectors[0].shape[1]} columns, val_X {vectors[1].shape[1]}")
    kinds = ["numbers" if of.dtype.kind in "iuf" else of.dtype.type.__name__ for of in labels]
    if kinds[0] != kinds[1]:
        raise ValueError(f"train_y holds {kinds[0]}, val_y {kinds[1]}: expected labels of one kind")
    positions = _positions(_together(labels), len(labels[0]))
    return vectors[0], positions[: len(labels[0])], vectors[1], positions[len(labels[0]) :]


def _array(name: str, given: Any) -> np.ndarray:
    checks.dense(name, given)
    try:
        return np.asarray(given)
    except ValueError as error:
        raise ValueError(f"{name} is no array: expected rows of one length") from error


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


def _positions(labels: np.ndarray, trained: int) -> np.ndarray:
    """Number ``labels``, of which the first ``trained`` are those of training rows, as ``checked`` says."""
    found, positions = np.unique(labels, return_inverse=True)
    if len(found) < 3:
        return positions
    unseen = np.ones(len(found), np.bool_)
    unseen[positions[:trained]] = False
    places = np.empty(len(found), np.int64)
    places[np.argsort(unseen, kind="stable")] = np.arange(len(found))
    return places[positions]
