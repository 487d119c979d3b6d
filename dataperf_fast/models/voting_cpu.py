"""``voting`` on the CPU: votes in float32, on dot products that are kept from batch to batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Pool
from dataperf_fast.kernels.watched import watched
from dataperf_fast.models.voting import Fit, VotingTrainer, fit_logistic, logit_error, weights_of

if TYPE_CHECKING:
    from dataperf_fast.kernels.votes.soft_vote import Voter

_TILE = 2048  # evaluation rows a task: 8 MB of them, a share of the last cache
_PANEL = 16  # rows of a product are padded to it, so that a row's rounding does not depend on what else is in the batch
_PRODUCT_BYTES = 512 << 20  # dot products kept from batch to batch, at most


class CpuTrainer(VotingTrainer):
    """Trains batches over one pool; dot products of evaluation rows with pool rows are shared by all batches."""

    def __init__(self, pool: Pool, backend: Backend, held_out: bool):
        super().__init__(pool, backend, held_out)
        rows = len(self._truth)
        self.bytes_per_retrain = 2 * rows
        self._squares = np.empty(rows, np.float32)
        self._each_tile(self._square)
        capacity = min(_PRODUCT_BYTES, backend.memory // 4) // (4 * rows)
        self._products = np.empty((capacity, rows), np.float32)  # the system gives memory only as it is filled
        self._column_of: dict[int, int] = {}  # pool row -> line of products
        self._filled = 0

    def _begin(self, fits: list[Fit]) -> Callable[[], None]:
        from dataperf_fast.kernels import threads
        from dataperf_fast.kernels.svm import svc

        def fit_svc(fit: Fit) -> None:
            fit.svc = svc.fit(self._pool.features[fit.rows], fit.labels, fit.seeds)

        def fit_weights(fit: Fit) -> None:
            fit.logistic = fit_logistic(self._pool.features[fit.rows], fit.labels)

        tasks = [partial(fit_one, fit) for fit in fits for fit_one in (fit_weights, fit_svc)]
        return threads.start(self._threads, lambda task: task(), tasks)

    @watched("products with evaluation rows")
    def _ready(self, fits: list[Fit]) -> None:
        """Multiply those training rows with the evaluation rows that have not been multiplied yet."""
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

        self._each_tile(multiply)
        self._column_of.update({row: self._filled + at for at, row in enumerate(new)})
        self._filled += len(panel)

    def _vote(self, fits: list[Fit]) -> None:
        """Answer every evaluation row in float32, a tile of rows at a time, and mark the doubtful ones."""
        from dataperf_fast.kernels.votes import soft_vote

        weights = _padded(np.concatenate([weights_of(fit)[0] for fit in fits]))
        voters = [self._voter(fit) for fit in fits]

        def vote(tile: slice) -> None:
            logits = weights @ self._evaluation[tile].T
            at = 0
            for fit, voter in zip(fits, voters, strict=True):
                own = logits[at : at + len(fit.classes)] + weights_of(fit)[1][:, None]
                at += len(fit.classes)
                soft_vote.vote(
                    voter, self._products, self._squares, own, tile.start, tile.stop, fit.answers, fit.doubts
                )

        self._each_tile(vote)

    def _voter(self, fit: Fit) -> Voter:
        from dataperf_fast.kernels.votes import soft_vote

        ordered = fit.rows[fit.svc.order]
        features = self._pool.features[ordered].astype(np.float64)
        return soft_vote.Voter(
            np.array([self._column_of[int(row)] for row in ordered]),
            (features * features).sum(axis=1).astype(np.float32),
            np.float32(logit_error(weights_of(fit)[0], float(self._squares.max()))),
            np.float32(fit.svc.gamma),
            fit.svc.starts,
            fit.svc.coefficients.astype(np.float32),
            fit.svc.rho.astype(np.float32),
            fit.svc.a.astype(np.float32),
            fit.svc.b.astype(np.float32),
        )

    def _score(self, fits: list[Fit]) -> list[np.ndarray]:
        from dataperf_fast.kernels.scores.f1 import macro_f1

        scores = []
        for fit in fits:
            scored = None
            if self._held_out:
                scored = np.ones(len(self._truth), np.bool_)
                scored[fit.rows] = False
            classes = int(max(self._truth.max(), fit.classes.max())) + 1
            scores.append(macro_f1(fit.classes[fit.answers], self._truth, classes, scored))
        return scores

    def _square(self, tile: slice) -> None:
        part = self._evaluation[tile]
        self._squares[tile] = np.einsum("ij,ij->i", part, part)

    def _each_tile(self, task: Callable[[slice], None]) -> None:
        from dataperf_fast.kernels import threads

        rows = len(self._truth)
        tiles = [slice(start, min(start + _TILE, rows)) for start in range(0, rows, _TILE)]
        threads.run(self._threads, task, tiles)


def _padded(matrix: np.ndarray) -> np.ndarray:
    """Zero rows up to a whole panel."""
    return np.pad(matrix, ((0, -len(matrix) % _PANEL), (0, 0)))
