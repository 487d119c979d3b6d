"""What every valuation has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class Valuation(ABC):
    """What training rows are worth to a validation set, scikit-learn's way: parameters, then ``fit``.

    ``values_ (n,)`` float64 are the rows' values, larger is better, and ``order_ (n,)`` int64 the rows in the order in
    which to inspect them: the least valuable first, of equals the first row first.
    """

    values_: np.ndarray

    @property
    def order_(self) -> np.ndarray:
        """The rows, least valuable first."""
        return self.values_.argsort(kind="stable")

    @abstractmethod
    def fit(self, train_X: np.ndarray, train_y: np.ndarray, val_X: np.ndarray, val_y: np.ndarray) -> Valuation:
        """Value the rows ``train_X (n, d)`` with labels ``train_y (n,)`` by what they do for ``val_X`` and ``val_y``.

        Raises ValueError where shapes do not go together or a vector holds what is not finite.
        """


def checked(
    train_X: np.ndarray, train_y: np.ndarray, val_X: np.ndarray, val_y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The four as vectors and labels numbered from 0; raises ValueError as ``Valuation.fit`` says."""
    vectors, labels = [], []
    for name, X, y in (
        ("train", np.asarray(train_X), np.asarray(train_y)),
        ("val", np.asarray(val_X), np.asarray(val_y)),
    ):
        if X.ndim != 2 or y.shape != X.shape[:1] or not len(X):
            raise ValueError(f"{name}_X {X.shape} and {name}_y {y.shape}: expected (n, d) and (n,) with n from 1")
        if not np.isfinite(X).all():
            raise ValueError(f"{name}_X holds a value that is not finite")
        vectors.append(X)
        labels.append(y)
    if vectors[0].shape[1] != vectors[1].shape[1]:
        raise ValueError(f"train_X has {vectors[0].shape[1]} columns, val_X {vectors[1].shape[1]}")
    positions = np.unique(np.concatenate(labels), return_inverse=True)[1]
    return vectors[0], positions[: len(labels[0])], vectors[1], positions[len(labels[0]) :]
