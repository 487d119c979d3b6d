"""What sets of training rows are worth: retrains of a frozen model, as plans for the engine."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from dataperf_fast.engine import checks
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool, untrainable
from dataperf_fast.models import known_answers
from dataperf_fast.valuation.estimators import ANSWERED, frozen
from dataperf_fast.valuation.inputs import Data


class Worth:
    """The validation accuracy of ``model`` trained on a set of rows, in the rows' own order.

    ``model`` is what ``estimators.frozen`` takes. A set that it cannot be trained on answers its most frequent label,
    of equals the lowest, which a warning says once of a set of two classes or more; the empty set the validation set's
    most frequent one. Equal sets are trained once in the
    lifetime of ``engine``. Raises ValueError where ``model`` is none, and where it cannot be trained on all rows: then
    no retrain would be one.
    """

    def __init__(self, model: Any, engine: Engine | None, data: Data):
        features, labels, evaluation, truth = data[:4]
        self._model = model = frozen(model, data.classes)
        dtype = np.uint8 if max(labels.max(), truth.max()) < 256 else np.int32
        self._labels, self._truth = labels.astype(dtype), truth.astype(dtype)
        if not model.can_train(self._labels):
            raise ValueError(f"train_y: {untrainable(model, self._labels)}")
        self._pool = Pool(features, evaluation, self._truth)
        without_cuda = "" if model.on_cuda else model.name
        self._warned = False
        self._engine = engine or Engine(known_answers.until_it_pays(without_cuda=without_cuda))

    @property
    def rows(self) -> int:
        """How many rows there are to choose from."""
        return len(self._labels)

    def of(self, sets: Sequence[np.ndarray]) -> np.ndarray:
        """The worth ``(s,)`` float64 of each set of rows."""
        for number, chosen in enumerate(sets):
            checks.rows(f"sets[{number}]", chosen, self.rows)
        rows = [np.sort(chosen).astype(np.int32) for chosen in sets]
        labels = [self._labels[chosen] for chosen in rows]
        worths = np.array([self._constant(given) for given in labels])
        can_train = [self._model.can_train(given) for given in labels]
        trained = [at for at, can in enumerate(can_train) if can]
        self._warn([given for given, can in zip(labels, can_train, strict=True) if not can])
        if trained:
            plan = Plan(self._pool, self._model, [labels[at] for at in trained], [rows[at] for at in trained])
            worths[trained] = self._model.accuracy(self._engine.run(plan).values, len(self._truth))
        return worths

    def _warn(self, refused: Sequence[np.ndarray]) -> None:
        """Say once that a set is not trained on though it has two classes: those with ``refused`` labels."""
        for labels in refused if not self._warned else ():
            if len(checks.distinct(labels)) > 1:
                warnings.warn(f"{untrainable(self._model, labels)}: {ANSWERED}", stacklevel=5)
                self._warned = True
                break

    def _constant(self, labels: np.ndarray) -> float:
        counts = np.bincount(labels if len(labels) else self._truth)
        return float((self._truth == counts.argmax()).mean())
