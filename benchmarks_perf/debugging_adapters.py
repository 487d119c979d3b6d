"""The debugging board's peers, one contract: (task, order, threads) -> the score and the part of the curve it has."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataperf_fast import backend as backends
from dataperf_fast.benchmarks import debugging as board
from dataperf_fast.engine import Engine
from dataperf_fast.formats.debugging import SubmissionFile, Task


class Answer(NamedTuple):
    """``score`` and ``curve``, accuracies after 1, 2 .. inspections; ``distinct`` training sets, 0 where not said."""

    score: float
    curve: list[float]
    distinct: int = 0
    rechecked: int = 0


def reference(task: Task, order: np.ndarray, threads: int) -> Answer:
    """The plain PyTorch loop: one fit after every inspection."""
    from dataperf_fast.reference import debugging as pipeline

    ran = pipeline.evaluate(
        task.train.features, task.train.labels, task.true_labels, order, task.test.features, task.test.labels,
        threads=threads,
    )  # fmt: skip
    return Answer((ran.crossing - 1) / len(order), ran.curve)


def fast_curve(task: Task, order: np.ndarray, threads: int) -> Answer:
    """Our whole curve, nothing cached."""
    return _fast(task, order, threads, curve=True)


def fast_score(task: Task, order: np.ndarray, threads: int) -> Answer:
    """Our score and no more of the curve than it needs, nothing cached."""
    return _fast(task, order, threads, curve=False)


def null(task: Task, order: np.ndarray, threads: int) -> Answer:
    """Does nothing: what the harness itself costs."""
    return Answer(0.0, [])


def _fast(task: Task, order: np.ndarray, threads: int, curve: bool) -> Answer:
    file = SubmissionFile(task.data_id, "timed", Path())
    result = board.score_task(task, {file: order}, Engine(backends.choose("cpu", threads)), curve)
    record = result.records[0]
    assert record.score is not None
    return Answer(record.score, result.curves["timed"].tolist(), record.distinct, record.rechecked)
