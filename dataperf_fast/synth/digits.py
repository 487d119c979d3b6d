"""The demo's data: scikit-learn's bundled handwritten digits, mapped to many features by a fixed random map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dataperf_fast.formats import debugging as files
from dataperf_fast.formats import speech, vision
from dataperf_fast.formats.files import StrPath
from dataperf_fast.models.linear_net import DIMENSION
from dataperf_fast.synth.debugging import Scale, write_tasks
from dataperf_fast.synth.vision import DIMENSION as VISION_DIMENSION
from dataperf_fast.synth.vision import layout

# Pairs of digits, few enough images each that train + test + val use nearly all.
_TASKS = {"digits38-flipped": (3, 8), "digits49": (4, 9)}
DEMO = Scale(tasks=2, train=200, test=110, val=40)
_SEED = 7

# The speech board's words: the first five are targets.
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TARGETS = 5
_SPEECH_DIMENSION = 1024

# The vision board's concepts: a digit against the rest.
_CONCEPTS = {"Zero": 0, "Three": 3, "Seven": 7}
_POOL = 1200  # images; the tests are drawn from the other 597
_EXAMPLES, _TRAIN_POSITIVES, _TRAIN, _TRAIN_WRONG = 20, 48, 120, 12


def write_debugging(out: StrPath, scale: Scale = DEMO) -> list[files.Task]:
    """Write two debugging tasks with 30% noise: 3 against 8 with inverted labels, 4 against 9 with a weak model's."""
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    pairs = list(_TASKS.values())

    def source(number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.flatnonzero(np.isin(digits, pairs[number]))
        rows = np.random.default_rng([_SEED, number]).permutation(rows)
        return feature_map(images[rows]), (digits[rows] == pairs[number][1]).astype(np.uint8)

    return list(write_tasks(out, list(_TASKS), source, scale, _SEED))


def write_speech(out: StrPath) -> Path:
    """Write an English speech board, ``out/dataperf_en_data``, whose words are digits: zero to four are the targets.

    A clip is an image. Two thirds of a word's 180 are there to train on; a fifth of those of the targets are spoiled,
    halfway to another digit's image. Returns ``out``.
    """
    out = Path(out)
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    generator = np.random.default_rng([_SEED, 2])
    folder = out / "dataperf_en_data"
    allowed, heard = speech.Selection({}, []), speech.Selection({}, [])
    for digit, word in enumerate(_WORDS):
        rows = generator.permutation(np.flatnonzero(digits == digit))
        train, test = np.split(rows, [len(rows) * 2 // 3])
        pixels = images[train].astype(np.int64)
        if digit < _TARGETS:
            spoiled = np.arange(len(train) // 5)
            others = generator.permutation(np.flatnonzero(digits != digit))[: len(spoiled)]
            pixels[spoiled] = (pixels[spoiled] + images[others].astype(np.int64)) // 2
        for part, selection, kept, shown in (("train", allowed, train, pixels), ("eval", heard, test, images[test])):
            order = np.argsort(kept)  # or the spoiled ones would come first
            ids = [f"{word}/digit_{row:04d}.png" for row in kept[order]]
            # A quarter as long, or logistic regression would stop short of its optimum at its 100 iterations.
            features = feature_map(shown[order], _SPEECH_DIMENSION) / np.float32(4)
            speech.write_clips(folder / f"{part}_embeddings" / f"{word}.parquet", ids, features)
            if digit < _TARGETS:
                selection.targets[word] = ids
            else:
                selection.nontargets.extend(ids)
    speech.write_selection(folder / "eval.yaml", heard)
    speech.write_selection(folder / "allowed_training_set.yaml", allowed)
    return out


def write_vision(out: StrPath) -> Path:
    """Write a vision board whose concepts are three of the ten digits in its pool; returns ``out``.

    An image's id is its number in scikit-learn's set. A tenth of the training labels is wrong; a test set holds a
    concept's images that are not in the pool and twice as many others.
    """
    out = Path(out)
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    features = feature_map(images, VISION_DIMENSION)
    generator = np.random.default_rng([_SEED, 3])
    pool, rest = np.split(generator.permutation(len(digits)), [_POOL])
    setup = layout(list(_CONCEPTS))

    def ids(rows: np.ndarray) -> list[str]:
        return [f"{row:016x}" for row in rows.tolist()]

    vision.write_embeddings(out / setup.emb_file, ids(pool), features[pool])
    for name, digit in _CONCEPTS.items():
        task = setup.tasks[name]
        of_digit = generator.permutation(pool[digits[pool] == digit])
        others = generator.permutation(pool[digits[pool] != digit])
        examples, positives = of_digit[:_EXAMPLES], of_digit[_EXAMPLES : _EXAMPLES + _TRAIN_POSITIVES]
        rows = generator.permutation(np.concatenate([positives, others[: _TRAIN - len(positives)]]))
        labels = (digits[rows] == digit).astype(np.uint8)
        labels[generator.permutation(_TRAIN)[:_TRAIN_WRONG]] ^= 1
        vision.write_examples(out, name, ids(examples))
        vision.write_training_set(out / task.train, ids(rows), labels)
        seen = rest[digits[rest] == digit]
        test = np.concatenate([seen, generator.permutation(rest[digits[rest] != digit])[: 2 * len(seen)]])
        test = generator.permutation(test)
        vision.write_test_set(out / task.test, ids(test), (digits[test] == digit).astype(np.uint8), features[test])
    vision.write_setup(out, setup)
    return out


def feature_map(images: np.ndarray, dimension: int = DIMENSION) -> np.ndarray:
    """Map images ``(r, 64)`` of pixels 0 .. 16 to ``(r, dimension)`` float32: signed pixel sums through a rectifier.

    Pixels and signs are whole numbers and the scale is a power of two, so the features are the same on every machine.
    """
    generator = np.random.default_rng(_SEED)
    signs = generator.integers(-1, 2, (images.shape[1], dimension))
    sums = images.astype(np.int64) @ signs
    features: np.ndarray = (np.maximum(sums, 0) / 64).astype(np.float32)
    return features
