"""Debugging tasks of any size: two classes in few dimensions, seen through 2,048 rectified features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataperf_fast.boards.debugging import files
from dataperf_fast.files.paths import StrPath
from dataperf_fast.models.linear_net import DIMENSION

NOISE_LEVEL = 0.3
_LATENT = 24  # embeddings of real images have few directions that matter
_SEPARATION = 4.0  # distance of the class means in latent standard deviations
_BLUR = 0.5  # what each feature adds of its own


Source = Callable[[int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class DebuggingScale:
    """How many tasks of how many rows."""

    tasks: int
    train: int
    test: int
    val: int


SCALES = {"small": DebuggingScale(2, 100, 200, 50), "paper": DebuggingScale(8, 300, 500, 100)}


def write(out: StrPath, scale: DebuggingScale, seed: int, noise: str = "both") -> Iterator[files.Task]:
    """Write a suite of tasks, one after the other; the same arguments give the same bytes.

    ``noise`` is "inverted" (30% of the labels flipped, data ids end in ``-flipped``), "weak" (a weak model's labels)
    or "both", in turns.
    """
    inverts = {"inverted": (True,), "weak": (False,), "both": (True, False)}[noise]
    names = [
        f"synth{number:02d}{'-flipped' if inverts[number % len(inverts)] else ''}" for number in range(scale.tasks)
    ]

    def source(number: int) -> tuple[np.ndarray, np.ndarray]:
        return two_classes(np.random.default_rng([seed, number]), scale.train + scale.test + scale.val)

    return write_tasks(out, names, source, scale, seed)


def write_tasks(
    out: StrPath, names: list[str], source: Source, scale: DebuggingScale, seed: int
) -> Iterator[files.Task]:
    """Cut each named task's rows into train, test and val, spoil the training labels, write; the set-up comes last.

    ``source(number)`` gives a task's features ``(r, 2048)`` and true labels ``(r,)``. A name that ends in ``-flipped``
    has its labels inverted at random, any other has a weak model's labels.
    """
    out = Path(out)
    setup = files.DebuggingSetup(
        paths=files.Paths(
            embedding_folder=Path("embeddings"), groundtruth_folder=Path("data"), submission_folder=Path("submissions")
        ),
        tasks=[
            files.TaskSetup(
                data_id=name, train_size=scale.train, noise_level=NOISE_LEVEL, test_size=scale.test, val_size=scale.val
            )
            for name in names
        ],
    )
    for number, (task, name) in enumerate(zip(setup.tasks, names, strict=True)):
        features, labels = source(number)
        generator = np.random.default_rng([seed, number, 1])
        train, test, val = np.split(np.arange(len(labels)), [scale.train, scale.train + scale.test])
        val = val[: scale.val]
        noisy = inverted_labels if name.endswith("-flipped") else weak_model_labels
        parts = {
            "train": (train, noisy(generator, features[train], labels[train])),
            "test": (test, labels[test]),
            "val": (val, labels[val]),
        }
        vectors = {}
        for part, (rows, given) in parts.items():
            vectors[part] = files.Vectors([f"{name}_{row:06d}" for row in rows], features[rows], given)
            files.write_vectors(files.embedding_path(out, setup, task, part), vectors[part])
        path = out / "data" / f"dataset_{name}_train.csv"
        files.write_true_labels(path, vectors["train"].names, labels[train])
        yield files.Task(name, vectors["train"], labels[train], vectors["test"])
    files.write_setup(out, setup)


def inverted_labels(generator: np.random.Generator, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Invert the labels of 30% of the rows, chosen at random."""
    flipped = generator.permutation(len(labels))[: round(NOISE_LEVEL * len(labels))]
    noisy = labels.copy()
    noisy[flipped] ^= 1
    return noisy


def weak_model_labels(generator: np.random.Generator, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels of a nearest-centroid model that sees so few features that it errs on about 30% of the rows."""
    columns = generator.permutation(features.shape[1])
    guesses = []
    for count in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        seen = features[:, columns[:count]].astype(np.float64)
        centroids = [seen[labels == label].mean(axis=0) for label in (0, 1)]
        distances = [((seen - centroid) ** 2).sum(axis=1) for centroid in centroids]
        guesses.append((distances[1] < distances[0]).astype(np.uint8))
    return min(guesses, key=lambda guess: abs((guess != labels).mean() - NOISE_LEVEL))


def two_classes(generator: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Features ``(r, 2048)`` float32 and true labels ``(r,)`` of one task."""
    labels = generator.integers(0, 2, rows).astype(np.uint8)
    latent = generator.standard_normal((rows, _LATENT), dtype=np.float32)
    latent[:, 0] += (labels - np.float32(0.5)) * np.float32(_SEPARATION)
    mixing = generator.standard_normal((_LATENT, DIMENSION), dtype=np.float32) / np.float32(_LATENT**0.5)
    features = generator.standard_normal((rows, DIMENSION), dtype=np.float32) * np.float32(_BLUR)
    for source in range(_LATENT):  # not a matrix product: its rounding, and so the bytes, would depend on the machine
        features += latent[:, source, None] * mixing[source]
    return np.maximum(features, np.float32(0)), labels
