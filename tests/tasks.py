"""Seeded tasks that goldens and live comparisons share, and the oracle's way through them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from dataperf_fast.boards.debugging import demo, files, synth
from dataperf_fast.boards.debugging.files import Task
from dataperf_fast.engine.processes import Processes


def digits_tasks(folder: Path) -> list[Task]:
    """The demo's two tasks: real images, 200 training rows."""
    return demo.write(folder)


def synthetic_tasks(folder: Path, seeds: range) -> list[Task]:
    """Two tasks a seed, one of each kind of noise, at different sizes."""
    tasks = []
    for seed in seeds:
        scale = synth.DebuggingScale(tasks=2, train=90 + 25 * seed, test=100 + 50 * seed, val=5)
        tasks += synth.write(folder / str(seed), scale, seed)
    return tasks


def narrow(folder: Path, width: int = 16) -> list[files.TaskSetup]:
    """Leave the first features of every debugging task in a folder: other models take any width, and fits are quick."""
    folder, setup = files.open_setup(folder)
    for task in setup.tasks:
        for part in ("train", "test", "val"):
            vectors = files.read_vectors(folder, setup, task, part, None)
            path = files.embedding_path(folder, setup, task, part)
            files.write_vectors(path, replace(vectors, features=vectors.features[:, :width]))
    return setup.tasks


def order_of(task: Task, seed: int = 3) -> np.ndarray:
    """A random order of inspection."""
    return np.random.default_rng(seed).permutation(len(task.true_labels))


def input_hash(task: Task) -> str:
    """What a golden's task was made of."""
    state = hashlib.sha256()
    for part in (task.train.features, task.train.labels, task.true_labels, task.test.features, task.test.labels):
        state.update(np.ascontiguousarray(part).tobytes())
    return state.hexdigest()


def reference_curve(processes: Processes, task: Task, order: np.ndarray) -> list[float]:
    """The same by the debugging board's reference, all label vectors at once."""
    states: list[np.ndarray] = []
    state_of = plain_curve(task, order, lambda labels: states.append(labels) or len(states) - 1)
    fits = (("linear-net", "float32", labels) for labels in states)
    shared = task.train.features, task.test.features, task.test.labels
    accuracies = list(processes.each("score", fits, shared))
    return [accuracies[state] for state in state_of]


def plain_curve(task: Task, order: np.ndarray, accuracy_of) -> list[float]:
    """Accuracy before and after 1, 2 .. inspections, ``accuracy_of(labels)`` called once a different label vector."""
    labels = task.train.labels.copy()
    known: dict[bytes, float] = {}
    curve = []
    for inspections in range(len(order) + 1):
        if inspections:
            row = order[inspections - 1]
            labels[row] = task.true_labels[row]
        if labels.tobytes() not in known:
            known[labels.tobytes()] = accuracy_of(labels.copy())
        curve.append(known[labels.tobytes()])
    return curve
