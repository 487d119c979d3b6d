"""A benchmark's work as data: retrains of a frozen model over one pool of feature vectors.

Every benchmark is a plan: ten seeds of an ensemble, three hundred label states of a debugging task, ten draws of a
market. A retrain is three columns of the plan: which pool rows, which labels, which seed.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from dataperf_fast.engine import checks
from dataperf_fast.kernels import arithmetic

if TYPE_CHECKING:
    from dataperf_fast.engine.backend import Backend


_BLOCK = 8 << 20  # bytes hashed at once
_ROWS = 1024  # rows read at once


@dataclass(frozen=True, eq=False)
class Pool:
    """The vectors that all retrains of a plan share. What is not C-contiguous is copied; nothing is written to.

    Attributes:
        features: the vectors to train on, ``(n, d)`` float32 or float64.
        evaluation_features: those to score on, ``(m, d)`` float32 or float64.
        evaluation_labels: their labels, ``(m,)`` numbers.

    Raises:
        ValueError: for anything else, and once it is trained or scored on for a number that is not finite.

    Example:
        >>> from dataperf_fast.engine.plan import Pool
        >>> Pool(train_X, val_X, val_y).every_row[:3]
        array([0, 1, 2], dtype=int32)
    """

    features: np.ndarray
    evaluation_features: np.ndarray
    evaluation_labels: np.ndarray

    def __post_init__(self) -> None:
        for name in ("features", "evaluation_features"):
            object.__setattr__(self, name, checks.features(name, getattr(self, name)))
        width, scored = self.features.shape[1], self.evaluation_features.shape[1]
        if scored != width:
            raise ValueError(f"evaluation_features has {scored} columns: expected {width}, as features")
        checks.labels("evaluation_labels", self.evaluation_labels, len(self.evaluation_features))

    @cached_property
    def evaluation_digest(self) -> bytes:
        """A hash of what is scored on, so that equal retrains share results whatever file they came from."""
        return _digest(self.evaluation_features, self.evaluation_labels, hash_block=self._hash_scored)

    def _hash_scored(self, block: np.ndarray) -> bytes:
        if not checks.is_finite(block):
            checks.finite("evaluation_features", self.evaluation_features)  # says where
        return _block_hash(block)

    def digest(self, rows: np.ndarray) -> bytes:
        """A hash of the vectors of ``rows``, in their order; each row is read once, whatever retrains it is in."""
        digests, known = self._row_digests
        new = np.unique(rows[~known[rows]])
        for start in range(0, len(new), _ROWS):
            part = new[start : start + _ROWS]
            vectors = self.features[part]
            checks.finite("features", vectors, part)
            for row, vector in zip(part, vectors, strict=True):
                digests[row] = np.frombuffer(_block_hash(vector), np.uint8)
        known[rows] = True
        return _digest(digests[rows], np.array(self.features.dtype.str.encode()))

    @cached_property
    def _row_digests(self) -> tuple[np.ndarray, np.ndarray]:
        """Hashes ``(n, 32)`` of the rows' vectors, and which of them are known ``(n,)``."""
        return np.zeros((len(self.features), 32), np.uint8), np.zeros(len(self.features), np.bool_)

    @cached_property
    def every_row(self) -> np.ndarray:
        """The rows of a retrain on the whole pool, in order."""
        return np.arange(len(self.features), dtype=np.int32)


class Answers(NamedTuple):
    """What one retrain says of every evaluation row.

    Attributes:
        classes: the class of each row ``(m,)``.
        decisions: decision values, ``(m,)`` for the second of two classes, or ``(m, k)``; None where the model has
            none.
        certain: whether rounding could have changed none of the classes.

    Example:
        >>> from dataperf_fast.engine.plan import Answers
        >>> Answers(np.array([0, 1]), np.array([-0.5, 2.0])).certain
        True
    """

    classes: np.ndarray
    decisions: np.ndarray | None = None
    certain: bool = True


class Trainer(Protocol):
    """A frozen model bound to a pool and a backend, holding whatever its retrains have in common.

    Attributes:
        bytes_per_retrain: what a retrain takes while it is trained, by which batches are cut.

    Example:
        >>> from dataperf_fast.engine import backend as backends
        >>> from dataperf_fast.engine.plan import Pool
        >>> from dataperf_fast.models.neighbour_votes import NeighbourVotes
        >>> pool = Pool(train_X, val_X, val_y)
        >>> trainer = NeighbourVotes().bind(pool, backends.choose("cpu"))
        >>> outcomes, certain = trainer.train([pool.every_row], [train_y], np.zeros(1, np.int64), False)
        >>> answers = trainer.answer(pool.every_row, train_y, 0)
        >>> int(outcomes["correct"][0]) == int((answers.classes == val_y).sum())
        True
    """

    bytes_per_retrain: int

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch.

        ``rows`` and ``labels`` are as a plan's, ``seeds (r,)`` int64. Returns the outcomes, ``(r,)`` of the model's
        ``outcome`` dtype, and ``(r,)`` bool: False where rounding could have flipped a decision that changes the
        outcome. With ``exact`` the most precise path is taken.
        """

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once and answer every evaluation row, on the path that outcomes take; for whoever compares answers."""


