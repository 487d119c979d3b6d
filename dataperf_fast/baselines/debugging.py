"""Orders of inspection to compare with: as the rows come, and at random."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dataperf_fast.engine import Engine
from dataperf_fast.formats import debugging as files
from dataperf_fast.formats.errors import InputError


def consecutive(rows: int, seed: int) -> np.ndarray:
    """The rows in their own order."""
    return np.arange(rows)


def random(rows: int, seed: int) -> np.ndarray:
    """A random order; a seed gives the same one everywhere."""
    return np.random.default_rng(seed).permutation(rows)


METHODS: dict[str, Callable[[int, int], np.ndarray]] = {"consecutive": consecutive, "random": random}


def write(data: Path, out: Path, methods: Sequence[str] | None, seed: int, engine: Engine | None = None) -> list[Path]:
    """Write each method's submission and time file for every task of ``data`` into ``out``; none retrains anything."""
    _, setup = files.open_setup(data)
    chosen = list(methods or METHODS)
    for method in chosen:
        if method not in METHODS:
            raise InputError("--methods", "holds", value=method, expected=" or ".join(METHODS))
    written = []
    for number, task in enumerate(setup.tasks):
        for method in chosen:
            started = time.perf_counter()
            order = METHODS[method](task.train_size, seed + number)
            seconds = time.perf_counter() - started
            written.append(files.write_submission(out, task.data_id, method, order.tolist(), seconds))
    return written
