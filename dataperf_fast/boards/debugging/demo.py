"""The demo's tasks: pairs of handwritten digits."""

from __future__ import annotations

import numpy as np

from dataperf_fast.boards.debugging import files
from dataperf_fast.boards.debugging.synth import DebuggingScale, write_tasks
from dataperf_fast.boards.digits import SEED, feature_map, load
from dataperf_fast.files.paths import StrPath
from dataperf_fast.models.linear_net import DIMENSION

# Pairs of digits, few enough images each that train + test + val use nearly all.
_TASKS = {"digits38-flipped": (3, 8), "digits49": (4, 9)}
DEMO = DebuggingScale(tasks=2, train=200, test=110, val=40)


def write(out: StrPath, scale: DebuggingScale = DEMO) -> list[files.Task]:
    """Write two debugging tasks with 30% noise: 3 against 8 with inverted labels, 4 against 9 with a weak model's."""
    images, digits = load()
    pairs = list(_TASKS.values())

    def source(number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.flatnonzero(np.isin(digits, pairs[number]))
        rows = np.random.default_rng([SEED, number]).permutation(rows)
        return feature_map(images[rows], DIMENSION), (digits[rows] == pairs[number][1]).astype(np.uint8)

    return list(write_tasks(out, list(_TASKS), source, scale, SEED))
