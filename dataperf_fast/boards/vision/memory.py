"""Vision's pool, test sets and training sets in memory, read with the files' own checks.

``data`` is a mapping of ``embeddings``, a table of the columns ImageID and embedding, and ``test_sets``, a mapping from
concepts to tables of the columns embedding and Confidence. A submission is a training set a concept: ``{ImageID: 0 or
1}``, the same as a series of pandas, or a table of the columns ImageID and Confidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dataperf_fast.boards.vision import files, training_sets
from dataperf_fast.boards.vision.board import Source
from dataperf_fast.boards.vision.embeddings import IMAGE_ID, VECTOR
from dataperf_fast.boards.vision.files import LABEL
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.handed_in import HandedIn
from dataperf_fast.files.in_memory import Given, InMemory, submissions_of
from dataperf_fast.files.vectors import repeated

_PARTS = ("embeddings", "test_sets")
_WHAT = f"a mapping of {' and '.join(_PARTS)}"
_TESTS = f"a mapping from concepts to tables of the columns {VECTOR} and {LABEL}"
_SET = f"{{ImageID: 0 or 1}}, or a table of the columns {IMAGE_ID} and {LABEL}"


class SourceInMemory(Source):
    """A pool and test sets as they were given, in the place of files."""

    def __init__(self, data: Any):
        given = Given("data", data).parts(_WHAT, _PARTS, _PARTS)
        self._pool, self._tests = given["embeddings"], given["test_sets"].parts(_TESTS, pattern=files.TASK)
        if not self._tests:
            raise InputError(given["test_sets"].path, "holds no concept", expected=_TESTS)
        self.tasks = list(self._tests)
        self.pool = self._pool.path
        self._dimension: int | None = None

    def embeddings(self, ids: Iterable[str], threads: int) -> tuple[dict[str, int], np.ndarray]:
        """The vectors of ``ids``, and each one's row; ids that the pool lacks have none."""
        table = self._pool.table((IMAGE_ID, VECTOR), "the embeddings")
        wanted = dict.fromkeys(ids)
        place_of: dict[str, int] = {}
        for row, name in enumerate(table.texts(IMAGE_ID)):
            if name in wanted and place_of.setdefault(name, row) != row:
                raise repeated(IMAGE_ID, name, table.place(place_of[name]), table.place(row), "each image once")
        vectors = table.vectors(VECTOR, None)
        self._dimension = vectors.shape[1]
        there = [name for name in wanted if name in place_of]
        return {name: row for row, name in enumerate(there)}, vectors[[place_of[name] for name in there]]

    def test_set(self, task: str) -> files.TestSet:
        """A task's test set."""
        found = self._tests[task].table((VECTOR, LABEL), f"the test set of {task}")
        return files.TestSet([], found.vectors(VECTOR, self._dimension), found.labels(LABEL))

    def training_set(self, submission: HandedIn, task: str) -> tuple[Path, files.TrainingSet]:
        """What is submitted for a task, and its name."""
        path = submission.file(task, task)
        assert isinstance(submission, InMemory)
        given = _as_table(submission.given[task])
        if isinstance(given.value, Mapping) and not {IMAGE_ID, LABEL} <= given.value.keys():
            for name in given.value:
                if not isinstance(name, str):
                    raise InputError(path, "holds the key", "", name, "an image's id, a string")
            values = [of.item() if isinstance(of, np.generic) else of for of in given.value.values()]
            return path, training_sets.of_labels(path, "", dict(zip(given.value, values, strict=True)))
        table = given.table((IMAGE_ID, LABEL), f"a training set, {_SET}")
        ids, labels = table.texts(IMAGE_ID), table.labels(LABEL)
        name, times = Counter(ids).most_common(1)[0]
        if times > 1:
            first = ids.index(name)
            raise repeated(IMAGE_ID, name, (path, first), (path, ids.index(name, first + 1)), "each image once")
        return path, files.training_set(path, ids, labels, [f"row {row}" for row in range(len(ids))])


def _as_table(given: Given) -> Given:
    """A series of pandas, labels by image, as the two columns of a table; anything else as it is."""
    index = getattr(given.value, "index", None)
    is_series = hasattr(index, "__array__") and not hasattr(given.value, "columns")
    return Given(given.name, (index, given.value)) if is_series else given


def training_sets_of(submissions: Any, tasks: Sequence[str]) -> tuple[list[InMemory], list[tuple[str, InputError]]]:
    """The submissions, and names with what is wrong."""
    return submissions_of(submissions, {task: task for task in tasks}.get, " or ".join(tasks), _SET)
