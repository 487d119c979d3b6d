"""What the debugging board's other models have in common: retrains that differ in labels alone.

What depends on the rows only is computed once for all label states, and of two classes, the board's, a state begins
where the nearest one before it ended. A start moves a decision by rounding only, so an outcome is the same for any
batch and any number of threads, unless a decision is within the model's ``unsure``: such retrains count as doubtful and
are run again from a cold start, on products of the deciding arithmetic.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from dataperf_fast.engine import checks
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Answers, FrozenModel, Pool, groups_of
from dataperf_fast.kernels import arithmetic

# Evaluation rows classified as their label says, and how many of all rounding could have put on the other side.
OUTCOME: np.dtype[Any] = np.dtype([("correct", np.int64), ("doubtful", np.int64)])
_REMEMBERED = 64  # solutions to begin from: ten submissions' ways are followed at once


class Relabelled(FrozenModel):
    """A frozen model of any classes."""

    trains_on = "two classes or more"
    version = f"3, arithmetic {arithmetic.VERSION}"
    outcome = OUTCOME

    def can_train(self, labels: np.ndarray) -> bool:
        """Whether there are two classes to tell apart."""
        return len(checks.distinct(labels)) > 1

    def bounds(self, outcomes: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and highest accuracy that rounding could have made of it."""
        correct, doubtful = outcomes["correct"], outcomes["doubtful"]
        return np.maximum(correct - doubtful, 0) / rows, np.minimum(correct + doubtful, rows) / rows


class GroupTrainer(ABC):
    """Trains batches in groups with the same rows (``plan.Trainer``)."""

    def __init__(self, pool: Pool, backend: Backend):
        self.pool = pool
        self.threads = backend.threads
        self.bytes_per_retrain = 16 * (len(pool.features) + len(pool.evaluation_features))

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch."""
        from dataperf_fast.kernels import threads

        outcomes = np.zeros(len(rows), OUTCOME)
        with threads.one_for_blas():
            for group in groups_of(rows):
                self.train_group(rows[group.start], np.stack(labels[group]), exact, outcomes[group])
        return outcomes, outcomes["doubtful"] == 0

    @abstractmethod
    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once and answer (``plan.Trainer``)."""

    @abstractmethod
    def train_group(self, rows: np.ndarray, labels: np.ndarray, exact: bool, outcomes: np.ndarray) -> None:
        """Set ``outcomes (r,)`` for ``labels (r, n)`` of the pool's ``rows (n,)``."""


