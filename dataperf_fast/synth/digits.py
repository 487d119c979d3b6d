"""The demo's data: scikit-learn's bundled handwritten digits, mapped to 2,048 features by a fixed random map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dataperf_fast.formats import debugging as files
from dataperf_fast.models.linear_net import DIMENSION
from dataperf_fast.synth.debugging import Scale, write_tasks

# Pairs of digits, few enough images each that train + test + val use nearly all.
_TASKS = {"digits38-flipped": (3, 8), "digits49": (4, 9)}
DEMO = Scale(tasks=2, train=200, test=110, val=40)
_SEED = 7


def write_debugging(out: Path, scale: Scale = DEMO) -> list[files.Task]:
    """Write two debugging tasks with 30% noise: 3 against 8 with inverted labels, 4 against 9 with a weak model's."""
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    pairs = list(_TASKS.values())

    def source(number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.flatnonzero(np.isin(digits, pairs[number]))
        rows = np.random.default_rng([_SEED, number]).permutation(rows)
        return feature_map(images[rows]), (digits[rows] == pairs[number][1]).astype(np.uint8)

    return list(write_tasks(out, list(_TASKS), source, scale, _SEED))


def feature_map(images: np.ndarray) -> np.ndarray:
    """Map images ``(r, 64)`` of pixels 0 .. 16 to ``(r, 2048)`` float32: signed pixel sums through a rectifier.

    Pixels and signs are whole numbers and the scale is a power of two, so the features are the same on every machine.
    """
    generator = np.random.default_rng(_SEED)
    signs = generator.integers(-1, 2, (images.shape[1], DIMENSION))
    sums = images.astype(np.int64) @ signs
    features: np.ndarray = (np.maximum(sums, 0) / 64).astype(np.float32)
    return features
