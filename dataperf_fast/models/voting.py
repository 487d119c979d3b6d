"""``voting``, the speech board's frozen model: a support vector classifier and a logistic regression, by soft vote.

``SVC(probability=True, random_state=seed)`` and ``LogisticRegression()``, both with scikit-learn's defaults, equal
weights. The seed moves nothing but the folds behind the SVC's sigmoids, so retrains that differ only by it are one
solve, one logistic regression and one set of kernel values. Formulas: ``kernels/svc.py`` and ``kernels/soft_vote.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dataperf_fast.backend import Backend
from dataperf_fast.models import libraries
from dataperf_fast.plan import Pool

if TYPE_CHECKING:
    from dataperf_fast.kernels.logistic import Logistic
    from dataperf_fast.kernels.soft_vote import Voter
    from dataperf_fast.kernels.svc import Svc

_TILE = 2048  # evaluation rows a task: 8 MB of them, a share of the last cache
_PANEL = 16  # rows of a product are padded to it, so that a row's rounding does not depend on what else is in the batch
_PRODUCT_BYTES = 512 << 20  # dot products kept from batch to batch, at most
_SETTLED_AT_ONCE = 256


class Voting:
    """The frozen model as the engine sees it: its outcome is the macro F1, and how many rows were settled in float64.

    With ``held_out`` the evaluation rows are the pool's own, and those that a retrain is trained on do not count.
    """

    uses_seed = True
    outcome: np.dtype[Any] = np.dtype([("f1", np.float64), ("settled", np.int64)])

    def __init__(self, held_out: bool = False):
        self.held_out = held_out
        self.name = "voting-held-out" if held_out else "voting"
        # The first number changes with the kernels' arithmetic; the path of the logistic regression is the libraries'.
        self.version = f"1 {libraries.versions()}"

    def bind(self, pool: Pool, backend: Backend) -> VotingTrainer:
        """Bind the model to a pool."""
        return VotingTrainer(pool, backend, self.held_out)


@dataclass
class _Fit:
    """One training set and what its seeds share.

    ``classes (k,)`` are those that its labels name, in order; ``answers (S, m)`` are positions in it.
    """

    retrains: list[int]
    rows: np.ndarray
    seeds: np.ndarray
    classes: np.ndarray
    labels: np.ndarray
    answers: np.ndarray
    doubts: np.ndarray
    svc: Svc | None = None
    logistic: Logistic | None = None


class VotingTrainer:
    """Trains batches over one pool. Dot products of evaluation rows with pool rows are kept, and shared by all batches.

    The kernels, scikit-learn and with them numba are imported here and not above: a run whose retrains are all in the
    cache does without.
    """

    def __init__(self, pool: Pool, backend: Backend, held_out: bool):
        self._pool = pool
        self._threads = backend.threads
        self._held_out = held_out
        self._evaluation = np.require(pool.evaluation_features, np.float32, ["C", "W"])
        self._truth = pool.evaluation_labels.astype(np.uint8)
        rows = len(self._truth)
        self.bytes_per_retrain = 2 * rows
        self._squares = np.empty(rows, np.float32)
        self._each_tile(self._square)
        capacity = min(_PRODUCT_BYTES, backend.memory // 4) // (4 * rows)
        self._products = np.empty((capacity, rows), np.float32)  # the system gives memory only as it is filled
        self._column_of: dict[int, int] = {}  # pool row -> line of products
        self._filled = 0

    def train(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train and score a batch (``plan.Trainer``). Doubtful rows are settled here, so every outcome is certain."""
        outcomes = np.empty(len(rows), Voting.outcome)
        for fit in self._run(rows, labels, seeds, exact):
            outcomes["f1"][fit.retrains] = self._score(fit)
            outcomes["settled"][fit.retrains] = int(fit.doubts.sum())
        return outcomes, np.ones(len(rows), np.bool_)

    def predict(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool = False
    ) -> np.ndarray:
        """The class that each retrain gives each evaluation row: ``(r, m)`` uint8."""
        predictions = np.empty((len(rows), len(self._truth)), np.uint8)
        for fit in self._run(rows, labels, seeds, exact):
            predictions[fit.retrains] = fit.classes[fit.answers]
        return predictions

    def _run(
        self, rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray, exact: bool
    ) -> list[_Fit]:
        fits = [self._new(group, rows, labels, seeds) for group in _by_training_set(rows, labels)]
        with libraries.blas().limit(limits=1, user_api="blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lbfgs stops at its 100 iterations: that is the model
            fitted = self._begin_fits(fits)
            try:
                if not exact:
                    self._multiply(fits)
            finally:
                fitted()
            if not exact:
                self._vote(fits)
            for fit in fits:
                self._settle(fit)
        return fits

    def _new(
        self, group: list[int], rows: Sequence[np.ndarray], labels: Sequence[np.ndarray], seeds: np.ndarray
    ) -> _Fit:
        classes, positions = np.unique(labels[group[0]], return_inverse=True)
        answers = np.empty((len(group), len(self._truth)), np.uint8)
        doubts = np.ones(len(self._truth), np.uint8)
        return _Fit(group, rows[group[0]], seeds[group], classes.astype(np.uint8), positions, answers, doubts)

    def _begin_fits(self, fits: list[_Fit]) -> Callable[[], None]:
        from dataperf_fast.kernels import svc, threads

        follows = libraries.multinomial_path_is_scikit_learns()

        def fit_svc(fit: _Fit) -> None:
            fit.svc = svc.fit(self._pool.features[fit.rows], fit.labels, fit.seeds)

        def fit_logistic(fit: _Fit) -> None:
            fit.logistic = _logistic_regression(self._pool.features[fit.rows], fit.labels, follows)

        tasks = [partial(fit_one, fit) for fit in fits for fit_one in (fit_logistic, fit_svc)]
        return threads.start(self._threads, lambda task: task(), tasks)

    def _multiply(self, fits: list[_Fit]) -> None:
        """Multiply those training rows with the evaluation rows that have not been multiplied yet."""
        from dataperf_fast.kernels import threads

        needed = list(dict.fromkeys(int(row) for fit in fits for row in fit.rows))
        new = [row for row in needed if row not in self._column_of]
        if not new:
            return
        if self._filled + len(new) + _PANEL > len(self._products):  # no room: keep only what this batch needs
            new, self._filled, self._column_of = needed, 0, {}
            if len(new) + _PANEL > len(self._products):
                self._products = np.empty((len(new) + _PANEL, len(self._truth)), np.float32)
        panel = _padded(self._pool.features[new])
        lines = self._products[self._filled : self._filled + len(panel)]

        def multiply(tile: slice) -> None:
            np.matmul(panel, self._evaluation[tile].T, out=lines[:, tile])

        threads.run(self._threads, multiply, self._tiles())
        self._column_of.update({row: self._filled + at for at, row in enumerate(new)})
        self._filled += len(panel)

    def _vote(self, fits: list[_Fit]) -> None:
        """Answer every evaluation row in float32, a tile of rows at a time, and mark the doubtful ones."""
        from dataperf_fast.kernels import soft_vote

        weights = _padded(np.concatenate([_weights(fit)[0] for fit in fits]))
        voters = [self._voter(fit) for fit in fits]

        def vote(tile: slice) -> None:
            logits = weights @ self._evaluation[tile].T
            at = 0
            for fit, voter in zip(fits, voters, strict=True):
                own = logits[at : at + len(fit.classes)] + _weights(fit)[1][:, None]
                at += len(fit.classes)
                soft_vote.vote(
                    voter, self._products, self._squares, own, tile.start, tile.stop, fit.answers, fit.doubts
                )

        self._each_tile(vote)

    def _voter(self, fit: _Fit) -> Voter:
        from dataperf_fast.kernels import soft_vote

        assert fit.svc is not None
        ordered = fit.rows[fit.svc.order]
        features = self._pool.features[ordered].astype(np.float64)
        weights = _weights(fit)[0].astype(np.float64)
        longest = np.sqrt(self._squares.max() * (weights * weights).sum(axis=1).max())
        return soft_vote.Voter(
            np.array([self._column_of[int(row)] for row in ordered]),
            (features * features).sum(axis=1).astype(np.float32),
            np.float32(soft_vote.LOGIT_ERROR * soft_vote.ROUNDING * longest),
            np.float32(fit.svc.gamma),
            fit.svc.starts,
            fit.svc.coefficients.astype(np.float32),
            fit.svc.rho.astype(np.float32),
            fit.svc.a.astype(np.float32),
            fit.svc.b.astype(np.float32),
        )

    def _settle(self, fit: _Fit) -> None:
        """Answer the doubtful rows as the reference does: float64 from difference vectors, and scikit-learn's votes."""
        from dataperf_fast.kernels import logistic, svc, threads

        doubtful = np.flatnonzero(fit.doubts)
        features = self._pool.features[fit.rows]

        def settle(rows: np.ndarray) -> None:
            assert fit.svc is not None
            assert fit.logistic is not None
            vectors = self._evaluation[rows]
            share = logistic.probabilities(fit.logistic, vectors)
            for seed, probabilities in enumerate(svc.predict_proba(fit.svc, features, vectors)):
                fit.answers[seed, rows] = ((probabilities + share) / 2).argmax(axis=1)

        if len(doubtful):
            threads.run(self._threads, settle, np.array_split(doubtful, -(-len(doubtful) // _SETTLED_AT_ONCE)))

    def _score(self, fit: _Fit) -> np.ndarray:
        from dataperf_fast.kernels.f1 import macro_f1

        scored = None
        if self._held_out:
            scored = np.ones(len(self._truth), np.bool_)
            scored[fit.rows] = False
        classes = int(max(self._truth.max(), fit.classes.max())) + 1
        return macro_f1(fit.classes[fit.answers], self._truth, classes, scored)

    def _square(self, tile: slice) -> None:
        part = self._evaluation[tile]
        self._squares[tile] = np.einsum("ij,ij->i", part, part)

    def _tiles(self) -> list[slice]:
        rows = len(self._truth)
        return [slice(start, min(start + _TILE, rows)) for start in range(0, rows, _TILE)]

    def _each_tile(self, task: Callable[[slice], None]) -> None:
        from dataperf_fast.kernels import threads

        threads.run(self._threads, task, self._tiles())


def _by_training_set(rows: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> list[list[int]]:
    """Retrains that differ only by their seed, together."""
    groups: dict[tuple[bytes, bytes], list[int]] = {}
    for retrain, (of_rows, of_labels) in enumerate(zip(rows, labels, strict=True)):
        groups.setdefault((of_rows.tobytes(), of_labels.tobytes()), []).append(retrain)
    return list(groups.values())


def _logistic_regression(features: np.ndarray, labels: np.ndarray, follows: bool) -> Logistic:
    """Stopped where scikit-learn's own lbfgs stops, to the last bit: by our path if it ``follows``, else by theirs."""
    from dataperf_fast.kernels import logistic

    if follows and labels.max() > 1:
        return logistic.fit(features, labels)
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression().fit(features, labels)
    return logistic.Logistic(fitted.coef_, fitted.intercept_)


def _weights(fit: _Fit) -> tuple[np.ndarray, np.ndarray]:
    """The logistic regression's weights ``(k, d)`` and intercepts ``(k,)``; of two classes the first has zeros."""
    assert fit.logistic is not None
    weights, intercepts = fit.logistic
    if len(weights) == 1:
        weights, intercepts = np.concatenate([np.zeros_like(weights), weights]), np.append(0, intercepts)
    return weights, intercepts.astype(np.float32)


def _padded(matrix: np.ndarray) -> np.ndarray:
    """Zero rows up to a whole panel."""
    return np.pad(matrix, ((0, -len(matrix) % _PANEL), (0, 0)))
