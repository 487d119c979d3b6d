"""A benchmark's work as data: retrains of a frozen model over one pool of feature vectors.

Every benchmark is a plan: ten seeds of an ensemble, three hundred label states of a debugging task, ten draws of a
market. A retrain is three columns of the plan: which pool rows, which labels, which seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from dataperf_fast.backend import Backend


_BLOCK = 8 << 20  # bytes hashed at once


@dataclass(frozen=True, eq=False)
class Pool:
    """The vectors that all retrains of a plan share.

    ``features (n, d)`` to train on, ``evaluation_features (m, d)`` and ``evaluation_labels (m,)`` to score on;
    C-contiguous and not written to.
    """

    features: np.ndarray
    evaluation_features: np.ndarray
    evaluation_labels: np.ndarray

    @cached_property
    def evaluation_digest(self) -> bytes:
        """A hash of what is scored on, so that equal retrains share results whatever file they came from."""
        return _digest(self.evaluation_features, self.evaluation_labels)

    def digest(self, rows: np.ndarray) -> bytes:
        """A hash of the vectors of ``rows``, in their order; each row is read once, whatever retrains it is in."""
        digests, known = self._row_digests
        for row in np.unique(rows[~known[rows]]):
            digests[row] = np.frombuffer(_block_hash(_bytes(self.features[row])), np.uint8)
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
    """The class of every evaluation row ``(m,)``, its decision values, and whether all classes are certain.

    Decision values are ``(m,)`` for the second of two classes, or ``(m, k)``; None where the model has none.
    """

    classes: np.ndarray
    decisions: np.ndarray | None = None
    certain: bool = True


class Trainer(Protocol):
    """A frozen model bound to a pool and a backend, holding whatever its retrains have in common."""

    bytes_per_retrain: int

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch.

        Returns the outcomes, ``(r,)`` of the model's ``outcome`` dtype, and ``(r,)`` bool: False where rounding could
        have flipped a decision that changes the outcome. With ``exact`` the most precise path is taken.
        """
        ...

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once and answer every evaluation row, on the path that outcomes take; for whoever compares answers."""
        ...


class FrozenModel(Protocol):
    """What a plan trains: one of ``models/``. The engine knows no more of a model than this."""

    name: str
    # Changes whenever the same retrain could give another outcome, with parameters and, where a library has a say in
    # it, with the library and the machine; part of every cache key.
    version: str
    uses_seed: bool
    outcome: np.dtype[Any]

    def bind(self, pool: Pool, backend: Backend) -> Trainer:
        """Compute what retrains over ``pool`` share, where ``backend`` will train them."""
        ...


class AccurateModel(FrozenModel, Protocol):
    """A frozen model whose outcomes tell its accuracy."""

    def can_train(self, labels: np.ndarray) -> bool:
        """Whether a training set with these labels is enough for the model."""
        ...

    def accuracy(self, outcomes: np.ndarray, rows: int) -> np.ndarray:
        """The accuracy ``(r,)`` on ``rows`` evaluation rows that outcomes ``(r,)`` say."""
        ...


def groups_of(rows: Sequence[np.ndarray]) -> list[slice]:
    """Cut a batch where the array of rows is another: within a slice the retrains differ in labels or seed alone."""
    starts = [at for at in range(len(rows)) if at == 0 or rows[at] is not rows[at - 1]]
    return [slice(*edges) for edges in pairwise([*starts, len(rows)])]


@dataclass(frozen=True, eq=False)
class Plan:
    """Retrains of ``model`` over ``pool``: retrain i trains on ``rows[i]`` with ``labels[i]`` and ``seeds[i]``.

    ``rows[i]`` are int32 pool rows, repeats allowed, in training order; ``labels[i]`` has their length. Arrays may be
    shared between retrains (views of one table cost nothing).
    """

    pool: Pool
    model: FrozenModel
    labels: Sequence[np.ndarray]
    rows: Sequence[np.ndarray] | None = None  # None: the whole pool, for every retrain
    seeds: np.ndarray | None = None  # None: seed 0, for every retrain

    def __len__(self) -> int:
        return len(self.labels)

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


def _digest(*arrays: np.ndarray) -> bytes:
    """A hash of hashes of blocks, which two threads take in turns: a paper-scale evaluation set is 126 MB."""
    parts = [part for array in arrays for part in _blocks(array)]
    if len(parts) == len(arrays):
        hashes = [_block_hash(part) for part in parts]
    else:
        with ThreadPoolExecutor(2) as pool:
            hashes = list(pool.map(_block_hash, parts))
    shapes = "".join(f"{array.dtype.str}{array.shape}" for array in arrays)
    return hashlib.sha256(shapes.encode() + b"".join(hashes)).digest()[:16]


def _blocks(array: np.ndarray) -> list[memoryview]:
    flat = _bytes(array)
    return [flat[at : at + _BLOCK] for at in range(0, max(1, len(flat)), _BLOCK)]


def _bytes(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _block_hash(block: memoryview) -> bytes:
    return hashlib.sha256(block).digest()
