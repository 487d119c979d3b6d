"""``linear-net``, the debugging board's frozen model: 2048 -> 128 -> 1, AdamW, and a threshold chosen in training.

Hyper-parameters and formulas: ``kernels/net/training.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dataperf_fast.engine import checks
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Answers, FrozenModel, Pool, Trainer, groups_of
from dataperf_fast.kernels import arithmetic

if TYPE_CHECKING:
    from dataperf_fast.kernels.net import decisions, tangents, training

DIMENSION = 2048


class LinearNet(FrozenModel):
    """The frozen model as the engine sees it.

    Its outcomes are the rounded accuracy, the lowest and highest that rounding errors could have made of it, the
    threshold, and the margin: the distance in logits from the threshold to the nearest evaluation row.
    """

    name = "linear-net"
    tolerance = 5e-4
    metric = "rounded_accuracy"
    on_cuda = True
    trains_on = "one or two classes, 0 and 1; models.logistic_optimum takes more"
    version = f"2, arithmetic {arithmetic.VERSION}"  # changes with the hyper-parameters and the tolerance, too
    outcome = np.dtype([(name, np.float64) for name in ("accuracy", "lowest", "highest", "threshold", "margin")])

    def can_train(self, labels: np.ndarray) -> bool:
        """Whether there is a row, and no label but 0 and 1."""
        return len(labels) > 0 and checks.zeros_and_ones(labels)

    def accuracy(self, outcomes: np.ndarray, rows: int) -> np.ndarray:
        """The accuracy, rounded to two decimals as the board has it."""
        accuracy: np.ndarray = outcomes["accuracy"]
        return accuracy

    def bounds(self, outcomes: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and highest accuracy that rounding could have made of it."""
        return outcomes["lowest"], outcomes["highest"]

    def bind(self, pool: Pool, backend: Backend) -> Trainer:
        """Bind the model to a pool."""
        if backend.name == "cuda":
            from dataperf_fast.kernels.net import cuda

            if pool.features.shape[1] <= cuda.WIDEST:
                return CudaLinearNetTrainer(pool)
        return LinearNetTrainer(pool, backend.threads)


class LinearNetTrainer:
    """Trains batches over one pool, whose matrices it keeps as the kernel wants them.

    The kernels, and with them numba, are imported here and not above: a run whose retrains are all in the cache does
    without, which is most of its time.
    """

    def __init__(self, pool: Pool, threads: int):
        from dataperf_fast.kernels.net import training

        self._pool = pool
        self._threads = threads
        self._features = _contiguous(pool)
        self._sample: tangents.Sample | None = None  # of the whole pool
        self.bytes_per_retrain = training.bytes_per_net(len(pool.features), len(pool.evaluation_features))

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch (``plan.Trainer``); neighbours with the same rows go to the kernel together."""
        from dataperf_fast.kernels import threads

        dtype = np.float64 if exact else np.float32
        groups = groups_of(rows)
        outcomes = np.empty(len(rows), dtype=LinearNet.outcome)
        # Threads share one group's nets; of many groups, each takes a group at a time.
        across, within = (1, self._threads) if len(groups) == 1 else (self._threads, 1)

        def train_group(group: slice) -> None:
            stacked = np.stack(labels[group]).astype(np.uint8, copy=False)
            trained = self._train_rows(rows[group.start], stacked, dtype, within)
            scores = _score(trained, stacked, self._pool.evaluation_labels)
            for name in LinearNet.outcome.names or ():
                outcomes[name][group] = getattr(scores, name)

        threads.run(across, train_group, groups)
        return outcomes, outcomes["lowest"] == outcomes["highest"]

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once in float64 and answer (``plan.Trainer``)."""
        labels = labels.astype(np.uint8, copy=False)
        return _answers(self._train_rows(rows, labels[None], np.float64, 1), labels, self._pool.evaluation_labels)

    def _train_rows(self, rows: np.ndarray, labels: np.ndarray, dtype: type, threads: int) -> training.Trained:
        from dataperf_fast.kernels.net import training

        features, evaluation = self._features
        start = training.prepare(len(rows), features.shape[1], dtype)
        if rows is not self._pool.every_row:
            return training.train(start, features[rows], evaluation, labels, threads)
        if dtype is np.float32 and self._sample is None:
            self._sample = training.sample_of(start, features)
        sample = self._sample if dtype is np.float32 else None
        return training.train(start, features, evaluation, labels, threads, sample)


class CudaLinearNetTrainer:
    """Trains batches over one pool on a GPU, which keeps its matrices (``plan.Trainer``); a batch is one launch.

    Always in float64: float32 would need the error's estimate, and a GPU trains in float64 at half the cost or less.
    """

    def __init__(self, pool: Pool):
        from dataperf_fast.kernels.net import cuda

        self._pool = pool
        self._loaded = cuda.load(*_contiguous(pool))
        rows, dimension = pool.features.shape
        self.bytes_per_retrain = cuda.bytes_per_net(rows, len(pool.evaluation_features), dimension)

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch."""
        from dataperf_fast.kernels.launch import array_library
        from dataperf_fast.kernels.net import training

        xp, labels = array_library(), [given.astype(np.uint8, copy=False) for given in labels]
        train_logits, logits = self._train_rows(rows, labels)
        outcomes = np.empty(len(rows), dtype=LinearNet.outcome)
        for group in groups_of(rows):
            trained = training.Trained(xp.stack(train_logits[group]), logits[group], np.zeros(group.stop - group.start))
            scores = _score(trained, np.stack(labels[group]), self._pool.evaluation_labels, xp)
            for name in LinearNet.outcome.names or ():
                outcomes[name][group] = getattr(scores, name)
        return outcomes, np.ones(len(rows), np.bool_)

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once and answer (``plan.Trainer``)."""
        from dataperf_fast.kernels.launch import on_host
        from dataperf_fast.kernels.net import training

        labels = labels.astype(np.uint8, copy=False)
        [train_logits], logits = self._train_rows([rows], [labels])
        trained = training.Trained(on_host(train_logits)[None], on_host(logits), np.zeros(1))
        return _answers(trained, labels, self._pool.evaluation_labels)

    def _train_rows(self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> tuple[list[Any], Any]:
        from dataperf_fast.kernels.net import cuda, training

        start = training.prepare(max(map(len, rows)), self._pool.features.shape[1], np.float64)
        return cuda.train(start, self._loaded, rows, labels)


def _answers(trained: training.Trained, labels: np.ndarray, truth: np.ndarray) -> Answers:
    """One net's answers; its decision values are logits less the threshold's."""
    from dataperf_fast.kernels.net.decisions import cut_of

    over = trained.evaluation[0] - cut_of(_score(trained, labels[None], truth).threshold[0])
    return Answers((over > 0).astype(np.uint8), over)


def _score(trained: training.Trained, labels: np.ndarray, truth: np.ndarray, xp: Any = np) -> decisions.Scores:
    """Score nets that have the same rows. The logits are arrays of ``xp``."""
    from dataperf_fast.kernels.net import decisions, training

    tolerance = training.tolerance(trained.error, labels.shape[1])
    return decisions.score(trained.train, labels, trained.evaluation, truth, tolerance, xp)


def _contiguous(pool: Pool) -> tuple[np.ndarray, np.ndarray]:
    """The pool's two matrices, in one dtype; writable, or the kernel would be compiled again for read-only ones."""
    matrices = pool.features, pool.evaluation_features
    dtype = np.float32 if all(matrix.dtype == np.float32 for matrix in matrices) else np.float64
    features, evaluation = (np.require(matrix, dtype, ["C", "W"]) for matrix in matrices)
    return features, evaluation
