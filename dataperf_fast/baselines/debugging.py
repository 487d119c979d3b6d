"""Orders of inspection to compare with: as the rows come, at random, and by what a row is worth to validation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataperf_fast.engine import Engine
from dataperf_fast.formats import debugging as files
from dataperf_fast.formats.errors import InputError
from dataperf_fast.models.linear_net import DIMENSION
from dataperf_fast.valuation.neighbour_shapley import NeighbourShapley


class Noisy(NamedTuple):
    """What a method sees of a task: the training set as given and the validation set, and a seed for what is random."""

    train: files.Vectors
    val: files.Vectors
    seed: int
    threads: int


def consecutive(task: Noisy) -> np.ndarray:
    """The rows in their own order."""
    return np.arange(len(task.train.labels))


def random(task: Noisy) -> np.ndarray:
    """A random order; a seed gives the same one everywhere."""
    return np.random.default_rng(task.seed).permutation(len(task.train.labels))


def datascope(task: Noisy) -> np.ndarray:
    """The rows by their Shapley value for a 1-nearest-neighbour vote on the validation set, the least first."""
    valuation = NeighbourShapley(1, threads=task.threads)
    return valuation.fit(task.train.features, task.train.labels, task.val.features, task.val.labels).order_


METHODS: dict[str, Callable[[Noisy], np.ndarray]] = {
    "consecutive": consecutive,
    "random": random,
    "datascope": datascope,
}


def write(data: Path, out: Path, methods: Sequence[str] | None, seed: int, engine: Engine) -> list[Path]:
    """Write each method's submission and time file for every task of ``data`` into ``out``."""
    folder, setup = files.open_setup(data)
    chosen = list(methods or METHODS)
    for method in chosen:
        if method not in METHODS:
            raise InputError("--methods", "holds", value=method, expected=" or ".join(METHODS))
    written = []
    for number, task in enumerate(setup.tasks):
        train = files.read_vectors(folder, setup, task, "train", DIMENSION)
        val = files.read_vectors(folder, setup, task, "val", DIMENSION)
        noisy = Noisy(train, val, seed + number, engine.backend.threads)
        for method in chosen:
            started = time.perf_counter()
            order = METHODS[method](noisy)
            seconds = time.perf_counter() - started
            written.append(files.write_submission(out, task.data_id, method, order.tolist(), seconds))
    return written
