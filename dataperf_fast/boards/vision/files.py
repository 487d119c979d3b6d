"""The vision board's files: set-up, submissions, test sets, examples, results; ``embeddings.py`` has the pool's.

Source: CoactiveAI/dataperf-vision-selection, ``main.py``, ``eval.py`` and ``task_setup.yaml``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import yaml
from pyarrow import parquet
from pydantic import BaseModel, Field, create_model

from dataperf_fast.boards.vision.embeddings import IMAGE_ID, VECTOR
from dataperf_fast.files.errors import InputError, require_columns
from dataperf_fast.files.labels import binary_labels
from dataperf_fast.files.numbers import BLANKS
from dataperf_fast.files.paths import read_text, require_file, whole_file, write_text
from dataperf_fast.files.setup_file import find_setup, read_setup, root_of
from dataperf_fast.files.vectors import read_columns, vector_lists

# A file is named after each task: nothing that leaves a folder, hides a file or cannot be seen at a name's end.
TASK = r"[A-Za-z0-9](?:[A-Za-z0-9._+ -]*[A-Za-z0-9_+-])?"
TaskName = Annotated[str, Field(pattern=rf"^{TASK}$")]

LABEL = "Confidence"
_LARGEST_TABLE = 64 << 20  # bytes of a csv: some three million images


@dataclass(frozen=True)
class TaskFiles:
    """Where a task's training csv and test parquet are, relative to the data root."""

    train: Path
    test: Path


class OfficialKeys(BaseModel):
    """The keys of ``task_setup.yaml`` that are there whatever the tasks; others are passed over."""

    data_dir: Path
    emb_file: Path
    dim: Annotated[int, Field(gt=0, le=65_536, strict=True)]
    eval_tasks: Annotated[list[TaskName], Field(min_length=1)]
    results_dir: Path = Path("results")


class VisionSetup(OfficialKeys):
    """What ``task_setup.yaml`` says; ``tasks`` holds the files of each of ``eval_tasks``, in that order."""

    tasks: dict[str, TaskFiles]


@dataclass(frozen=True)
class TrainingSet:
    """A training set's image ids, labels ``(n,)`` uint8 in 0, 1, and the place of each in the file."""

    ids: list[str]
    labels: np.ndarray
    places: list[str]


@dataclass(frozen=True)
class TestSet:
    """A test file's image ids, features ``(m, d)`` float32 and labels ``(m,)`` uint8."""

    ids: list[str]
    features: np.ndarray
    labels: np.ndarray


def open_setup(data: Path) -> tuple[Path, VisionSetup]:
    """Find and read the set-up in a folder, or a set-up file; returns the data root and the set-up.

    Raises ``InputError`` where the file or a key is missing or does not fit, with the key's line.
    """
    what = "the vision board's task_setup.yaml"
    path = find_setup(data, ("task_setup.yaml", "task_setup.yml"), what)
    keys = read_setup(path, OfficialKeys, what)
    for index, task in enumerate(keys.eval_tasks):
        if task in keys.eval_tasks[:index]:
            raise InputError(path, "is listed twice:", f"eval_tasks.{index}", task, "each task once")
    # Tasks are keys beside the others: only a schema made of their names finds the lines of what is wrong.
    fields: dict[str, Any] = {f"task{n}": (tuple[str, str], Field(alias=t)) for n, t in enumerate(keys.eval_tasks)}
    pairs = read_setup(path, create_model("Tasks", **fields), f"{what}: each task's [train csv, test parquet]")
    tasks = {
        task: TaskFiles(*map(Path, getattr(pairs, f"task{number}"))) for number, task in enumerate(keys.eval_tasks)
    }
    root = root_of(data, path, ("emb_file",), keys.data_dir / keys.emb_file)
    return root / keys.data_dir, VisionSetup(**dict(keys), tasks=tasks)


def read_training_set(path: Path) -> TrainingSet:
    """Read a training csv with the columns ImageID and Confidence, 0 or 1; other columns are passed over.

    Raises ``InputError`` with the line for a file that is too large, no csv or empty, a missing column, a row of too
    many or too few fields, an id that is empty or there twice, another label, and a file of one label only.
    """
    what = f"a csv with the columns {IMAGE_ID} and {LABEL}, 0 or 1"
    rows = list(_read_rows(path, (IMAGE_ID, LABEL), what))
    places = [f"line {line}" for line, _ in rows]
    return training_set(path, [row[IMAGE_ID] for _, row in rows], _labels(path, rows), places)


def training_set(path: Path, ids: list[str], labels: np.ndarray, places: list[str]) -> TrainingSet:
    """A training set of a file's ids and labels, both of which must be there; ``places`` say where each stands."""
    if labels.min() == labels.max():
        raise InputError(path, "holds only the label", value=int(labels[0]), expected="rows of both labels, 0 and 1")
    return TrainingSet(ids, labels, places)


def read_examples(folder: Path, task: str) -> list[str]:
    """Read the ids of a task's positive examples, in the data root's ``examples``.

    Rows that a column Confidence, which may be missing, labels 0 are passed over. Raises ``InputError`` as
    ``read_training_set`` does.
    """
    path = examples_path(folder, task)
    rows = list(_read_rows(path, (IMAGE_ID,), f"a csv with the column {IMAGE_ID}: examples of {task}"))
    return [row[IMAGE_ID] for (_, row), label in zip(rows, _labels(path, rows), strict=True) if label]