class WarmModel(Relabelled):
    """A model whose optimum for one label state is a start for another; of several classes each state begins afresh."""

    unsure: float  # a decision value nearer to zero than this could be rounding's

    def bind(self, pool: Pool, backend: Backend) -> WarmTrainer:
        """Bind the model to a pool."""
        return (CudaWarmTrainer if backend.name == "cuda" else WarmTrainer)(self, pool, backend)

    @abstractmethod
    def share(self, pool: Pool, rows: np.ndarray, exact: bool, xp: Any = np) -> Any:
        """Compute what all retrains on ``rows`` have in common; if ``exact`` in the deciding arithmetic.

        Otherwise in arrays of ``xp``, which may be CuPy.
        """

    @abstractmethod
    def fit(
        self, shared: Any, labels: np.ndarray, start: tuple[np.ndarray, np.ndarray] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Solve for ``labels (n,)`` 0 and 1, from nothing or from ``start``, other labels and their solution.

        Returns the solution and the decision values ``(m,)`` of the evaluation rows, 1 where positive. ``start`` is
        kept as it is.
        """

    @abstractmethod
    def fit_several(self, shared: Any, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
        """Solve for ``labels (n,)`` in 0 .. classes - 1, each present, three or more.

        Returns the decision values ``(m, classes)`` of the evaluation rows, of which the first of the largest decides,
        and which rows could be rounding's ``(m,)`` bool.
        """

    @abstractmethod
    def bytes_on_device(self, rows: int) -> int:
        """What a label state of so many rows takes of a GPU's memory."""

    @abstractmethod
    def fit_on_device(self, shared: Any, labels: np.ndarray, xp: Any) -> tuple[Any, np.ndarray]:
        """Solve for ``labels (r, n)``, both 0 and 1 in each line.

        Returns the decision values ``(r, m)`` on the device, and which states are solved ``(r,)`` bool.
        """


class WarmTrainer(GroupTrainer):
    """Trains a warm model's retrains, each thread a run of neighbours."""

    def __init__(self, model: WarmModel, pool: Pool, backend: Backend):
        super().__init__(pool, backend)
        self._model = model
        self._rows: np.ndarray | None = None
        self._shared: dict[bool, Any] = {}  # in the deciding arithmetic, or fast
        self._known: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=_REMEMBERED)

    def train_group(self, rows: np.ndarray, labels: np.ndarray, exact: bool, outcomes: np.ndarray) -> None:
        """Train label states of the same rows."""
        from dataperf_fast.kernels import threads

        shared = self._share(rows, exact)

        def train_part(part: np.ndarray) -> None:
            for state in part:
                answers, doubtful = self._train_one(shared, labels[state], exact)
                correct = (answers.classes == self.pool.evaluation_labels).sum()
                outcomes[state] = correct, 0 if exact else doubtful.sum()

        threads.run(self.threads, train_part, np.array_split(np.arange(len(labels)), min(self.threads, len(labels))))

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once, from the nearest known solution, and answer (``plan.Trainer``)."""
        return self._train_one(self._share(rows, False), labels, False)[0]

    def _train_one(self, shared: Any, labels: np.ndarray, exact: bool) -> tuple[Answers, np.ndarray]:
        """The answers, and which of them could be rounding's ``(m,)`` bool."""
        classes = checks.distinct(labels)
        if len(classes) > 2:
            decisions, doubtful = self._model.fit_several(shared, np.searchsorted(classes, labels), len(classes))
            return Answers(classes[decisions.argmax(axis=1)], decisions), doubtful
        positions = (labels == classes[1]).astype(np.uint8)
        solution, decisions = self._model.fit(shared, positions, None if exact else self._nearest(positions))
        self._known.append((positions, solution))
        return Answers(classes[(decisions > 0).astype(np.int64)], decisions), np.abs(decisions) <= self._model.unsure

    def _share(self, rows: np.ndarray, exact: bool) -> Any:
        if rows is not self._rows:
            self._rows = rows
            self._shared.clear()
            self._known.clear()
        if exact not in self._shared:
            self._shared[exact] = self._model.share(self.pool, rows, exact)
        return self._shared[exact]

    def _nearest(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """The known solution with the fewest other labels."""
        known = tuple(self._known)
        if not known:
            return None
        return known[int((np.stack([before for before, _ in known]) != labels).sum(axis=1).argmin())]


class CudaWarmTrainer(WarmTrainer):
    """Solves label states of the same rows together on a GPU, each from nothing; exact ones and more classes here."""

    def __init__(self, model: WarmModel, pool: Pool, backend: Backend):
        from dataperf_fast.kernels.launch import array_library

        super().__init__(model, pool, backend)
        self._xp, self._on_device = array_library(), (np.empty(0, np.int32), None)
        self.bytes_per_retrain = model.bytes_on_device(len(pool.features)) + 24 * len(pool.evaluation_features)

    def train_group(self, rows: np.ndarray, labels: np.ndarray, exact: bool, outcomes: np.ndarray) -> None:
        """Train label states of the same rows."""
        from dataperf_fast.kernels.launch import on_host

        if exact or not checks.zeros_and_ones(labels):
            super().train_group(rows, labels, exact, outcomes)
            return
        if self._on_device[0] is not rows:
            self._on_device = rows, self._model.share(self.pool, rows, False, self._xp)
        decisions, solved = self._model.fit_on_device(self._on_device[1], labels, self._xp)
        truth = self._xp.asarray(self.pool.evaluation_labels)
        outcomes["correct"] = on_host(((decisions > 0) == truth).sum(axis=1))
        outcomes["doubtful"] = on_host((abs(decisions) <= self._model.unsure).sum(axis=1))
        if not solved.all():
            again = outcomes[~solved]
            super().train_group(rows, labels[~solved], exact, again)
            outcomes[~solved] = again
