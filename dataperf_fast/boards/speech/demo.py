"""The demo's English board: words are handwritten digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dataperf_fast.boards.digits import SEED, feature_map, load
from dataperf_fast.boards.speech import files
from dataperf_fast.boards.speech.selection import Selection, write_selection
from dataperf_fast.files.paths import StrPath

# The words: the first five are targets.
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TARGETS = 5
_DIMENSION = 1024


def write(out: StrPath) -> Path:
    """Write an English speech board, ``out/dataperf_en_data``, whose words are digits: zero to four are the targets.

    A clip is an image. Two thirds of a word's 180 are there to train on; a fifth of those of the targets are spoiled,
    halfway to another digit's image. Returns ``out``.
    """
    out = Path(out)
    images, digits = load()
    generator = np.random.default_rng([SEED, 2])
    folder = out / "dataperf_en_data"
    allowed, heard = Selection({}, []), Selection({}, [])
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
            features = feature_map(shown[order], _DIMENSION) / np.float32(4)
            files.write_clips(folder / f"{part}_embeddings" / f"{word}.parquet", ids, features)
            if digit < _TARGETS:
                selection.targets[word] = ids
            else:
                selection.nontargets.extend(ids)
    write_selection(folder / "eval.yaml", heard)
    write_selection(folder / "allowed_training_set.yaml", allowed)
    return out
