"""``voting``, the speech board's frozen model: a support vector classifier and a logistic regression, by soft vote.

``SVC(probability=True, random_state=seed)`` and ``LogisticRegression()``, both with scikit-learn's defaults, equal
weights. The seed moves nothing but the folds behind the SVC's sigmoids, so retrains that differ only by it are one
solve, one logistic regression and one set of kernel values. Formulas: ``kernels/svm/svc.py`` and
``kernels/votes/soft_vote.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dataperf_fast.engine import checks
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Answers, FrozenModel, Pool
from dataperf_fast.kernels import arithmetic

if TYPE_CHECKING:
    from dataperf_fast.kernels.logistic.multinomial import Logistic
    from dataperf_fast.kernels.svm.svc import Svc

_SETTLED_AT_ONCE = 256


class Voting(FrozenModel):
    """The frozen model as the engine sees it: its outcome is the macro F1, and how many rows were settled in float64.

    With ``held_out`` the evaluation rows are the pool's own, and those that a retrain is trained on do not count.
    """

    name = "voting"
    uses_seed = True
    on_cuda = True
    tolerance = 1e-6
    metric = "macro_f1"
    version = f"2, arithmetic {arithmetic.VERSION}"
    outcome = np.dtype([("f1", np.float64), ("settled", np.int64)])
    trains_on = "two classes or more, of 0 to 255"

    def __init__(self, held_out: bool = False):
        self.held_out = held_out
        if held_out:
            self.name = "voting-held-out"

    def can_train(self, labels: np.ndarray) -> bool:
        """Whether there are two classes to tell apart, 0 to 255."""
        return len(checks.distinct(labels)) > 1 and checks.fit_a_byte(labels)

    def bind(self, pool: Pool, backend: Backend) -> VotingTrainer:
        """Bind the model to a pool."""
        if backend.name == "cuda":
            from dataperf_fast.models.voting_cuda import CudaVotingTrainer

            return CudaVotingTrainer(pool, backend, self.held_out)
        from dataperf_fast.models.voting_cpu import CpuTrainer

        return CpuTrainer(pool, backend, self.held_out)


@dataclass
class Fit:
    """One training set and what its seeds share.

    ``classes (k,)`` are those that its labels name, in order; ``answers (S, m)`` uint8 are positions in it, in the
    backend's memory; ``doubts (m,)`` is 1 where an answer is not certain. ``svc`` and ``logistic`` are there once they
    are fitted.
    """

    retrains: list[int]
    rows: np.ndarray
    seeds: np.ndarray
    classes: np.ndarray
    labels: np.ndarray
    answers: Any
    doubts: np.ndarray
    svc: Svc = field(init=False)
    logistic: Logistic = field(init=False)


class VotingTrainer(ABC):
    """Trains batches over one pool: what is the same wherever the evaluation rows are voted on.

    Fits follow libsvm and scikit-learn to the last bit, which is the CPU's affair; so is settling, in float64, the rows
    that a vote leaves in doubt. The kernels, scikit-learn and with them numba are imported in functions and not above:
    a run whose retrains are all in the cache does without.
    """

    bytes_per_retrain: int

    def __init__(self, pool: Pool, backend: Backend, held_out: bool, xp: Any = np):
        """``xp`` is the library of the arrays that answers are kept in. Raises ValueError for what it cannot score."""
        _require_scorable(pool, held_out)
        self._xp = xp
        self._pool = pool
        self._threads = backend.threads
        self._held_out = held_out
        self._evaluation = np.require(pool.evaluation_features, np.float32, ["C", "W"])
        self._truth = pool.evaluation_labels.astype(np.uint8)

    @abstractmethod
    def _begin(self, fits: list[Fit]) -> Callable[[], None]:
        """Begin to fit, and return what waits for the end."""

    @abstractmethod
    def _ready(self, fits: list[Fit]) -> None:
        """Do, meanwhile, what a vote needs and no fit decides."""

    @abstractmethod
    def _vote(self, fits: list[Fit]) -> None:
        """Set each fit's ``answers`` and ``doubts``."""

    @abstractmethod
    def _score(self, fits: list[Fit]) -> list[np.ndarray]:
        """The macro F1 ``(S,)`` of each fit."""

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch (``plan.Trainer``). Doubtful rows are settled here, so every outcome is certain."""
        outcomes = np.empty(len(rows), Voting.outcome)
        fits = self._run(rows, labels, seeds, exact)
        for fit, scores in zip(fits, self._score(fits), strict=True):
            outcomes["f1"][fit.retrains] = scores
            outcomes["settled"][fit.retrains] = int(fit.doubts.sum())
        return outcomes, np.ones(len(rows), np.bool_)

    def predict(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool = False
    ) -> np.ndarray:
        """The class that each retrain gives each evaluation row: ``(r, m)`` uint8."""
        from dataperf_fast.kernels.launch import on_host

        predictions = np.empty((len(rows), len(self._truth)), np.uint8)
        for fit in self._run(rows, labels, seeds, exact):
            predictions[fit.retrains] = fit.classes[on_host(fit.answers)]
        return predictions

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once and answer (``plan.Trainer``); decision values are float64's probabilities ``(m, k)``."""
        from dataperf_fast.kernels.launch import on_host
        from dataperf_fast.kernels.logistic import multinomial
        from dataperf_fast.kernels.svm import svc

        [fit] = self._run([rows], [labels], np.array([seed]), exact=False)
        [probabilities] = svc.predict_proba(fit.svc, self._pool.features[rows], self._evaluation)
        share = multinomial.probabilities(fit.logistic, self._evaluation)
        return Answers(fit.classes[on_host(fit.answers)[0]], (probabilities + share) / 2)

    def _run(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> list[Fit]:
        from dataperf_fast.kernels import threads

        # Together what differs only by its seed.
        groups = alike((of.tobytes(), given.tobytes()) for of, given in zip(rows, labels, strict=True))
        fits = [self._new(group, rows, labels, seeds) for group in groups]
        with threads.one_for_blas():
            fitted = self._begin(fits)
            try:
                if not exact:
                    self._ready(fits)
            finally:
                fitted()
            if not exact:
                self._vote(fits)
            for fit in fits:
                self._settle(fit)
        return fits

    def _new(
        self, group: list[int], rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray
    ) -> Fit:
        classes, positions = np.unique(labels[group[0]], return_inverse=True)
        answers = self._xp.empty((len(group), len(self._truth)), np.uint8)
        doubts = np.ones(len(self._truth), np.uint8)
        return Fit(group, rows[group[0]], seeds[group], classes.astype(np.uint8), positions, answers, doubts)

    def _settle(self, fit: Fit) -> None:
        """Answer the doubtful rows in the deciding arithmetic: float64, from difference vectors."""
        from dataperf_fast.kernels import threads
        from dataperf_fast.kernels.logistic import multinomial
        from dataperf_fast.kernels.svm import svc

        doubtful = np.flatnonzero(fit.doubts)
        features = self._pool.features[fit.rows]
        answers = np.empty((len(fit.seeds), len(doubtful)), np.uint8)
        shares = multinomial.probabilities(fit.logistic, self._evaluation, doubtful)

        def settle(part: slice) -> None:
            of_seeds = svc.predict_proba(fit.svc, features, self._evaluation[doubtful[part]])
            for seed, probabilities in enumerate(of_seeds):
                answers[seed, part] = ((probabilities + shares[part]) / 2).argmax(axis=1)

        if len(doubtful):
            starts = range(0, len(doubtful), _SETTLED_AT_ONCE)
            threads.run(self._threads, settle, [slice(start, start + _SETTLED_AT_ONCE) for start in starts])
            fit.answers[:, self._xp.asarray(doubtful)] = self._xp.asarray(answers)


def _require_scorable(pool: Pool, held_out: bool) -> None:
    for name in ("features", "evaluation_features"):
        dtype = getattr(pool, name).dtype
        if dtype != np.float32:
            raise ValueError(f"{name} is {dtype}: expected float32, in which voting is defined")
    if not checks.fit_a_byte(pool.evaluation_labels):
        raise ValueError("evaluation_labels holds others than 0 to 255: expected the classes of voting")
    if held_out and len(pool.features) != len(pool.evaluation_features):
        rows = len(pool.evaluation_features)
        raise ValueError(f"evaluation_features has {rows} rows: expected {len(pool.features)}, the rows of features")


def alike(keys: Iterable[Hashable]) -> list[list[int]]:
    """The positions of equal keys, together, in the order of their first."""
    groups: dict[Hashable, list[int]] = {}
    for at, key in enumerate(keys):
        groups.setdefault(key, []).append(at)
    return list(groups.values())


def fit_logistic(features: np.ndarray, labels: np.ndarray) -> Logistic:
    """Stopped where scikit-learn's own lbfgs stops, in float32."""
    from dataperf_fast.kernels.logistic import binary, multinomial

    return (multinomial.fit if labels.max() > 1 else binary.fit_narrow)(features, labels)


def weights_of(fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """The logistic regression's weights ``(k, d)`` and intercepts ``(k,)``; of two classes the first has zeros."""
    weights, intercepts = fit.logistic
    if len(weights) == 1:
        weights, intercepts = np.concatenate([np.zeros_like(weights), weights]), np.append(0, intercepts)
    return weights, intercepts.astype(np.float32)


def logit_error(weights: np.ndarray, longest: float) -> float:
    """How far float32 may take a probability by ``weights (k, d)``, of rows of squared length ``longest`` at most."""
    from dataperf_fast.kernels.votes import soft_vote

    steepest = (weights.astype(np.float64) ** 2).sum(axis=1).max()
    return float(soft_vote.LOGIT_ERROR * soft_vote.ROUNDING * np.sqrt(longest * steepest))