def _labels(path: Path, rows: Sequence[tuple[int, dict[str, str]]]) -> np.ndarray:
    """The rows' labels, 1 where there is no column of them."""
    texts = (row.get(LABEL, "1") for _, row in rows)
    return binary_labels(texts, path, LABEL, lambda row: f"line {rows[row][0]}")


def examples_path(folder: Path, task: str) -> Path:
    """The csv file of a concept's example images."""
    return folder / "examples" / f"alpha_example_set_{task}.csv"


def read_bounded(path: Path, what: str) -> str:
    """Read a text file that is no larger than any training set."""
    require_file(path, what)
    if path.stat().st_size > _LARGEST_TABLE:
        raise InputError(path, f"is too large ({path.stat().st_size} bytes)", expected=f"at most {_LARGEST_TABLE}")
    return read_text(path, what)


def _read_rows(path: Path, columns: Sequence[str], what: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row with its line; values have no spaces around them, and no ImageID is empty or comes twice."""
    text = read_bounded(path, what)
    if "\0" in text:
        raise InputError(path, "holds a NUL byte", f"line {text.count(chr(10), 0, text.index(chr(0))) + 1}", None, what)
    line_of: dict[str, int] = {}
    for line, row in _parse_rows(path, text, columns, what):
        name = row[IMAGE_ID]
        if not name:
            raise InputError(path, f"holds no {IMAGE_ID}", f"line {line}", expected="an image's id")
        if (first := line_of.setdefault(name, line)) != line:
            raise InputError(path, f"repeats line {first}'s {IMAGE_ID}", f"line {line}", name, "each image once")
        yield line, row
    if not line_of:
        raise InputError(path, "holds no rows", expected=what)


def _parse_rows(path: Path, text: str, columns: Sequence[str], what: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    line = 1
    try:
        for fields in reader:
            row = [field.strip(BLANKS) for field in fields]
            if not header:
                header = row or [""]
                require_columns(path, header, columns, what, "line 1")
            elif row and len(row) != len(header):
                raise InputError(path, f"holds {len(row)} fields", f"line {line}", expected=f"{len(header)}, as line 1")
            elif row:  # blank lines are no rows
                yield line, dict(zip(header, row, strict=True))
            line = reader.line_num + 1  # a quoted field may hold a line's end
    except csv.Error as error:
        raise InputError(path, f"is not a csv file ({error})", f"line {line}", expected=what) from error


def read_test_set(path: Path, dimension: int) -> TestSet:
    """Read a test parquet with the columns ImageID, Confidence (0 or 1, of any type) and embedding.

    Raises ``InputError`` with the row for another label or a vector that does not fit, and for a file without rows.
    """
    what = f"a test set: a parquet file with the columns {IMAGE_ID}, {LABEL} and {VECTOR}"
    found = read_columns(path, [IMAGE_ID, LABEL, VECTOR], what)
    if not len(found):
        raise InputError(path, "holds no rows", expected=what)
    return TestSet(found.texts(IMAGE_ID), found.vectors(VECTOR, dimension), found.labels(LABEL))


def write_setup(folder: Path, setup: VisionSetup) -> Path:
    """Write ``task_setup.yaml``."""
    keys = setup.model_dump(mode="json", exclude={"tasks"})
    pairs = {task: [files.train.as_posix(), files.test.as_posix()] for task, files in setup.tasks.items()}
    path = folder / "task_setup.yaml"
    write_text(path, yaml.safe_dump({**keys, **pairs}, sort_keys=False))
    return path


def write_training_set(path: Path, ids: Sequence[str], labels: np.ndarray) -> None:
    """Write a training csv of ids and labels ``(n,)`` in 0, 1."""
    rows = io.StringIO(newline="")
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow((IMAGE_ID, LABEL))
    writer.writerows(zip(ids, labels.tolist(), strict=True))
    write_text(path, rows.getvalue())


def write_examples(folder: Path, task: str, ids: Sequence[str]) -> Path:
    """Write a task's positive examples to the data root's ``examples``."""
    path = examples_path(folder, task)
    write_training_set(path, ids, np.ones(len(ids), dtype=np.uint8))
    return path


def write_test_set(path: Path, ids: Sequence[str], labels: np.ndarray, features: np.ndarray) -> None:
    """Write a test parquet of ids, labels ``(m,)`` and vectors ``(m, d)``; labels are strings, as officially."""
    texts = {IMAGE_ID: ids, LABEL: [str(label) for label in labels.tolist()]}
    columns = {name: pa.array(values, type=pa.string()) for name, values in texts.items()}
    columns[VECTOR] = vector_lists(features)
    with whole_file(path) as aside:
        parquet.write_table(pa.table(columns), aside)


def write_result(folder: Path, scores: dict[str, dict[str, float]], when: datetime) -> Path:
    """Write each task's metrics to ``result_UTC-{time}.json`` as the reference does; a naive ``when`` is in UTC.

    A result that is there already stays: the new one has the next second that is free.
    """
    moment = when.astimezone(UTC) if when.tzinfo else when
    while (path := folder / f"result_UTC-{moment:%Y-%m-%d-%H-%M-%S}.json").exists():
        moment += timedelta(seconds=1)
    write_text(path, json.dumps(scores, indent=4))
    return path
