"""The debugging board's files: ``task_setup.yml``, embeddings, ground truth, submissions, results.

Source: DS3Lab/dataperf-vision-debugging, ``app/main.py`` and ``app/create_baselines.py``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import numpy as np
import pyarrow as pa
import yaml
from pyarrow import parquet
from pydantic import BaseModel, Field

from dataperf_fast.files.debris import is_about
from dataperf_fast.files.errors import InputError, meant, require_columns
from dataperf_fast.files.handed_in import Named, Recognize
from dataperf_fast.files.labels import binary_labels
from dataperf_fast.files.names import spelled
from dataperf_fast.files.numbers import BLANKS, decimal
from dataperf_fast.files.paths import read_text, whole_file, write_text
from dataperf_fast.files.setup_file import find_setup, read_setup, root_of
from dataperf_fast.files.vectors import read_columns, vector_lists

DATA_ID = r"[A-Za-z0-9][A-Za-z0-9.+-]*"
DataId = Annotated[str, Field(pattern=rf"^{DATA_ID}$")]
Size = Annotated[int, Field(gt=0)]

NAMED = "{data_id}_{method}.txt"

_ROW = re.compile(r"-?[0-9]{1,18}")
_LONGEST_LINE = 32
_LONGEST_TIME = 100


class Paths(BaseModel):
    """Folders, relative to the one that ``open_setup`` finds."""

    embedding_folder: Path
    groundtruth_folder: Path
    submission_folder: Path
    results_folder: Path = Path("results")


class TaskSetup(BaseModel):
    """One task's name and sizes; ``data_id`` holds no underscore, which separates it from the method."""

    data_id: DataId
    train_size: Size
    noise_level: int | float
    test_size: Size
    val_size: Size


class DebuggingSetup(BaseModel):
    """What ``task_setup.yml`` says."""

    paths: Paths
    tasks: Annotated[list[TaskSetup], Field(min_length=1)]


@dataclass(frozen=True)
class Vectors:
    """One embedding file: names, features ``(rows, d)`` float32, labels ``(rows,)`` uint8."""

    names: list[str]
    features: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Task:
    """A debugging task: the training set as given, its true labels ``(n,)`` uint8, and the test set."""

    data_id: str
    train: Vectors
    true_labels: np.ndarray
    test: Vectors


@dataclass(frozen=True)
class OrderFile:
    """A file ``{data_id}_{method}.txt``."""

    data_id: str
    method: str
    path: Path

    def read(self, rows: int) -> np.ndarray:
        """The order, as ``read_submission`` has it."""
        return read_submission(self.path, rows)

    def read_seconds(self) -> float | None:
        """What its method took, as ``read_time`` has it."""
        return read_time(self.path)


class Source(Protocol):
    """Where a task is: in files, or in memory."""

    @property
    def train(self) -> Path:
        """The training set's file, or name."""

    def read(self, dimension: int | None) -> Task:
        """The task, with vectors of this length, any if None."""


@dataclass(frozen=True)
class TaskFiles:
    """Where a task's files are."""

    folder: Path
    setup: DebuggingSetup
    task: TaskSetup

    @property
    def train(self) -> Path:
        """The training set's."""
        return embedding_path(self.folder, self.setup, self.task, "train")

    def read(self, dimension: int | None) -> Task:
        """The task, as ``read_task`` has it."""
        return read_task(self.folder, self.setup, self.task, dimension)


def open_setup(data: Path) -> tuple[Path, DebuggingSetup]:
    """Find and read the set-up of a data folder, or of a set-up file; returns its paths' folder and the set-up."""
    what = "the debugging board's task_setup.yml"
    path = find_setup(data, ("task_setup.yml", "task_setup.yaml"), what)
    setup = read_setup(path, DebuggingSetup, what)
    seen: set[str] = set()
    for index, task in enumerate(setup.tasks):
        if task.data_id in seen:
            raise InputError(path, "is listed twice:", f"tasks.{index}.data_id", task.data_id)
        seen.add(task.data_id)
    return root_of(data, path, ("paths", "embedding_folder"), setup.paths.embedding_folder), setup


def embedding_path(folder: Path, setup: DebuggingSetup, task: TaskSetup, part: str) -> Path:
    """The parquet file of a task's ``part``: train, test or val."""
    size = {"train": f"{task.noise_level}_{task.train_size}", "test": task.test_size, "val": task.val_size}[part]
    return folder / setup.paths.embedding_folder / f"{task.data_id}_{part}_{size}.parquet"


