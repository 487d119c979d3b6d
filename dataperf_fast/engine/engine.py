"""The engine: runs plans. It knows no file format, no benchmark and no model's mathematics.

dedupe (equal retrains once, finished ones not at all) -> share (what a pool's retrains have in common) -> batch (cut
to the memory budget and to about half a second, so that progress shows and a stopped run loses little) -> certify
(a retrain whose outcome rounding could have changed, where that matters, is run again on the exact path). The backend
may change on the way, and no outcome with it: from the CPU to a GPU that pays, and back where it fails.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from dataperf_fast.engine import clock
from dataperf_fast.engine.backend import Backend, choose
from dataperf_fast.engine.plan import Answers, Plan, Pool, Trainer
from dataperf_fast.files.errors import told

_SECONDS_PER_BATCH = 0.5
# What starting CUDA and loading kernels takes, counted and not measured: so much is done on the CPU before.
_WORTH_A_GPU = 5.0
Read = TypeVar("Read")


class Cache(Protocol):
    """Finished retrains by content key; ``finished.ResultCache`` is the one on disk."""

    def get(self, keys: list[bytes]) -> dict[bytes, bytes]:
        """The outcomes of those keys that are known."""

    def put(self, items: dict[bytes, bytes]) -> None:
        """Keep outcomes."""


class Progress:
    """Told what is being done, how many retrains were added to do, and how many are done. This one shows nothing."""

    def begin(self, label: str) -> None:
        """Name what comes next."""

    def planned(self, retrains: int) -> None:
        """Add retrains to do."""

    def done(self, retrains: int) -> None:
        """Add retrains done."""


@dataclass
class Outcomes:
    """What a plan's retrains gave.

    Attributes:
        values: the model's outcomes ``(r,)``, in the plan's order.
        rechecked: which of them were run again on the exact path, ``(r,)`` bool.
        identity: what each is told apart by: retrains with equal identity are the same training set.
        trained: how many were not already known.

    Example:
        >>> from dataperf_fast.engine import backend as backends
        >>> from dataperf_fast.engine.engine import Engine
        >>> from dataperf_fast.engine.plan import Plan, Pool
        >>> from dataperf_fast.models.neighbour_votes import NeighbourVotes
        >>> plan = Plan(Pool(train_X, val_X, val_y), NeighbourVotes(), [train_y, 1 - train_y, train_y])
        >>> outcomes = Engine(backends.choose("cpu")).run(plan)
        >>> outcomes.trained, bool(outcomes.rechecked.any())
        (2, False)
    """

    values: np.ndarray
    rechecked: np.ndarray
    identity: list[bytes]
    trained: int


class Engine:
    """Runs plans on one backend, and remembers every retrain of its lifetime.

    Args:
        backend: where retrains run.
        cache: remembers finished retrains across runs; None for none.
        progress: is told what is being done; None for nobody.
        batch_size: fixes the number of retrains a batch, for tests and measurements: results do not depend on it.

    Example:
        >>> from dataperf_fast.engine import backend as backends
        >>> from dataperf_fast.engine.engine import Engine
        >>> from dataperf_fast.engine.plan import Plan, Pool
        >>> from dataperf_fast.models.neighbour_votes import NeighbourVotes
        >>> engine, model = Engine(backends.choose("cpu")), NeighbourVotes()
        >>> outcomes = engine.run(Plan(Pool(train_X, val_X, val_y), model, [train_y]))
        >>> model.accuracy(outcomes.values, len(val_y)).tolist()
        [0.75]
    """

    def __init__(
        self,
        backend: Backend,
        cache: Cache | None = None,
        progress: Progress | None = None,
        batch_size: int | None = None,
    ):
        self.backend = backend
        self.progress = progress or Progress()
        self._cache = cache
        self._batch_size = batch_size
        self._known: dict[bytes, bytes] = {}
        # The last pool's, for callers that come back to it.
        self._bound: tuple[Pool, tuple[str, str], Trainer] | None = None
        self._most = sys.maxsize  # retrains a batch, once a GPU has had too little memory
        self._pace: dict[bool, float] = {}  # seconds a retrain, as last measured, exact or not
        self._spent = 0.0  # seconds of training

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process it is a new engine on the same backend: what it remembers and its progress stay here."""
        return Engine, (self.backend, None, None, self._batch_size)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What callers do beside training, reading and writing for instance, for an engine that tells stages apart."""
        yield

    def read(self, reader: Callable[..., Read], *arguments: Any) -> Read:
        """What a reader of files returns; its time is the stage "read"."""
        with self.stage("read"):
            return reader(*arguments)

    @property
    def keeps(self) -> bool:
        """Whether what is done here is kept for later runs."""
        return self._cache is not None

    def run(self, plan: Plan, matters: Callable[[np.ndarray], np.ndarray] | None = None) -> Outcomes:
        """Make sure that every retrain of the plan is done, and return their outcomes in the plan's order.

        ``matters`` says of outcomes ``(k,)`` that rounding could have changed which of them must be certain, ``(k,)``
        bool; without it all of them are run again on the exact path.
        """
        keys = plan.keys
        place: dict[bytes, int] = {}
        for at, key in enumerate(keys):
            place.setdefault(key, at)
        plan.require_trainable(place.values())
        unknown = [key for key in place if key not in self._known]
        if self._cache is not None and unknown:
            size = _record(plan).itemsize
            found = self._cache.get(unknown)
            self._known.update({key: value for key, value in found.items() if len(value) == size})
            unknown = [key for key in unknown if key not in self._known]
        self._train(plan, {key: place[key] for key in unknown}, exact=False)
        records = self._records(plan, list(place))
        doubtful = np.flatnonzero(~records["certain"])
        if matters is not None and len(doubtful):
            doubtful = doubtful[matters(records["outcome"][doubtful])]
        unique = list(place)
        self._train(plan, {unique[at]: place[unique[at]] for at in doubtful}, exact=True)
        records = self._records(plan, keys)
        return Outcomes(records["outcome"].copy(), records["rechecked"].copy(), keys, len(unknown))

    def _records(self, plan: Plan, keys: list[bytes]) -> np.ndarray:
        return np.frombuffer(b"".join(self._known[key] for key in keys), dtype=_record(plan))

    def _train(self, plan: Plan, places: dict[bytes, int], exact: bool) -> None:
        """Train the retrains at ``places`` of the plan, batch by batch, and remember them under their keys."""
        if not places:
            return
        trainer = self._bind(plan)
        self.progress.planned(len(places))
        keys, position = list(places), 0
        while position < len(keys):
            end = position + self._next_batch(trainer, exact)
            while end < len(keys) and plan.differ_by_seed(places[keys[end - 1]], places[keys[end]]):
                end += 1  # seeds of one training set share all but the seed: they stay together
            batch = keys[position:end]
            started = clock.now()
            try:
                finished = _train_batch(plan, trainer, batch, [places[key] for key in batch], exact)
            except Exception as error:
                if self.backend.name != "cuda":
                    raise
                trainer = self._survive(error, plan, len(batch))
                continue
            if seconds := clock.now() - started:  # none where another thread compiled all the while
                self._pace[exact] = seconds / len(batch)
            self._known.update(finished)
            if self._cache is not None:
                self._cache.put(finished)
            self.progress.done(len(batch))
            position += len(batch)
            self._spent += seconds
            left = (len(keys) - position) * seconds / len(batch)
            if self.backend.longer is not None and self._spent + left > _WORTH_A_GPU:
                self.backend = self.backend.longer()
                trainer = self._bind_again(plan)

    def _survive(self, error: Exception, plan: Plan, size: int) -> Trainer:
        """What goes on where a GPU failed: half a batch while memory is short, else the CPU, for the same scores."""
        half = min(size, self._most) // 2
        if half and "memory" in f"{type(error).__name__} {error}".lower():
            self._most = half
            return self._bind(plan)
        warnings.warn(f"the GPU failed ({told(error)}): the rest is scored on the CPU", stacklevel=2)
        self.backend = choose("cpu", self.backend.threads)
        return self._bind_again(plan)

    def _bind_again(self, plan: Plan) -> Trainer:
        """The plan's trainer on another backend than before."""
        self._bound, self._pace = None, {}
        return self._bind(plan)

    def trainer(self, plan: Plan) -> Trainer:
        """The plan's model bound to its pool, for retrains of its own: they are checked as a plan's are."""
        return _CheckedTrainer(plan, self._bind(plan))

    def _bind(self, plan: Plan) -> Trainer:
        """The plan's model bound to its pool; the last one is kept."""
        model = plan.model.name, plan.model.version
        if self._bound is None or self._bound[0] is not plan.pool or self._bound[1] != model:
            clock.watch_compiler()
            self._bound = None  # what it shares may be hundreds of megabytes: let go before there are two
            try:
                self._bound = plan.pool, model, plan.model.bind(plan.pool, self.backend)
            except Exception as error:
                if self.backend.name != "cuda":
                    raise
                return self._survive(error, plan, 1)
        return self._bound[2]

    def _next_batch(self, trainer: Trainer, exact: bool) -> int:
        if self._batch_size is not None:
            return min(self._batch_size, self._most)
        affordable = min(max(1, self.backend.memory // trainer.bytes_per_retrain), self._most)
        lanes = self.backend.lanes
        quick = int(_SECONDS_PER_BATCH / self._pace[exact]) if exact in self._pace else 2 * lanes
        return min(affordable, max(1, quick // lanes) * lanes)


class _CheckedTrainer:
    """A trainer in the hands of whoever has retrains that are no plan's."""

    def __init__(self, plan: Plan, trainer: Trainer):
        self.bytes_per_retrain = trainer.bytes_per_retrain
        self._plan = plan
        self._trainer = trainer

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch (``plan.Trainer``)."""
        self._check(rows, labels, seeds)
        return self._trainer.train(rows, labels, seeds, exact)

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once and answer (``plan.Trainer``)."""
        self._check([rows], [labels], np.array([seed]))
        return self._trainer.answer(rows, labels, seed)

    def _check(self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray) -> None:
        given = Plan(self._plan.pool, self._plan.model, labels, rows, seeds)
        given.require_trainable(range(len(given.keys)))  # keys read every number


def _train_batch(
    plan: Plan, trainer: Trainer, keys: list[bytes], retrains: list[int], exact: bool
) -> dict[bytes, bytes]:
    seeds = np.array([plan.seed_of(i) for i in retrains], dtype=np.int64)
    rows, labels = [plan.rows_of(i) for i in retrains], [plan.labels[i] for i in retrains]
    records = np.zeros(len(retrains), dtype=_record(plan))
    outcomes, certain = (np.asarray(found) for found in trainer.train(rows, labels, seeds, exact))
    for name, found, dtype in (
        ("outcomes", outcomes, records.dtype["outcome"]),
        ("certain", certain, np.dtype(np.bool_)),
    ):
        if found.shape != records.shape or found.dtype != dtype:
            given, expected = f"{found.dtype} {found.shape}", f"{dtype} {records.shape}"
            raise ValueError(f"the trainer of {plan.model.name} returned {name} {given}: expected {expected}")
    records["outcome"], records["certain"] = outcomes, certain
    if exact:
        records["certain"] = records["rechecked"] = True
    return {key: record.tobytes() for key, record in zip(keys, records, strict=True)}


def _record(plan: Plan) -> np.dtype[np.void]:
    """What is remembered of a retrain: its outcome, whether it is certain, whether it took the exact path."""
    return np.dtype([("outcome", plan.model.outcome), ("certain", np.bool_), ("rechecked", np.bool_)])
