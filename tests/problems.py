"""Small classification problems of the kinds that tie, degenerate or overflow, and boards for the speech model."""

from __future__ import annotations

import numpy as np


def small_problem(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int, np.ndarray]:
    """Features ``(n, d)`` float32, labels of 2 to 6 classes, a seed, and rows to predict.

    Duplicates, integer grids, constant rows, classes of one row; n from 3 (or one row a class) to 60.
    """
    classes = int(generator.integers(2, 7))
    rows = int(generator.integers(max(3, classes), 61))
    width = int(generator.integers(1, 40))
    features = generator.standard_normal((rows, width))
    kind = generator.integers(0, 6)
    if kind == 1:
        features = generator.integers(0, 3, (rows, width)).astype(float)
    elif kind == 2:
        features = features[generator.integers(0, max(2, rows // 3), rows)]
    elif kind == 3:
        features[:] = features[0]
    elif kind == 4:
        features[generator.random(rows) < 0.5] = 1.0
    labels = np.concatenate([np.arange(classes), generator.integers(0, classes, rows - classes)])
    if kind == 5:
        labels[classes:] = 0
    labels = generator.permutation(labels)
    if generator.random() < 0.5:
        features = features + labels[:, None] * generator.random()
    features = features.astype(np.float32)
    probes = np.concatenate([generator.standard_normal((10, width)).astype(np.float32), features[:5]])
    return features, labels, int(generator.integers(0, 2**31)), probes


def board(
    seed: int, training: int = 60, evaluation: int = 3000, width: int = 1024, skew: str = ""
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A training set and an evaluation set of six overlapping classes, of which 0 is most of the latter.

    ``skew``: "single" leaves class 1 one row, "missing" none, "duplicates" repeats a third of the rows.
    """
    generator = np.random.default_rng(seed)
    centers = 0.2 * generator.standard_normal((6, width))
    labels = np.sort(np.arange(training) % 6)[::-1].copy()
    if skew == "single":
        labels[np.flatnonzero(labels == 1)[1:]] = 0
    if skew == "missing":
        labels[labels == 1] = 0
    truth = np.where(generator.random(evaluation) < 0.2, generator.integers(1, 6, evaluation), 0)

    def rows(classes: np.ndarray) -> np.ndarray:
        noise = generator.standard_normal((len(classes), width))
        spread = 0.6 + generator.random((len(classes), 1))
        return np.maximum(centers[classes] + spread * noise, 0).astype(np.float32)

    features = rows(labels)
    if skew == "duplicates":
        features = features[np.where(np.arange(training) % 3 == 2, np.arange(training) - 1, np.arange(training))]
    return features, labels.astype(np.uint8), rows(truth), truth.astype(np.uint8)
