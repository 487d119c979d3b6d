"""Vision selection tasks of any size: a cluster a concept, look-alikes that overlap with it, seen by 256 features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataperf_fast.boards.vision import files
from dataperf_fast.boards.vision.embeddings import write_embedding_blocks
from dataperf_fast.files.paths import StrPath

DIMENSION = 256
# With these, the frozen model reaches an F1 of 0.6 to 0.85 from the written training sets.
_LATENT = 48  # directions in which images differ
_STRENGTH = 0.16  # of the first direction in the features
_DECAY = 0.95  # of a direction's strength to the one before: a few of them matter most, as in real embeddings
_SUBJECT = 0.75  # spread of the subjects' centres
_VIEWS = 5  # a subject; its sub-clusters
_VIEW = 0.5  # spread of a subject's views
_IMAGE = 0.85  # spread of a view's images
_BLUR = 0.2  # what each feature adds of its own
_LIKENESS = 0.65  # how far a look-alike's centre moves towards its concept
_EXTRA = 20  # subjects besides the concepts and their look-alikes
_POSITIVE = 0.4  # share of a training or test set
_WRONG = 0.15  # share of a training set's labels
_BLOCK = 16_384  # images of the pool made and written at a time
_NAMES = ("Cupcake", "Hawk", "Sushi")


@dataclass(frozen=True)
class VisionScale:
    """Numbers of concepts and pool images, and of test images, training rows and examples a concept."""

    concepts: int
    pool: int
    test: int
    train: int
    examples: int


SCALES = {"small": VisionScale(3, 1_200, 120, 200, 20), "paper": VisionScale(3, 300_000, 140, 500, 20)}


def layout(concepts: Sequence[str]) -> files.VisionSetup:
    """The official places of the files of ``concepts``."""
    tasks = {
        name: files.TaskFiles(
            Path(f"train_sets/{name}.csv"), Path(f"test_sets/alpha_test_set_{name}_{DIMENSION}.parquet")
        )
        for name in concepts
    }
    pool = Path(f"embeddings/train_emb_{DIMENSION}_dataperf.parquet")
    return files.VisionSetup(data_dir=Path(), emb_file=pool, dim=DIMENSION, eval_tasks=list(tasks), tasks=tasks)


def write(out: StrPath, scale: VisionScale, seed: int) -> Iterator[str]:
    """Write the pool, then each concept's files, yielding its name; the set-up comes last. Same arguments, same bytes.

    Images of the pool are made and written in blocks, so that it need not fit in memory. Raises ``ValueError`` for a
    pool too small to draw the examples and training sets from.
    """
    out = Path(out)
    setup = layout([_NAMES[number] if number < len(_NAMES) else f"c{number:02d}" for number in range(scale.concepts)])
    source = _Source(seed, scale)
    write_embedding_blocks(out / setup.emb_file, source.blocks())
    for number, (name, task) in enumerate(setup.tasks.items()):
        examples, rows, labels = source.training_rows(number)
        files.write_examples(out, name, source.ids(examples))
        files.write_training_set(out / task.train, source.ids(rows), labels)
        subjects, features = source.test_images(number)
        # Numbered on after the pool.
        ids = source.ids(scale.pool + number * scale.test + np.arange(scale.test))
        files.write_test_set(out / task.test, ids, (subjects == number).astype(np.uint8), features)
        yield name
    files.write_setup(out, setup)


class _Source:
    """Subjects and their images: the concepts, a look-alike of each, others. Draws depend on seed and place alone."""

    def __init__(self, seed: int, scale: VisionScale):
        self._seed, self._scale = seed, scale
        generator = self._generator(0)
        strengths = np.cumprod([_STRENGTH, *[_DECAY] * (_LATENT - 1)]).astype(np.float32)
        self._mixing = generator.standard_normal((_LATENT, DIMENSION), dtype=np.float32) * strengths[:, None]
        subjects = 2 * scale.concepts + _EXTRA
        self._centres = generator.standard_normal((subjects, _LATENT), dtype=np.float32) * np.float32(_SUBJECT)
        own, alike = self._centres[: scale.concepts], self._centres[scale.concepts : 2 * scale.concepts]
        alike += (own - alike) * np.float32(_LIKENESS)
        self._views = generator.standard_normal((subjects, _VIEWS, _LATENT), dtype=np.float32) * np.float32(_VIEW)
        self._subjects = self._pool_subjects(subjects)

    def _generator(self, *place: int) -> np.random.Generator:
        # From 1 on: a seed that ends in zeros is the same as one without them.
        return np.random.default_rng([self._seed, *(number + 1 for number in place)])

    def _pool_subjects(self, subjects: int) -> np.ndarray:
        """The subject of each image of the pool: a concept has 1%, or more where its files need more."""
        scale = self._scale
        needed = scale.examples + round(_POSITIVE * scale.train)
        each = min(max(scale.pool // 100, needed * 3 // 2), scale.pool // (2 * scale.concepts))
        if each <= scale.examples or scale.pool - each < scale.train:
            raise ValueError(f"a pool of {scale.pool} images is too small for {scale}")
        others = np.arange(scale.pool - each * scale.concepts) % (subjects - scale.concepts) + scale.concepts
        in_turns = np.concatenate([np.repeat(np.arange(scale.concepts), each), others])
        shuffled: np.ndarray = self._generator(1).permutation(in_turns)
        return shuffled

    def ids(self, numbers: np.ndarray) -> list[str]:
        """Ids of 16 hex digits, another one for every image number: each step of the mixing can be undone."""
        values = numbers.astype(np.uint64) + (np.uint64(self._seed % 2**32) << np.uint64(32))
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):  # as in SplitMix64
            values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
        return [f"{value:016x}" for value in values.tolist()]

    def blocks(self) -> Iterator[tuple[list[str], np.ndarray]]:
        """Ids and vectors of the pool's images, a block at a time."""
        for start in range(0, self._scale.pool, _BLOCK):
            subjects = self._subjects[start : start + _BLOCK]
            yield self.ids(start + np.arange(len(subjects))), self._images(self._generator(2, start), subjects)

    def _images(self, generator: np.random.Generator, subjects: np.ndarray) -> np.ndarray:
        """Vectors ``(n, 256)`` float32 of an image of each of ``subjects (n,)``, from one of its views."""
        count = len(subjects)
        latent = self._centres[subjects] + self._views[subjects, generator.integers(0, _VIEWS, count)]
        latent += generator.standard_normal((count, _LATENT), dtype=np.float32) * np.float32(_IMAGE)
        features = generator.standard_normal((count, DIMENSION), dtype=np.float32) * np.float32(_BLUR)
        for row in range(_LATENT):  # not a matrix product: its rounding, and so the bytes, would depend on the machine
            features += latent[:, row, None] * self._mixing[row]
        return features

    def test_images(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Subjects and vectors of a concept's test set: of what is not the concept, a third is its look-alike."""
        generator = self._generator(3, number)
        subjects = generator.integers(0, len(self._centres) - 1, self._scale.test)
        subjects += subjects >= number
        positives = round(_POSITIVE * self._scale.test)
        subjects[:positives] = number
        subjects[positives : positives + (self._scale.test - positives) // 3] = self._scale.concepts + number
        subjects = generator.permutation(subjects)
        return subjects, self._images(generator, subjects)

    def training_rows(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A concept's examples, and another draw from the pool with its labels, of which some are wrong."""
        generator = self._generator(4, number)
        of_concept = generator.permutation(np.flatnonzero(self._subjects == number))
        examples, rest = np.split(of_concept, [self._scale.examples])
        positives = rest[: round(_POSITIVE * self._scale.train)]
        others = generator.permutation(np.flatnonzero(self._subjects != number))
        rows = generator.permutation(np.concatenate([positives, others[: self._scale.train - len(positives)]]))
        labels = (self._subjects[rows] == number).astype(np.uint8)
        labels[generator.permutation(len(rows))[: round(_WRONG * len(rows))]] ^= 1
        return examples, rows, labels
