"""``neighbour-votes``: the vote of the nine nearest rows, of equally near ones the first.

Who they are does not depend on the labels: they are found once, and a label state changes votes and nothing else.
"""

from __future__ import annotations

import numpy as np

from dataperf_fast.engine import checks
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Answers, Pool
from dataperf_fast.models.nearest_neighbours import NEIGHBOURS
from dataperf_fast.models.relabelled import GroupTrainer, Relabelled


class NeighbourVotes(Relabelled):
    """The frozen model as the engine sees it; nothing of it is doubtful."""

    name = "neighbour-votes"
    tolerance = 1e-12
    on_cuda = True
    trains_on = f"{NEIGHBOURS} rows or more"

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
        """Follow label states of the same rows; of other labels than 0 and 1 every state is voted on afresh."""
        from dataperf_fast.kernels.neighbours import kept_votes

        self._share(rows)
        truth = self.pool.evaluation_labels
        if checks.zeros_and_ones(labels) and checks.zeros_and_ones(truth):
            counts = np.empty(len(labels), np.int64)
            states = np.ascontiguousarray(labels, np.uint8)
            kept_votes.correct(self._neighbours, *self._voters, states, truth == 1, counts)
            outcomes["correct"] = counts
        else:
            outcomes["correct"] = [(self._vote(given).classes == truth).sum() for given in labels]

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Vote once (``plan.Trainer``); decision values are shares of the votes.

        Of two classes, as which 0 and 1 count even where one of them is missing, they are the second's less a half.
        """
        self._share(rows)
        return self._vote(labels)

    def _vote(self, labels: np.ndarray) -> Answers:
        classes = np.array([0, 1]) if checks.zeros_and_ones(labels) else checks.distinct(labels)
        voted = np.searchsorted(classes, labels)[self._neighbours]
        places = np.arange(len(voted))[:, None] * len(classes) + voted
        votes = np.bincount(places.ravel(), minlength=len(voted) * len(classes)).reshape(len(voted), -1)
        shares = votes / NEIGHBOURS
        return Answers(classes[votes.argmax(axis=1)], shares[:, 1] - 0.5 if len(classes) == 2 else shares)

    def _share(self, rows: np.ndarray) -> None:
        from dataperf_fast.kernels.neighbours import kept_votes

        if rows is not self._rows:
            self._neighbours = self._search(rows)
            self._voters = kept_votes.voters(self._neighbours, len(rows))
            self._rows = rows

    def _search(self, rows: np.ndarray) -> np.ndarray:
        from dataperf_fast.kernels.launch import array_library
        from dataperf_fast.kernels.neighbours import cuda, knn

        features, evaluation = self.pool.features[rows], self.pool.evaluation_features
        if self._backend.name == "cuda":
            return cuda.nearest(features, evaluation, NEIGHBOURS, self._backend.memory, array_library())
        return knn.nearest(features, evaluation, NEIGHBOURS, self.threads)
