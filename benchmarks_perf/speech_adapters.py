"""The speech board's peers, one contract: (pool, rows, labels, threads) -> the ten scores; the data they get."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks_perf import defined, timing
from dataperf_fast.boards.speech import board, files, synth
from dataperf_fast.boards.speech.baselines import Allowed
from dataperf_fast.boards.speech.board import SEEDS
from dataperf_fast.boards.speech.selection import Selection, write_selection
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import definition
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.models.voting import Voting

TrainingSet = tuple[np.ndarray, np.ndarray]

_UPSTREAM = """
import sys, time
checkout, data, submission, size = sys.argv[1:]
sys.path.insert(0, checkout)
import eval as script
started = time.perf_counter()
script.main("en", int(size), f"{data}/eval_embeddings", f"{data}/train_embeddings",
            f"{data}/allowed_training_set.yaml", f"{data}/eval.yaml", submission,
            config_file=f"{checkout}/workspace/dataperf_speech_config.yaml")
print("Seconds:", time.perf_counter() - started)
"""


class Answer(NamedTuple):
    """``scores (10,)``, the macro F1 by seed; ``settled``, evaluation rows that were answered again in float64.

    ``seconds`` are the peer's own, where it looked at the clock.
    """

    scores: np.ndarray
    settled: int = 0
    seconds: timing.Seconds | None = None


class Process(NamedTuple):
    """A command line's seconds; the part of them that was training, where that is known; its peak memory in MiB."""

    wall: float
    kernels: float
    peak: float


@dataclass(frozen=True)
class Made:
    """What is measured on: the data's folder, allowed set and pool, and submissions of 60 clips, also on disk."""

    root: Path
    allowed: Allowed
    pool: Pool
    sets: dict[files.SelectionFile, TrainingSet]

    @property
    def folder(self) -> Path:
        """The language's own folder."""
        return self.root / "dataperf_en_data"


def make(root: Path, scale: str, submissions: int, threads: int) -> Made:
    """Write the data and the submissions, and read the data back."""
    for _ in synth.write(root, synth.SpeechScale({"en": synth.SCALES[scale].languages["en"]}), seed=0):
        pass
    folder = root / "dataperf_en_data"
    allowed = Allowed(folder, threads)
    pool = Pool(allowed.features, *board.Language(folder).read_evaluation(allowed.features.shape[1], threads))
    sets = {}
    for number in range(submissions):
        path = root / "teams" / f"{number:04}" / "en_60_train.json"
        rows, classes = submission(allowed, 60, number)
        sets[files.SelectionFile("en", 60, path.parent.name, path)] = rows, classes
        write_selection(path, _selection(allowed, rows))
    return Made(root, allowed, pool, sets)


def _selection(allowed: Allowed, rows: np.ndarray) -> Selection:
    chosen = Selection({word: [] for word in allowed.words}, [])
    word_of = [word for word in allowed.words for _ in allowed.targets[word]]
    for row in rows:
        (chosen.targets[word_of[row]] if row < len(word_of) else chosen.nontargets).append(allowed.ids[row])
    return chosen


def submission(allowed: Allowed, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the allowed set, as many of each class as fit in ``size``, in the reference's order; their classes."""
    generator = np.random.default_rng([seed, size])
    each = size // (len(allowed.words) + 1)
    classes = [*dict.fromkeys(allowed.target_classes.tolist()), 0]
    of_class = [np.flatnonzero(allowed.classes == number) for number in classes]
    rows = np.concatenate([np.sort(generator.choice(own, each, replace=False)) for own in of_class]).astype(np.int32)
    return rows, allowed.classes[rows]


def engine(threads: int) -> Engine:
    """A fresh engine on the processor, nothing cached."""
    return Engine(backends.choose("cpu", threads))


def reference(pool: Pool, rows: np.ndarray, labels: np.ndarray, threads: int) -> Answer:
    """scikit-learn's VotingClassifier, one seed after the other, in one process of one thread as it is defined."""
    fits = [(pool.features[rows], labels, int(seed)) for seed in SEEDS]
    scores, seconds = defined.reference("speech", "score", fits, pool.evaluation_features, pool.evaluation_labels)
    return Answer(np.array(scores), seconds=seconds)


def fast(pool: Pool, rows: np.ndarray, labels: np.ndarray, threads: int) -> Answer:
    """Ours through a fresh engine: the model is bound anew and nothing is known."""
    count = len(SEEDS)
    values = engine(threads).run(Plan(pool, Voting(), [labels] * count, [rows] * count, SEEDS)).values
    return Answer(values["f1"], int(values["settled"][0]))


def null(pool: Pool, rows: np.ndarray, labels: np.ndarray, threads: int) -> Answer:
    """Does nothing: what the harness itself costs."""
    return Answer(np.zeros(len(SEEDS)))


def upstream(checkout: Path, python: Path, data: Path, file: Path, size: int) -> tuple[float, float]:
    """The board's own script in a process of its own: seconds of its ``main`` alone, and the score that it prints."""
    command = [python, "-c", _UPSTREAM, checkout.resolve(), data, file, str(size)]
    environment = {**os.environ, **definition.settings()}
    printed = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    found = [re.search(rf"^{name}:\s+(\S+)$", printed.stdout, re.MULTILINE) for name in ("Seconds", "Score")]
    if printed.returncode or None in found:
        raise SystemExit(f"the upstream script failed:\n{printed.stderr}")
    seconds, score = (float(match[1]) for match in found if match)
    return seconds, score


def command(arguments: Sequence[str | Path], cache: Path) -> float:
    """Seconds of a whole command line in a new process, from the outside."""
    started = time.perf_counter()
    _run("dataperf_fast.cli", arguments, cache)
    return time.perf_counter() - started


def one_process(arguments: Sequence[str | Path], cache: Path) -> Process:
    """The same as it sees itself; it trains two nets more than asked for, to tell training from loading."""
    status, *figures = map(float, _run("benchmarks_perf.one_process", arguments, cache).splitlines()[-1].split())
    assert status == 0
    return Process(*figures)


def _run(module: str, arguments: Sequence[str | Path], cache: Path) -> str:
    environment = {**os.environ, "DATAPERF_FAST_CACHE": str(cache)}  # not the user's, which may know the answers
    line = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=True, env=environment).stderr