class FrozenModel(ABC):
    """What a plan trains: one of ``models/``. The engine knows no more of it than this; docs/add_a_model.md has one.

    Attributes:
        name: what it is called; part of every cache key.
        version: changes whenever the same retrain could give another outcome, with parameters and, where a library has
            a say in it, with the library and the machine; part of every cache key.
        outcome: the dtype of what a retrain gives.
        uses_seed: whether the seed of a retrain matters.
        trains_on: what ``can_train`` takes, in words.
        on_cuda: whether its trainers take a GPU.
        decided_by: what decides its outcomes, for records: our arithmetic, or libraries and the machine.
        metric: what an outcome is, from predictions: ``accuracy``, ``rounded_accuracy`` or ``macro_f1``.
        tolerance: how far decision values may be from the reference's, as a part of their root mean square, and still
            count as equal.

    Example:
        >>> from dataperf_fast.models.neighbour_votes import NeighbourVotes
        >>> model = NeighbourVotes()
        >>> model.name, model.uses_seed, model.outcome.names
        ('neighbour-votes', False, ('correct', 'doubtful'))
        >>> model.trains_on, model.can_train(train_y)
        ('9 rows or more', True)
    """

    name: str
    version: str
    outcome: np.dtype[Any]
    uses_seed: bool = False
    trains_on: str = "any labels"
    on_cuda: bool = False
    decided_by: str = arithmetic.VERSION
    metric: str = "accuracy"
    tolerance: float = 0.0

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @abstractmethod
    def bind(self, pool: Pool, backend: Backend) -> Trainer:
        """Compute what retrains over ``pool`` share, where ``backend`` will train them."""

    def can_train(self, labels: np.ndarray) -> bool:
        """Whether the model can be trained on a training set with these labels ``(n,)``."""
        return True

    def accuracy(self, outcomes: np.ndarray, rows: int) -> np.ndarray:
        """The accuracy ``(r,)`` on ``rows`` evaluation rows that outcomes ``(r,)`` say: that of those ``correct``."""
        accuracy: np.ndarray = outcomes["correct"] / rows
        return accuracy

    def bounds(self, outcomes: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and highest accuracy ``(r,)`` that rounding could have made of outcomes ``(r,)``."""
        accuracy = self.accuracy(outcomes, rows)
        return accuracy, accuracy


def require_model(model: Any, scored_by: str = "") -> None:
    """Raise ValueError unless ``model`` is a frozen model, with a metric that ends in ``scored_by``."""
    if isinstance(model, type):
        raise ValueError(f"model is the class {model.__name__}: expected a model, {model.__name__}()")
    lacking = next((name for name in ("name", "version", "outcome", "bind") if not hasattr(model, name)), "")
    if not lacking and not isinstance(model, FrozenModel):
        lacking = "base class FrozenModel"
    if not lacking and not model.metric.endswith(scored_by):
        lacking = scored_by
    if lacking:
        kind = type(model).__name__
        raise ValueError(f"model is a {kind}, which has no {lacking}: expected one of dataperf_fast.models")


def untrainable(model: FrozenModel, labels: np.ndarray) -> str:
    """That ``model`` cannot be trained on ``labels (n,)``, and what it can be trained on, in words."""
    return f"{model.name} cannot be trained on {checks.classes(labels)}; expected {model.trains_on}"


def groups_of(rows: Sequence[np.ndarray]) -> list[slice]:
    """Cut a batch where the array of rows is another: within a slice the retrains differ in labels or seed alone."""
    starts = [at for at in range(len(rows)) if at == 0 or rows[at] is not rows[at - 1]]
    return [slice(*edges) for edges in pairwise([*starts, len(rows)])]


@dataclass(frozen=True, eq=False)
class Plan:
    """Retrains of ``model`` over ``pool``: retrain i trains on ``rows[i]`` with ``labels[i]`` and ``seeds[i]``.

    Arrays may be shared between retrains (views of one table cost nothing).

    Attributes:
        pool: the vectors.
        model: the frozen model.
        labels: of each retrain the labels of its rows, numbers.
        rows: of each retrain its rows in the pool, int32, repeats allowed, in training order; None: the whole pool.
        seeds: of each retrain its seed, a whole number; None: 0.

    Raises:
        ValueError: for anything else, and ``keys`` for a number to train or score on that is not finite.

    Example:
        >>> from dataperf_fast.engine.plan import Plan, Pool
        >>> from dataperf_fast.models.neighbour_votes import NeighbourVotes
        >>> plan = Plan(Pool(train_X, val_X, val_y), NeighbourVotes(), [train_y, 1 - train_y, train_y])
        >>> len(plan), plan.keys[0] == plan.keys[2] != plan.keys[1]
        (3, True)
    """

    pool: Pool
    model: FrozenModel
    labels: Sequence[np.ndarray]
    rows: Sequence[np.ndarray] | None = None
    seeds: np.ndarray | None = None

    def __post_init__(self) -> None:
        require_model(self.model)
        for name, given in (("rows", self.rows), ("seeds", self.seeds)):
            if given is not None and len(given) != len(self.labels):
                raise ValueError(f"{name} has the length {len(given)}: expected {len(self.labels)}, that of labels")
        if self.seeds is not None and len(self.seeds) and np.asarray(self.seeds).dtype.kind not in "iu":
            raise ValueError(f"seeds is {np.asarray(self.seeds).dtype}: expected whole numbers")
        rows, labels = None, None
        for retrain, of_labels in enumerate(self.labels):
            of_rows = self.rows_of(retrain)
            if of_rows is not rows and self.rows is not None:
                checks.rows(f"rows[{retrain}]", of_rows, len(self.pool.features))
            if of_rows is not rows or of_labels is not labels:
                checks.labels(f"labels[{retrain}]", of_labels, len(of_rows))
            rows, labels = of_rows, of_labels

    def __len__(self) -> int:
        return len(self.labels)

    def require_trainable(self, retrains: Iterable[int]) -> None:
        """Raise ValueError if the model says that it cannot be trained on the labels of one of ``retrains``."""
        before = None
        for retrain in retrains:
            labels = self.labels[retrain]
            if labels is not before and not self.model.can_train(labels):
                raise ValueError(f"labels[{retrain}]: {untrainable(self.model, labels)}")
            before = labels

    def rows_of(self, retrain: int) -> np.ndarray:
        """The pool rows of a retrain."""
        return self.pool.every_row if self.rows is None else self.rows[retrain]

    def differ_by_seed(self, retrain: int, other: int) -> bool:
        """Whether two retrains plainly have the same training set: they share its arrays."""
        return self.rows_of(retrain) is self.rows_of(other) and self.labels[retrain] is self.labels[other]

    def seed_of(self, retrain: int) -> int:
        """The seed of a retrain."""
        return 0 if self.seeds is None else int(self.seeds[retrain])

    @cached_property
    def keys(self) -> list[bytes]:
        """One content key a retrain: equal keys, equal outcomes. The seed counts only where the model uses it.

        The vectors trained on count, not their rows: what else is in the pool does not matter.
        """
        prefix = b"|".join([self.pool.evaluation_digest, self.model.name.encode(), self.model.version.encode()])
        keys = []
        rows, vectors = None, b""
        for retrain in range(len(self)):
            if self.rows_of(retrain) is not rows:
                rows = self.rows_of(retrain)
                vectors = self.pool.digest(rows)
            key = hashlib.sha256(prefix + vectors)
            key.update(_digest(self.labels[retrain]))
            if self.model.uses_seed:
                key.update(self.seed_of(retrain).to_bytes(8, "little", signed=True))
            keys.append(key.digest()[:16])
        return keys


def _digest(*arrays: np.ndarray, hash_block: Callable[[np.ndarray], bytes] | None = None) -> bytes:
    """A hash of hashes of blocks, which two threads take in turns: a paper-scale evaluation set is 126 MB."""
    parts = [part for array in arrays for part in _blocks(array)]
    if len(parts) == len(arrays):
        hashes = [(hash_block or _block_hash)(part) for part in parts]
    else:
        with ThreadPoolExecutor(2) as pool:
            hashes = list(pool.map(hash_block or _block_hash, parts))
    shapes = "".join(f"{array.dtype.str}{array.shape}" for array in arrays)
    return hashlib.sha256(shapes.encode() + b"".join(hashes)).digest()[:16]


def _blocks(array: np.ndarray) -> list[np.ndarray]:
    flat = np.ascontiguousarray(array).reshape(-1)
    size = _BLOCK // flat.itemsize
    return [flat[at : at + size] for at in range(0, max(1, len(flat)), size)]


def _block_hash(block: np.ndarray) -> bytes:
    return hashlib.sha256(block.view(np.uint8).data).digest()
