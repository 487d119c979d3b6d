"""``boosted-trees``: XGBoost's ``XGBClassifier()`` with its defaults, a plain fit a retrain (an extra).

Its arithmetic is the library's, and of the C library that it calls: another version, build or machine may give another
score, so they are in the key (docs/parity.md).
"""

from __future__ import annotations

import json

import numpy as np

from dataperf_fast.engine import machine
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.plan import Answers, Pool
from dataperf_fast.models.relabelled import GroupTrainer, Relabelled


class BoostedTrees(Relabelled):
    """The frozen model as the engine sees it. Raises ModuleNotFoundError where XGBoost is not installed."""

    name = "boosted-trees"

    def __init__(self) -> None:
        import xgboost

        build = {name: value for name, value in xgboost.build_info().items() if name != "libxgboost"}  # which is a path
        built = machine.digest(json.dumps(build, sort_keys=True, default=str))
        self.decided_by = f"XGBoost {xgboost.__version__} (build {built}), {machine.made_with('numpy')}"
        self.version = f"1, {machine.digest(self.decided_by)}"

    def bind(self, pool: Pool, backend: Backend) -> BoostedTreesTrainer:
        """Bind the model to a pool."""
        return BoostedTreesTrainer(pool, backend)


class BoostedTreesTrainer(GroupTrainer):
    """Trains batches over one pool, a retrain a thread."""

    def train_group(self, rows: np.ndarray, labels: np.ndarray, exact: bool, outcomes: np.ndarray) -> None:
        """Train one retrain after the other."""
        from dataperf_fast.kernels import threads

        def train_one(state: int) -> None:
            answers = self.answer(rows, labels[state], 0).classes
            outcomes["correct"][state] = (answers == self.pool.evaluation_labels).sum()

        threads.run(self.threads, train_one, range(len(labels)))

    def answer(self, rows: np.ndarray, labels: np.ndarray, seed: int) -> Answers:
        """Train once and answer (``plan.Trainer``)."""
        from xgboost import XGBClassifier

        classes, positions = np.unique(labels, return_inverse=True)
        fitted = XGBClassifier(n_jobs=1).fit(self.pool.features[rows], positions)
        return Answers(classes[fitted.predict(self.pool.evaluation_features)])