def true_labels_path(folder: Path, setup: DebuggingSetup, task: TaskSetup) -> Path:
    """The csv file of a task's true labels."""
    return folder / setup.paths.groundtruth_folder / f"dataset_{task.data_id}_train.csv"


def read_vectors(folder: Path, setup: DebuggingSetup, task: TaskSetup, part: str, dimension: int | None) -> Vectors:
    """Read one embedding file and check it: columns, number of rows, vector lengths, finite values, 0/1 labels."""
    path = embedding_path(folder, setup, task, part)
    found = read_columns(path, ["filename", "encoding", "label"], f"the {part} embeddings of task {task.data_id}")
    size = {"train": task.train_size, "test": task.test_size, "val": task.val_size}[part]
    if len(found) != size:
        raise InputError(path, f"holds {len(found)} rows", expected=f"{size}, the {part}_size of task_setup")
    return Vectors(found.texts("filename"), found.vectors("encoding", dimension), found.labels("label"))


def read_task(folder: Path, setup: DebuggingSetup, task: TaskSetup, dimension: int | None) -> Task:
    """Read what scoring a task needs: training and test embeddings and the true labels of the training rows."""
    train = read_vectors(folder, setup, task, "train", dimension)
    test = read_vectors(folder, setup, task, "test", train.features.shape[1])
    path = true_labels_path(folder, setup, task)
    return Task(task.data_id, train, _true_labels(path, train.names), test)


def _true_labels(path: Path, names: list[str]) -> np.ndarray:
    """Look up each training row's true label by its file name, the first that it has; other names' are passed over."""
    what = "a csv with the columns ImageID and hv_label"
    reader = csv.DictReader(io.StringIO(read_text(path, what), newline=""))
    first: dict[str, tuple[str, int]] = {}
    try:
        require_columns(path, list(reader.fieldnames or []), ("ImageID", "hv_label"), what, "line 1")
        for row in reader:
            first.setdefault(row["ImageID"], (row["hv_label"], reader.line_num))
    except csv.Error as error:
        raise InputError(path, f"is not a csv file ({error})", f"line {reader.line_num}", expected=what) from error
    listed = spelled(names, first)
    for row_index, name in enumerate(listed):
        if name not in first:
            raise InputError(path, "has no ImageID", value=name, expected=f"the file name of training row {row_index}")
    labels = (first[name][0] for name in listed)
    return binary_labels(labels, path, "hv_label", lambda row: f"line {first[listed[row]][1]}")


def recognizer(data_ids: Sequence[str], by_folder: bool) -> Recognize:
    """What ``handed_in.find`` asks: a name's data id and method; ``time_*.txt`` and other endings are passed over.

    ``by_folder``: the folder is the submission, whatever a name holds after the data id, and files of tasks in other
    data are passed over too.
    """
    known = {data_id.casefold(): data_id for data_id in data_ids}

    def recognize(path: Path) -> Named | None:
        if path.suffix.lower() != ".txt" or path.name.startswith("time_") or is_about(path.name):
            return None
        data_id, _, method = path.stem.partition("_")
        task = known.get(data_id.casefold())
        if task and (method or by_folder):
            return Named(task, "" if by_folder else method, int(task != data_id))
        if by_folder:
            return None
        expected = f"{nearest_name(path.stem, data_ids) or NAMED} with data_id {', '.join(data_ids)}"
        raise InputError(path, "is named after no task of the set-up", expected=expected)

    return recognize


def nearest_name(stem: str, data_ids: Sequence[str]) -> str:
    """The official name that a file was probably meant to have; nothing where none is near."""
    words = _joined(stem)
    for data_id in sorted(data_ids, key=len, reverse=True):
        if f"{words}-".startswith(f"{_joined(data_id)}-"):
            return f"{data_id}_{stem[len(data_id) + 1 :] or '{method}'}.txt"
    data_id, _, method = stem.partition("_")
    near = meant(data_id, data_ids)
    return f"{near}_{method or '{method}'}.txt" if near else ""


def _joined(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "-", name).casefold()


