"""What every valuation has in common: it is a scikit-learn estimator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state

from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.valuation.inputs import Data, checked

# Parameters that are somebody's resources, and no settings: what each is an instance of, and that in words.
_SHARED: dict[str, tuple[Any, str]] = {
    "engine": (Engine, "an engine, that of `with dataperf_fast.open_engine() as engine`"),
    "backend": (Backend, "a backend, dataperf_fast.engine.backend.choose('cpu')"),
    "done": (Callable, "a function of a number"),
}


class Valuation(BaseEstimator, ABC):  # type: ignore[misc]
    """What training rows are worth to a validation set, a scikit-learn estimator: parameters, then ``fit``.

    Parameters are kept as they are given and looked at by ``fit``. A clone shares engine and backend. Before ``fit``
    what it sets raises ``sklearn.exceptions.NotFittedError``, which is an AttributeError and a ValueError.

    Attributes:
        values_: the rows' values ``(n,)`` float64; larger is better.
        order_: the rows in the order in which to inspect them, ``(n,)`` int64: the least valuable first, of equals the
            first row first.
        n_features_in_: the number of columns.
        feature_names_in_: their names ``(d,)``, of data frames.

    Example:
        >>> from dataperf_fast.valuation import NeighbourShapley
        >>> found = NeighbourShapley().fit(train_X, train_y, val_X, val_y)
        >>> found.values_.shape, bool(found.values_[found.order_[0]] == found.values_.min())
        ((40,), True)
    """

    values_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    @property
    def order_(self) -> np.ndarray:
        """The rows, least valuable first."""
        return self.values_.argsort(kind="stable")

    def fit(self, train_X: Any, train_y: Any, val_X: Any, val_y: Any) -> Self:
        """Value the training rows by what they do for the validation rows.

        Args:
            train_X: vectors ``(n, d)``: finite numbers of up to 64 bits, in an array, lists, a data frame, or a sparse
                matrix, of which a dense copy is made.
            train_y: labels ``(n,)``: strings or whole numbers, of any number of classes unless the method says
                otherwise.
            val_X: vectors ``(m, d)`` of the validation set; of two data frames the columns have the same names.
            val_y: its labels ``(m,)``; one that ``train_y`` lacks is never answered.

        Returns:
            The valuation itself.

        Raises:
            ValueError: in one line, where this does not hold, shapes do not go together or a parameter is out of range.
        """
        self._check_parameters()
        for name, (kind, expected) in _SHARED.items():
            given = vars(self).get(name)
            if given is not None and not isinstance(given, kind):
                raise ValueError(f"{name} is {given!r}: expected {expected}, or None")
        data = checked(train_X, train_y, val_X, val_y)
        self.values_ = self._values(data)
        self.n_features_in_ = data.features.shape[1]
        self.__dict__.pop("feature_names_in_", None)
        if data.feature_names is not None:
            self.feature_names_in_ = data.feature_names
        return self

    def _check_parameters(self) -> None:
        """Raise ValueError for a parameter that is out of range: ``set_params`` and clones look at none."""

    @abstractmethod
    def _values(self, data: Data) -> np.ndarray:
        """The values ``(n,)`` float64 of the training rows."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = tags.input_tags.sparse = True
        return tags

    def __sklearn_clone__(self) -> Self:
        given = self.get_params(deep=False)
        return type(self)(**{name: of if name in _SHARED else clone(of, safe=False) for name, of in given.items()})

    if not TYPE_CHECKING:  # to a type checker that saw this, every attribute would be there

        def __getattr__(self, name):
            of_fit = {"order_"}.union(*(get_annotations(of) for of in type(self).__mro__))
            kind = type(self).__name__
            if name in of_fit and "values_" not in vars(self):
                raise NotFittedError(f"this {kind} is not fitted yet: fit(train_X, train_y, val_X, val_y) sets {name}")
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")


def require_random_state(given: Any) -> None:
    """Raise ValueError unless scikit-learn takes ``given`` as a ``random_state``."""
    try:
        check_random_state(given)
    except ValueError as error:
        expected = "a whole number from 0 to 2^32 - 1, a RandomState or None"
        raise ValueError(f"random_state is {given!r}: expected {expected}") from error


def generator(random_state: Any) -> np.random.Generator:
    """What draws for a ``random_state``: a number stands for the same draws each time, the others for the next."""
    if isinstance(random_state, int | np.integer):
        return np.random.default_rng(int(random_state))
    return np.random.default_rng(check_random_state(random_state).randint(1 << 32, dtype=np.uint64))
