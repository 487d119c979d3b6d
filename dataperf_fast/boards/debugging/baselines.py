"""Orders of inspection to compare with: as the rows come, at random, and by what a row is worth.

Values by retraining and by influence are those of the board's own model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dataperf_fast.boards import methods as asked
from dataperf_fast.boards import provenance
from dataperf_fast.boards.debugging import files
from dataperf_fast.engine import clock
from dataperf_fast.engine.engine import Engine
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import StrPath
from dataperf_fast.models.linear_net import DIMENSION, LinearNet

if TYPE_CHECKING:
    from dataperf_fast.valuation import Valuation


class Noisy(NamedTuple):
    """What a method sees of a task: the training set as given and the validation set, and a seed for what is random."""

    train: files.Vectors
    val: files.Vectors
    seed: int
    engine: Engine

    def by(self, valuation: Valuation) -> np.ndarray:
        """The rows by their value, the least first."""
        clock.watch_compiler()
        return valuation.fit(self.train.features, self.train.labels, self.val.features, self.val.labels).order_


def consecutive(task: Noisy) -> np.ndarray:
    """The rows in their own order."""
    return np.arange(len(task.train.labels))


def random(task: Noisy) -> np.ndarray:
    """A random order; a seed gives the same one everywhere."""
    return np.random.default_rng(task.seed).permutation(len(task.train.labels))


# Each imports what it values by: valuations are scikit-learn's estimators, seconds to import, and who draws a picture
# wants these methods' names.


def datascope(task: Noisy) -> np.ndarray:
    """By the Shapley value to a nearest neighbour."""
    from dataperf_fast.valuation import NeighbourShapley

    return task.by(NeighbourShapley(1, backend=task.engine.backend))


def confident(task: Noisy) -> np.ndarray:
    """By confident learning."""
    from dataperf_fast.valuation import ConfidentLearning

    return task.by(ConfidentLearning(random_state=task.seed))


def influence(task: Noisy) -> np.ndarray:
    """By influence functions."""
    from dataperf_fast.valuation import NetInfluence

    return task.by(NetInfluence())


def leave_one_out(task: Noisy) -> np.ndarray:
    """By what is lost without a row."""
    from dataperf_fast.valuation import LeaveOneOut

    return task.by(LeaveOneOut(LinearNet(), task.engine))


def monte_carlo_shapley(task: Noisy) -> np.ndarray:
    """By the Shapley value in a sample of orders."""
    from dataperf_fast.valuation import MonteCarloShapley

    return task.by(MonteCarloShapley(LinearNet(), task.engine, random_state=task.seed))


METHODS: dict[str, Callable[[Noisy], np.ndarray]] = {
    "consecutive": consecutive,
    "random": random,
    "datascope": datascope,
    "confident": confident,
    "influence": influence,
    "loo": leave_one_out,
    "mc-shapley": monte_carlo_shapley,
}
# Values to the last digits of BLAS, or of scikit-learn's solver.
BY_LIBRARIES = ("datascope", "confident", "influence")
# Unless asked for: thousands of retrains a task.
LONG = ("mc-shapley",)


def write(data: StrPath, out: StrPath, methods: Sequence[str] | None, seed: int, engine: Engine) -> list[Path]:
    """Write each method's submission and time file for every task of ``data`` into ``out``.

    Where libraries value the rows, ``made_with_{method}.json`` says which, and on what machine.
    """
    data, out = Path(data), Path(out)
    folder, setup = files.open_setup(data)
    chosen = asked.chosen(methods, list(METHODS), (method for method in METHODS if method not in LONG))
    written = []
    for number, task in enumerate(setup.tasks):
        train = files.read_vectors(folder, setup, task, "train", DIMENSION)
        val = files.read_vectors(folder, setup, task, "val", DIMENSION)
        noisy = Noisy(train, val, seed + number, engine)
        engine.progress.begin(task.data_id)
        for method in chosen:
            started = clock.now()
            try:
                order = METHODS[method](noisy)
            except ValueError as error:  # labels or vectors that a method cannot do with
                path = files.embedding_path(folder, setup, task, "train")
                raise InputError(path, f"{method} cannot value its rows: {error}") from error
            seconds = clock.now() - started
            written.append(files.write_submission(out, task.data_id, method, order.tolist(), seconds))
            if method in BY_LIBRARIES:
                provenance.write(out / f"made_with_{method}.json", method, seed)
    return written
