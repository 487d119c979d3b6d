"""What people hand in to the vision board: a training set a concept, csv or JSON, or one JSON file for all concepts.

Source: CoactiveAI/dataperf-vision-selection, ``eval.py``, and submissions that are public.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataperf_fast.boards.vision import files
from dataperf_fast.boards.vision.files import TrainingSet
from dataperf_fast.files.errors import InputError, describe, not_json, shorten
from dataperf_fast.files.handed_in import HandedIn, Named, Recognize
from dataperf_fast.files.labels import binary_labels

_WHAT = 'JSON: {"ImageID": 0 or 1, ..}, or that of each concept by its name'
ALL = "all concepts"


def recognizer(tasks: Sequence[str]) -> Recognize:
    """What ``handed_in.find`` asks: the concept that a csv or a JSON file is named after, in any case of letters.

    ``Cupcake_v2.csv`` is for Cupcake if no other file is. JSON of another name that holds concepts is for all of them.
    """
    known = {task.casefold(): task for task in sorted(tasks, key=len)}

    def recognize(path: Path) -> Named | None:
        if path.suffix.lower() not in (".csv", ".json"):
            return None
        stem = path.stem.casefold()
        if task := known.get(stem):
            return Named(task, rank=int(path.stem != task or path.suffix != path.suffix.lower()))
        begun = [task for name, task in known.items() if re.match(rf"{re.escape(name)}[^a-z0-9]", stem)]
        if begun:
            return Named(begun[-1], rank=2)  # the longest
        return Named(ALL, path.stem) if path.suffix.lower() == ".json" and _holds_concepts(path, known) else None

    return recognize


def read(submission: HandedIn, task: str) -> tuple[Path, TrainingSet]:
    """A submission's training set for a concept, and the file that it is in; ``InputError`` where there is none."""
    if ALL in submission.files and task not in submission.files:
        path = submission.file(ALL, "")
        return path, _of_concept(path, task)
    path = submission.file(task, f"{task}.csv")
    if path.suffix.lower() == ".csv":
        return path, files.read_training_set(path)
    content = _read(path)
    return path, _of_concept(path, task) if _is_nested(content) else of_labels(path, "", content)


def _of_concept(path: Path, task: str) -> TrainingSet:
    concepts = {name.casefold(): (name, of) for name, of in _read(path).items()}
    name, content = concepts.get(task.casefold(), ("", None))
    if not name:
        raise InputError(path, "holds no concept", value=task, expected=_WHAT)
    return of_labels(path, name, content)


def _holds_concepts(path: Path, known: dict[str, str]) -> bool:
    try:
        content = _read(path)
    except InputError:
        return False
    return any(name.casefold() in known for name in content)


def _is_nested(content: dict[str, Any]) -> bool:
    return any(isinstance(of, dict) for of in content.values())


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(files.read_bounded(path, _WHAT), object_pairs_hook=lambda pairs: _each_once(path, pairs))
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, InputError) else not_json(path, error, _WHAT) from error
    if not isinstance(content, dict):
        raise InputError(path, f"holds {describe(content)}", expected=_WHAT)
    return content


def _each_once(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        names = Counter(name for name, _ in pairs)
        raise InputError(path, "holds twice:", value=names.most_common(1)[0][0], expected="each image once")
    return content


def of_labels(path: Path, concept: str, content: Any) -> TrainingSet:
    """The training set that ``{ImageID: 0 or 1}`` is, content of a file or its part for a concept."""
    if not isinstance(content, dict):
        raise InputError(path, "holds", concept, content, _WHAT)
    if not content:
        raise InputError(path, "holds no image", concept, expected=_WHAT)
    start = f"{concept}, " if concept else ""
    places = [f"{start}{shorten(name)}" for name in content]
    labels = binary_labels(content.values(), path, "", places.__getitem__)
    return files.training_set(path, list(content), labels, places)
