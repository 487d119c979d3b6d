"""Selections to compare with: random clips, and the paper's search over a hundred cross-folds of the allowed set.

Source: harvard-edge/dataperf-speech-example, ``selection/implementations``.
"""

from __future__ import annotations

import random as standard_random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dataperf_fast.boards import methods as asked
from dataperf_fast.boards import provenance
from dataperf_fast.boards.speech import files
from dataperf_fast.boards.speech.selection import Selection, write_selection
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import StrPath
from dataperf_fast.models.voting import Voting

FOLDS = 10
TARGET_SHARE = 0.6
_MODEL_SEED = 0  # the script leaves the SVC unseeded


class Allowed:
    """An allowed set with its vectors: every target clip, words in the set's order, then every nontarget clip."""

    def __init__(self, folder: Path, threads: int):
        path = folder / "allowed_training_set.yaml"
        listed = files.read_official(path, "the speech board's allowed training set")
        number = files.class_numbers(path, listed.targets)
        clips = files.read_clips(folder / "train_embeddings", files.wanted_clips([listed]), None, threads)
        self.path = path
        self.words = list(listed.targets)
        self.targets = {word: sorted(ids, key=clips.row_of.__getitem__) for word, ids in listed.targets.items()}
        self.nontargets = [clip for ids in files.by_word(listed.nontargets).values() for clip in ids]
        self.ids = [clip for word in self.words for clip in self.targets[word]] + self.nontargets
        self.features = np.ascontiguousarray(clips.features[[clips.row_of[clip] for clip in self.ids]])
        classes = [number[word] for word in self.words for _ in self.targets[word]]
        self.target_classes = np.array(classes, np.uint8)
        self.classes = np.concatenate([self.target_classes, np.zeros(len(self.nontargets), np.uint8)])


def random(allowed: Allowed, size: int, seed: int, engine: Engine) -> Selection:
    """As many clips of every class, drawn as the script draws them with Python's generator."""
    each = max(1, size // (len(allowed.words) + 1))
    for word, ids in [*allowed.targets.items(), ("nontargets", allowed.nontargets)]:
        if len(ids) < each:
            raise InputError(allowed.path, f"lists {len(ids)} clips", word, expected=f"{each} for a random selection")
    generator = standard_random.Random(seed)
    targets = {word: generator.sample(ids, each) for word, ids in allowed.targets.items()}
    return Selection(targets, generator.sample(allowed.nontargets, each))


def crossfold(allowed: Allowed, size: int, seed: int, engine: Engine) -> Selection:
    """The best of 10 x 10 stratified draws, 60% of the clips targets, each trained and scored on the rest of the set.

    One plan of 100 retrains; of equal scores the first wins.
    """
    pairs = _folds(allowed, size, seed)
    pool = Pool(allowed.features, allowed.features, allowed.classes)
    rows = [np.concatenate(pair).astype(np.int32) for pair in pairs]
    plan = Plan(
        pool, Voting(held_out=True), [allowed.classes[part] for part in rows], rows, np.full(len(rows), _MODEL_SEED)
    )
    best = int(np.argmax(engine.run(plan).values["f1"]))
    targets: dict[str, list[str]] = {word: [] for word in allowed.words}
    word_of = [word for word in allowed.words for _ in allowed.targets[word]]
    for row in pairs[best][0]:
        targets[word_of[row]].append(allowed.ids[row])
    return Selection(targets, [allowed.ids[row] for row in pairs[best][1]])


def _folds(allowed: Allowed, size: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pool rows of the target and the nontarget clips of each of the hundred draws."""
    from sklearn.model_selection import StratifiedShuffleSplit

    counts = int(size * TARGET_SHARE), int(size * (1 - TARGET_SHARE))
    first = len(allowed.target_classes)
    parts = []
    for count, classes, what in (
        (counts[0], allowed.target_classes, "target"),
        (counts[1], allowed.classes[first:], "nontarget"),
    ):
        splitter = StratifiedShuffleSplit(n_splits=FOLDS, train_size=count, random_state=seed)
        try:
            parts.append([train for train, _ in splitter.split(np.zeros((len(classes), 1)), classes)])
        except ValueError as error:
            raise InputError(allowed.path, f"cannot be cut into folds of {count} {what} clips ({error})") from error
    return [(targets, first + nontargets) for targets in parts[0] for nontargets in parts[1]]


METHODS: dict[str, Callable[[Allowed, int, int, Engine], Selection]] = {"random": random, "crossfold": crossfold}
BY_LIBRARIES = ("crossfold",)  # its folds are scikit-learn's


def write(data: StrPath, out: StrPath, methods: Sequence[str] | None, seed: int, engine: Engine) -> list[Path]:
    """Write ``{out}/{method}/{language}_{size}_train.json`` for every method, language of ``data`` and board's size.

    What was drawn by a library has a ``made_with.json`` beside it.
    """
    data, out = Path(data), Path(out)
    chosen = asked.chosen(methods, list(METHODS), METHODS)
    written = []
    for language, folder in files.find_languages(data).items():
        allowed = Allowed(folder, engine.backend.threads)
        for size in files.BOARD_SIZES:
            for method in chosen:
                engine.progress.begin(f"{method} {language}_{size}")
                path = out / method / f"{language}_{size}_train.json"
                write_selection(path, METHODS[method](allowed, size, seed, engine))
                written.append(path)
                if method in BY_LIBRARIES:
                    provenance.write(path.with_name("made_with.json"), method, seed)
    return written
