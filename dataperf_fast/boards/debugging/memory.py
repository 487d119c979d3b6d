"""Debugging tasks and orders of inspection in memory, read with the files' own checks.

``data`` is a mapping from data ids to tasks: ``train`` and ``test``, tables of the columns encoding and label, and
``ground_truth``, the true labels of the training rows in their order. A submission is an order a task.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dataperf_fast.boards.debugging import files
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.in_memory import Given, submissions_of
from dataperf_fast.files.labels import binary_labels

_PARTS = ("train", "ground_truth", "test")
_WHAT = f"a mapping of {', '.join(_PARTS)}"
_TASKS = f"a mapping from data ids to tasks, each {_WHAT}"
_COLUMNS = ("encoding", "label")


class TaskInMemory:
    """A task as it was given, in the place of its files."""

    def __init__(self, data_id: str, given: Given):
        self._id = data_id
        self._given = given.parts(_WHAT, _PARTS, _PARTS)

    @property
    def train(self) -> Path:
        """The training set's name."""
        return self._given["train"].path

    def read(self, dimension: int | None) -> files.Task:
        """The task, checked as its files are."""
        train = self._vectors("train", dimension)
        test = self._vectors("test", train.features.shape[1])
        truth, count = self._given["ground_truth"], len(train.labels)
        values = truth.values(f"{count} labels, those of the training rows in their order")
        if len(values) != count:
            raise InputError(truth.path, f"holds {len(values)} labels", expected=f"{count}, one a training row")
        true_labels = binary_labels(values, truth.path, "", lambda row: f"row {row}")
        return files.Task(self._id, train, true_labels, test)

    def _vectors(self, part: str, dimension: int | None) -> files.Vectors:
        found = self._given[part].table(_COLUMNS, f"the {part} embeddings of task {self._id}")
        return files.Vectors([], found.vectors("encoding", dimension), found.labels("label"))


@dataclass(frozen=True)
class OrderInMemory(files.OrderFile):
    """An order as it was given, in the place of its file."""

    given: Given = field(compare=False)

    def read(self, rows: int) -> np.ndarray:
        """The order, checked as a file is."""
        values = self.given.values(f"each row 0 to {rows - 1} once")
        places = [f"position {at}" for at in range(len(values))]
        return files.order_of(self.path, [str(value) for value in values], rows, places)

    def read_seconds(self) -> None:
        """What its method took is not said."""


def tasks_of(data: Any) -> dict[str, files.Source]:
    """The tasks by data id."""
    given = Given("data", data)
    found: dict[str, files.Source] = {
        id_: TaskInMemory(id_, of) for id_, of in given.parts(_TASKS, pattern=files.DATA_ID).items()
    }
    if not found:
        raise InputError(given.path, "holds no task", expected=_TASKS)
    return found


def orders_of(submissions: Any, data_ids: Sequence[str]) -> tuple[list[files.OrderFile], list[tuple[str, InputError]]]:
    """The orders, and names with what is wrong; a warning says who has no mean for being for some tasks alone."""
    known = {data_id: data_id for data_id in data_ids}
    found, refused = submissions_of(submissions, known.get, " or ".join(data_ids), "an order of inspection")
    for one in found:
        if len(one.given) < len(data_ids):
            warnings.warn(f"{one.name}: has no mean, being for {len(one.given)} of {len(data_ids)} tasks", stacklevel=2)
    orders = [OrderInMemory(task, one.name, one.files[task], of) for one in found for task, of in one.given.items()]
    return list(orders), refused
