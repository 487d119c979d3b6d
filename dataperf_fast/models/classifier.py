"""What the classifiers over one pool have in common: each retrain is one task, its outcome a few counts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from dataperf_fast.engine import checks
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Answers, FrozenModel, Pool
from dataperf_fast.kernels import arithmetic

# Rows classified as their label says; of label 1 those found, those claimed wrongly and those missed; the ranking.
_COUNTS = ("correct", "true_positives", "false_positives", "false_negatives")
OUTCOME: np.dtype[Any] = np.dtype([*((name, np.int64) for name in _COUNTS), ("average_precision", np.float64)])
_BYTES_PER_RETRAIN = 1 << 20  # a retrain's own matrix is there only while a thread works on it


class OnDevice(NamedTuple):
    """A pool, and it on a GPU: features ``(n, d)`` float32 or float64, evaluation ``(m, d)`` float64; bytes; CuPy."""

    pool: Pool
    features: Any
    evaluation: Any
    memory: int
    xp: Any


class Classifier(FrozenModel):
    """A frozen model that answers one training set at a time: ``models/logistic_regression.py`` and its like."""

    trains_on = "two classes or more"
    version = f"2, arithmetic {arithmetic.VERSION}"
    outcome = OUTCOME

    def can_train(self, labels: np.ndarray) -> bool:
        """Whether there are two classes to tell apart."""
        return len(checks.distinct(labels)) > 1

    def bind(self, pool: Pool, backend: Backend) -> ClassifierTrainer:
        """Bind the model to a pool."""
        return (CudaClassifierTrainer if backend.name == "cuda" else ClassifierTrainer)(self, pool, backend)

    @abstractmethod
    def answer(self, features: np.ndarray, labels: np.ndarray, evaluation: np.ndarray, exact: bool) -> Answers:
        """Train on ``features (n, d)`` and ``labels (n,)`` and classify ``evaluation (m, d)`` float64."""

    def bytes_on_device(self, pool: Pool) -> int:
        """What a retrain takes of a GPU's memory, of a model that is ``on_cuda``."""
        raise NotImplementedError(f"{self.name} has no CUDA path")

    def answer_on_device(
        self, device: OnDevice, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray]
    ) -> list[Answers | None]:
        """Train each of ``rows (n_i,)`` and ``labels (n_i,)`` and classify; None for what is left to ``answer``."""
        raise NotImplementedError(f"{self.name} has no CUDA path")


class ClassifierTrainer:
    """Trains batches of a classifier over one pool, a retrain a thread (``plan.Trainer``)."""

    bytes_per_retrain = _BYTES_PER_RETRAIN

    def __init__(self, model: Classifier, pool: Pool, backend: Backend):
        self._model = model
        self._pool = pool
        self._threads = backend.threads
        self._evaluation = pool.evaluation_features.astype(np.float64)

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch."""
        from dataperf_fast.kernels import threads

        outcomes, certain = np.empty(len(rows), OUTCOME), np.empty(len(rows), np.bool_)

        def train_one(retrain: int) -> None:
            answers = self._model.answer(self._pool.features[rows[retrain]], labels[retrain], self._evaluation, exact)
            outcomes[retrain] = score(answers, self._pool.evaluation_labels)
            certain[retrain] = answers.certain

        with threads.one_for_blas():
            threads.run(self._threads, train_one, range(len(rows)))
        return outcomes, certain

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once and answer (``plan.Trainer``)."""
        features = self._pool.features[rows]
        found = self._model.answer(features, labels, self._evaluation, False)
        return found if found.certain else self._model.answer(features, labels, self._evaluation, True)


class CudaClassifierTrainer(ClassifierTrainer):
    """Trains a batch's retrains side by side on a GPU, which keeps the pool, and on the CPU what the model leaves."""

    def __init__(self, model: Classifier, pool: Pool, backend: Backend):
        from dataperf_fast.kernels.launch import array_library

        super().__init__(model, pool, backend)
        xp = array_library()
        features, evaluation = (np.ascontiguousarray(of) for of in (pool.features, self._evaluation))
        self._on_device = OnDevice(pool, xp.asarray(features), xp.asarray(evaluation), backend.memory, xp)
        self.bytes_per_retrain = model.bytes_on_device(pool)

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch."""
        if exact:
            return super().train(rows, labels, seeds, exact)
        outcomes, certain = np.empty(len(rows), OUTCOME), np.empty(len(rows), np.bool_)
        left = []
        for at, answers in enumerate(self._model.answer_on_device(self._on_device, rows, labels)):
            if answers is None:
                left.append(at)
            else:
                outcomes[at], certain[at] = score(answers, self._pool.evaluation_labels), answers.certain
        if left:
            of_left = [rows[at] for at in left], [labels[at] for at in left], seeds[left]
            outcomes[left], certain[left] = super().train(*of_left, exact)
        return outcomes, certain


def answer_two_classes(
    rows: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    decide: Callable[[list[np.ndarray], list[np.ndarray]], Iterable[np.ndarray | None]],
    beats: Callable[[np.ndarray, float], np.ndarray],
) -> list[Answers | None]:
    """Answer the retrains on two classes together; None for the others.

    ``decide`` takes their rows, and which of these are of the second class, and gives decision values ``(m,)`` or None
    for each; the second class is where they are above 0, or at it, as ``beats`` says.
    """
    found: list[Answers | None] = [None] * len(rows)
    classes = [checks.distinct(of) for of in labels]
    two = [at for at, of in enumerate(classes) if len(of) == 2]
    if two:
        decided = decide([rows[at] for at in two], [labels[at] == classes[at][1] for at in two])
        for at, decisions in zip(two, decided, strict=True):
            if decisions is not None:
                found[at] = Answers(classes[at][beats(decisions, 0).astype(np.int64)], decisions)
    return found


def score(answers: Answers, truth: np.ndarray) -> tuple[int, int, int, int, float]:
    """Count what ``OUTCOME`` holds, for true labels ``truth (m,)``."""
    from dataperf_fast.kernels.scores.average_precision import average_precision

    claimed, positive = answers.classes == 1, truth == 1
    return (
        int((answers.classes == truth).sum()),
        int((claimed & positive).sum()),
        int((claimed & ~positive).sum()),
        int((~claimed & positive).sum()),
        float("nan") if answers.decisions is None else average_precision(answers.decisions, positive),
    )
