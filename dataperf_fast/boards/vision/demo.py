"""The demo's concepts: a handwritten digit against the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dataperf_fast.boards.digits import SEED, feature_map, load
from dataperf_fast.boards.vision import files
from dataperf_fast.boards.vision.embeddings import write_embeddings
from dataperf_fast.boards.vision.synth import DIMENSION, layout
from dataperf_fast.files.paths import StrPath

_CONCEPTS = {"Zero": 0, "Three": 3, "Seven": 7}
_POOL = 1200  # images; the tests are drawn from the other 597
_EXAMPLES, _TRAIN_POSITIVES, _TRAIN, _TRAIN_WRONG = 20, 48, 120, 12


def write(out: StrPath) -> Path:
    """Write a vision board whose concepts are three of the ten digits in its pool; returns ``out``.

    An image's id is its number in scikit-learn's set. A tenth of the training labels is wrong; a test set holds a
    concept's images that are not in the pool and twice as many others.
    """
    out = Path(out)
    images, digits = load()
    features = feature_map(images, DIMENSION)
    generator = np.random.default_rng([SEED, 3])
    pool, rest = np.split(generator.permutation(len(digits)), [_POOL])
    setup = layout(list(_CONCEPTS))

    def ids(rows: np.ndarray) -> list[str]:
        return [f"{row:016x}" for row in rows.tolist()]

    write_embeddings(out / setup.emb_file, ids(pool), features[pool])
    for name, digit in _CONCEPTS.items():
        task = setup.tasks[name]
        of_digit = generator.permutation(pool[digits[pool] == digit])
        others = generator.permutation(pool[digits[pool] != digit])
        examples, positives = of_digit[:_EXAMPLES], of_digit[_EXAMPLES : _EXAMPLES + _TRAIN_POSITIVES]
        rows = generator.permutation(np.concatenate([positives, others[: _TRAIN - len(positives)]]))
        labels = (digits[rows] == digit).astype(np.uint8)
        labels[generator.permutation(_TRAIN)[:_TRAIN_WRONG]] ^= 1
        files.write_examples(out, name, ids(examples))
        files.write_training_set(out / task.train, ids(rows), labels)
        seen = rest[digits[rest] == digit]
        test = np.concatenate([seen, generator.permutation(rest[digits[rest] != digit])[: 2 * len(seen)]])
        test = generator.permutation(test)
        files.write_test_set(out / task.test, ids(test), (digits[test] == digit).astype(np.uint8), features[test])
    files.write_setup(out, setup)
    return out