def read_submission(path: Path, rows: int) -> np.ndarray:
    """Read an order of inspection: every row 0 .. rows - 1 once, one a line, in any decimal form.

    Returns int64 ``(rows,)``.
    """
    what = f"each row 0 to {rows - 1} once, one a line"
    if path.is_file() and path.stat().st_size > (rows + 1000) * _LONGEST_LINE:
        raise InputError(path, f"is too large ({path.stat().st_size} bytes)", expected=what)
    lines = read_text(path, f"a submission: {what}").rstrip(f"{BLANKS}\n").split("\n")
    if lines == [""]:
        raise InputError(path, "is empty", expected=what)
    return order_of(path, lines, rows, [f"line {number}" for number in range(1, len(lines) + 1)])


def order_of(path: Path, texts: Sequence[str], rows: int, places: Sequence[str]) -> np.ndarray:
    """An order of inspection, int64 ``(rows,)``, of rows as texts; ``places`` say where in ``path`` each stands."""
    what = f"each row 0 to {rows - 1} once, one a line"
    place_of: dict[int, str] = {}
    for place, line in zip(places, texts, strict=True):
        text = line.strip(BLANKS)
        exact = int(text) if _ROW.fullmatch(text) else decimal(text)
        if exact is None or exact.denominator != 1:
            problem = "holds no integer:" if text else "holds no row"
            raise InputError(path, problem, place, text or None, what)
        row = int(exact)
        if not 0 <= row < rows:
            raise InputError(path, "holds the row", place, row, f"0 to {rows - 1}")
        if row in place_of:
            raise InputError(path, f"repeats {place_of[row]}'s row", place, row, what)
        place_of[row] = place
    if len(place_of) < rows:
        missing = min(set(range(rows)) - place_of.keys())
        raise InputError(
            path, f"lists {len(place_of)} of {rows} rows; the first one missing is", value=missing, expected=what
        )
    return np.fromiter(place_of, dtype=np.int64, count=rows)


def read_time(path: Path) -> float | None:
    """The seconds that a submission's method took, from the ``time_*.txt`` file beside it; None where there is none."""
    beside = path.with_name(f"time_{path.name}")
    what = "the seconds that the method took, one number from 0"
    if not beside.exists():
        return None
    if beside.is_file() and beside.stat().st_size > _LONGEST_TIME:
        raise InputError(beside, f"is too large ({beside.stat().st_size} bytes)", expected=what)
    text = read_text(beside, what).strip(f"{BLANKS}\n")
    exact = decimal(text)
    if exact is None or exact < 0:
        raise InputError(beside, "holds", "line 1", text, what)
    return float(exact)


def write_result(
    folder: Path, data_id: str, before: float, curves: dict[str, np.ndarray], fractions: dict[str, float]
) -> Path:
    """Write ``{data_id}_evaluation.json`` as the reference does; a curve is the accuracies after 1, 2 .. fixes."""
    evaluations = [
        {"submission": method, "accuracy": float(accuracy), "fixes": fixes}
        for method, curve in curves.items()
        for fixes, accuracy in enumerate(curve, start=1)
    ]
    scores = {method: {"auc": -1, "fraction_fixes": fraction} for method, fraction in fractions.items()}
    result = {"before_acc": before, "submitted_evaluations": evaluations, "auc_score": scores}
    path = folder / f"{data_id}_evaluation.json"
    write_text(path, json.dumps(result))
    return path


def write_submission(folder: Path, data_id: str, method: str, order: Iterable[int], seconds: float) -> Path:
    """Write a submission and, beside it, ``time_{data_id}_{method}.txt``, the seconds that the method took."""
    path = folder / f"{data_id}_{method}.txt"
    write_text(path, "".join(f"{row}\n" for row in order))
    write_text(folder / f"time_{path.name}", f"{seconds}")
    return path


def write_setup(folder: Path, setup: DebuggingSetup) -> Path:
    """Write ``task_setup.yml``."""
    path = folder / "task_setup.yml"
    write_text(path, yaml.safe_dump(setup.model_dump(mode="json"), sort_keys=False))
    return path


def write_vectors(path: Path, vectors: Vectors) -> None:
    """Write one embedding file; equal vectors give equal bytes."""
    columns = {
        "filename": pa.array(vectors.names),
        "encoding": vector_lists(vectors.features),
        "label": pa.array(vectors.labels.astype(np.int64)),
    }
    with whole_file(path) as aside:
        parquet.write_table(pa.table(columns), aside)


def write_true_labels(path: Path, names: list[str], labels: np.ndarray) -> None:
    """Write ``dataset_{data_id}_train.csv``."""
    rows = "".join(f"{name},{label}\n" for name, label in zip(names, labels, strict=True))
    write_text(path, f"ImageID,hv_label\n{rows}")
