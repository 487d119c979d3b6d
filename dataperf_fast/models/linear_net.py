"""``linear-net``, the debugging board's frozen model: 2048 -> 128 -> 1, AdamW, and a threshold chosen in training.

Hyper-parameters and formulas: ``kernels/linear_net.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dataperf_fast.backend import Backend
from dataperf_fast.plan import Answers, Pool, Trainer, groups_of

if TYPE_CHECKING:
    from dataperf_fast.kernels import decisions

DIMENSION = 2048

# A float32 logit is trusted to this part of the net's root-mean-square logit. docs/parity.md has what was measured.
RELATIVE_TOLERANCE = 5e-4


class LinearNet:
    """The frozen model as the engine sees it.

    Its outcomes are the rounded accuracy, the lowest and highest that rounding errors could have made of it, the
    threshold, and the margin: the distance in logits from the threshold to the nearest evaluation row.
    """

    name = "linear-net"
    version = "2"  # changes with the hyper-parameters, the kernel's arithmetic and the tolerance
    uses_seed = False
    outcome: np.dtype[Any] = np.dtype(
        [(name, np.float64) for name in ("accuracy", "lowest", "highest", "threshold", "margin")]
    )

    def can_train(self, labels: np.ndarray) -> bool:
        """Any row will do."""
        return len(labels) > 0

    def accuracy(self, outcomes: np.ndarray, rows: int) -> np.ndarray:
        """The accuracy, rounded to two decimals as the board has it."""
        accuracy: np.ndarray = outcomes["accuracy"]
        return accuracy

    def bounds(self, outcomes: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and highest accuracy that rounding could have made of it."""
        return outcomes["lowest"], outcomes["highest"]

    def bind(self, pool: Pool, backend: Backend) -> Trainer:
        """Bind the model to a pool."""
        return CudaTrainer(pool) if backend.name == "cuda" else LinearNetTrainer(pool, backend.threads)


class LinearNetTrainer:
    """Trains batches over one pool, whose matrices it keeps as the kernel wants them.

    The kernels, and with them numba, are imported here and not above: a run whose retrains are all in the cache does
    without, which is most of its time.
    """

    def __init__(self, pool: Pool, threads: int):
        from dataperf_fast.kernels import linear_net

        self._pool = pool
        self._threads = threads
        self._features: dict[type, tuple[np.ndarray, np.ndarray]] = {}
        self.bytes_per_retrain = linear_net.bytes_per_net(len(pool.features), len(pool.evaluation_features))

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch (``plan.Trainer``); neighbours with the same rows go to the kernel together."""
        from dataperf_fast.kernels import threads

        dtype = np.float64 if exact else np.float32
        self._load(dtype)
        groups = groups_of(rows)
        outcomes = np.empty(len(rows), dtype=LinearNet.outcome)
        # Threads share one group's nets; of many groups, each takes a group at a time.
        across, within = (1, self._threads) if len(groups) == 1 else (self._threads, 1)

        def train_group(group: slice) -> None:
            stacked = np.stack(labels[group])
            train_logits, logits = self._train_rows(rows[group.start], stacked, dtype, within)
            scores = _score(train_logits, stacked, logits, self._pool.evaluation_labels)
            for name in LinearNet.outcome.names or ():
                outcomes[name][group] = getattr(scores, name)

        threads.run(across, train_group, groups)
        return outcomes, outcomes["lowest"] == outcomes["highest"]

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once in float64 and answer (``plan.Trainer``)."""
        self._load(np.float64)
        train_logits, logits = self._train_rows(rows, labels[None], np.float64, 1)
        return _answers(train_logits, labels, logits, self._pool.evaluation_labels)

    def _load(self, dtype: type) -> None:
        if dtype not in self._features:
            self._features[dtype] = _contiguous(self._pool, dtype)

    def _train_rows(
        self, rows: np.ndarray, labels: np.ndarray, dtype: type, threads: int
    ) -> tuple[np.ndarray, np.ndarray]:
        from dataperf_fast.kernels import linear_net

        features, evaluation = self._features[dtype]
        if rows is not self._pool.every_row:
            features = features[rows]
        start = linear_net.prepare(len(rows), features.shape[1], dtype)
        return linear_net.train(start, features, evaluation, labels, threads)


class CudaTrainer:
    """Trains batches over one pool on a GPU, which keeps its matrices (``plan.Trainer``); a batch is one launch."""

    def __init__(self, pool: Pool):
        from dataperf_fast.kernels import linear_net_cuda

        self._pool = pool
        self._loaded: dict[type, linear_net_cuda.Loaded] = {}
        rows, dimension = pool.features.shape
        self.bytes_per_retrain = linear_net_cuda.bytes_per_net(rows, len(pool.evaluation_features), dimension)

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch."""
        from dataperf_fast.kernels.launch import array_library

        xp = array_library()
        train_logits, logits = self._train_rows(rows, labels, np.float64 if exact else np.float32)
        outcomes = np.empty(len(rows), dtype=LinearNet.outcome)
        for group in groups_of(rows):
            scores = _score(
                xp.stack(train_logits[group]), np.stack(labels[group]), logits[group], self._pool.evaluation_labels, xp
            )
            for name in LinearNet.outcome.names or ():
                outcomes[name][group] = getattr(scores, name)
        return outcomes, outcomes["lowest"] == outcomes["highest"]

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once in float64 and answer (``plan.Trainer``)."""
        from dataperf_fast.kernels.launch import on_host

        [train_logits], logits = self._train_rows([rows], [labels], np.float64)
        return _answers(on_host(train_logits)[None], labels, on_host(logits), self._pool.evaluation_labels)

    def _train_rows(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], dtype: type
    ) -> tuple[list[Any], Any]:
        from dataperf_fast.kernels import linear_net, linear_net_cuda

        if dtype not in self._loaded:
            self._loaded[dtype] = linear_net_cuda.load(*_contiguous(self._pool, dtype))
        start = linear_net.prepare(max(map(len, rows)), self._pool.features.shape[1], dtype)
        return linear_net_cuda.train(start, self._loaded[dtype], rows, labels)


def _answers(train_logits: np.ndarray, labels: np.ndarray, logits: np.ndarray, truth: np.ndarray) -> Answers:
    """One net's answers; its decision values are logits less the threshold's."""
    from dataperf_fast.kernels.decisions import cut_of

    over = logits[0] - cut_of(_score(train_logits, labels[None], logits, truth).threshold[0])
    return Answers((over > 0).astype(np.uint8), over)


def _score(train_logits: Any, labels: np.ndarray, logits: Any, truth: np.ndarray, xp: Any = np) -> decisions.Scores:
    """Score nets that have the same rows; float64 logits are taken for exact. The logits are arrays of ``xp``."""
    from dataperf_fast.kernels import decisions
    from dataperf_fast.kernels.launch import on_host

    relative = RELATIVE_TOLERANCE if logits.dtype == np.float32 else 0.0
    tolerance = relative * np.sqrt(on_host((logits.astype(np.float64) ** 2).mean(axis=1)))
    return decisions.score(train_logits, labels, logits, truth, tolerance, xp)


def _contiguous(pool: Pool, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """The pool's two matrices; writable, or the kernel would be compiled once more for read-only ones."""
    matrices = pool.features, pool.evaluation_features
    features, evaluation = (np.require(matrix, dtype, ["C", "W"]) for matrix in matrices)
    return features, evaluation
