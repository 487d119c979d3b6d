"""``knn`` on the debugging board: the vote of the nine nearest rows, of equally near ones the first.

Who they are does not depend on the labels: they are found once, and a label state changes votes and nothing else.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.backend import Backend
from dataperf_fast.models.neighbours import NEIGHBOURS
from dataperf_fast.models.relabelled import GroupTrainer, Relabelled
from dataperf_fast.plan import Answers, Pool


class NeighbourVotes(Relabelled):
    """The frozen model as the engine sees it; nothing of it is doubtful."""

    name = "knn-votes"

    def can_train(self, labels: np.ndarray) -> bool:
        """Whether there are nine rows to vote."""
        return len(labels) >= NEIGHBOURS

    def bind(self, pool: Pool, backend: Backend) -> NeighbourVotesTrainer:
        """Bind the model to a pool."""
        return NeighbourVotesTrainer(pool, backend)


class NeighbourVotesTrainer(GroupTrainer):
    """Trains batches over one pool."""

    def __init__(self, pool: Pool, backend: Backend):
        super().__init__(pool, backend)
        self._backend = backend
        self._rows: np.ndarray | None = None

    def train_group(self, rows: np.ndarray, labels: np.ndarray, exact: bool, outcomes: np.ndarray) -> None:
        """Follow label states of the same rows."""
        from dataperf_fast.kernels import neighbour_votes

        self._share(rows)
        counts = np.empty(len(labels), np.int64)
        truth = self.pool.evaluation_labels == 1
        neighbour_votes.correct(self._neighbours, *self._voters, labels, truth, counts)
        outcomes["correct"] = counts

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Vote once (``plan.Trainer``); decision values are the votes for 1, over half of them where positive."""
        self._share(rows)
        votes = labels[self._neighbours].sum(axis=1, dtype=np.int64)
        return Answers((2 * votes > NEIGHBOURS).astype(np.uint8), votes / NEIGHBOURS - 0.5)

    def _share(self, rows: np.ndarray) -> None:
        from dataperf_fast.kernels import neighbour_votes

        if rows is not self._rows:
            self._neighbours = self._search(rows)
            self._voters = neighbour_votes.voters(self._neighbours, len(rows))
            self._rows = rows

    def _search(self, rows: np.ndarray) -> np.ndarray:
        from dataperf_fast.kernels import knn, knn_cuda
        from dataperf_fast.kernels.launch import array_library

        features, evaluation = self.pool.features[rows], self.pool.evaluation_features
        if self._backend.name == "cuda":
            return knn_cuda.nearest(features, evaluation, NEIGHBOURS, self._backend.memory, array_library())
        return knn.nearest(features, evaluation, NEIGHBOURS, self.threads)
