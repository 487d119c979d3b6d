"""What ``model`` may be: the name of a frozen model, one of them, or any scikit-learn classifier."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import numpy as np
from sklearn.base import ClassifierMixin, clone, is_classifier

from dataperf_fast.engine import checks
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Answers, FrozenModel, Pool, require_model
from dataperf_fast.files.errors import install, kind_of, told
from dataperf_fast.models import table

# The debugging board's first: its ``knn`` is another than the acquisition board's.
NAMES = tuple(name for name, model in reversed(table.MODELS.items()) if model.metric.endswith("accuracy"))
ANSWERED = "such sets are answered with their most frequent label"


def _accepted() -> str:
    """What ``model`` may be, in words: every name with the short one that means it."""
    names = [(name, table.short(name)) for name in sorted(NAMES)]
    known = [f"{name} ({short})" if short != name == table.in_full(short, NAMES) else name for name, short in names]
    return f"one of {', '.join(known)}, a frozen model or a scikit-learn classifier"


def frozen(model: Any, classes: np.ndarray) -> FrozenModel:
    """The frozen model that is meant, for labels numbered by ``classes (c,)``; raises ValueError where none is."""
    if isinstance(model, str):
        return _named(model)
    if hasattr(model, "get_params") and not isinstance(model, type):
        if not _is_classifier(model):
            raise ValueError(f"model is a {type(model).__name__}, which is no classifier: expected {_accepted()}")
        return FittedAfresh(model, classes)
    if not isinstance(model, type) and not hasattr(model, "bind"):
        raise ValueError(f"model is {kind_of(model)}: expected {_accepted()}")
    require_model(model, "accuracy")
    found: FrozenModel = model
    return found


def _is_classifier(model: Any) -> bool:
    """By any of the ways in which scikit-learn's versions have asked; libraries keep to one of them."""
    if isinstance(model, ClassifierMixin) or getattr(model, "_estimator_type", "") == "classifier":
        return True
    return hasattr(model, "__sklearn_tags__") and bool(is_classifier(model))


def _named(given: str) -> FrozenModel:
    name = table.in_full(given, NAMES)
    if name is None:
        raise ValueError(f"model is {given!r}: expected {_accepted()}")
    try:
        return table.MODELS[name]()
    except ModuleNotFoundError as error:
        raise ValueError(f"model is {given!r}, which needs {error.name}: {install('xgb')}") from error


class FittedAfresh(FrozenModel):
    """A scikit-learn classifier: a clone is fitted for each training set, one after the other, on the labels as given.

    One with ``random_state=None`` draws anew at every fit. A training set of one class is answered
    with it, and so is one that the classifier cannot be fitted on with its most frequent label, of equals the lowest:
    a warning says so once. Raises ValueError, in one line, where it cannot be fitted on the whole pool.
    """

    outcome = np.dtype([("correct", np.int64)])
    trains_on = "two classes or more"
    decided_by = "scikit-learn"

    def __init__(self, classifier: Any, classes: np.ndarray):
        self.name = type(classifier).__name__
        self.version = uuid4().hex  # no hash tells what a classifier does: its fits are nobody else's
        self.classifier = classifier
        self.classes = classes

    def can_train(self, labels: np.ndarray) -> bool:
        """Whether there are two classes to tell apart."""
        return len(checks.distinct(labels)) > 1

    def bind(self, pool: Pool, backend: Backend) -> FittedAfreshTrainer:
        """Bind the classifier to a pool; it runs where it likes."""
        return FittedAfreshTrainer(self, pool)


class FittedAfreshTrainer:
    """Fits batches over one pool (``plan.Trainer``)."""

    def __init__(self, model: FittedAfresh, pool: Pool):
        self.bytes_per_retrain = pool.features.nbytes
        self._model = model
        self._pool = pool
        self._numbers = {label: number for number, label in enumerate(model.classes.tolist())}
        self._warned = False

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fit and score one training set after the other."""
        outcomes = np.empty(len(rows), self._model.outcome)
        for at, (of_rows, of_labels) in enumerate(zip(rows, labels, strict=True)):
            outcomes["correct"][at] = (self.answer(of_rows, of_labels, 0).classes == self._pool.evaluation_labels).sum()
        return outcomes, np.ones(len(rows), np.bool_)

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Fit once and answer (``plan.Trainer``)."""
        evaluation = self._pool.evaluation_features
        try:
            fitted = clone(self._model.classifier).fit(self._pool.features[rows], self._model.classes[labels])
            said = np.asarray(fitted.predict(evaluation)).reshape(len(evaluation)).tolist()
        except Warning:
            raise
        except Exception as error:  # whatever a stranger's classifier raises for rows that are too few for it
            self._survive(error, labels)
            return Answers(np.full(len(evaluation), np.bincount(labels).argmax()))
        return Answers(np.array([self._numbers.get(label, -1) for label in said]))

    def _survive(self, error: Exception, labels: np.ndarray) -> None:
        of = checks.classes(labels)
        if len(labels) == len(self._pool.features):
            raise ValueError(f"model {self._model.name} cannot be fitted on all {of}: {told(error)}") from error
        if not self._warned:
            warnings.warn(f"{self._model.name} cannot be fitted on {of} ({told(error)}): {ANSWERED}", stacklevel=2)
        self._warned = True
