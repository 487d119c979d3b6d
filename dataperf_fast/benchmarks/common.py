"""What every board's records have in common, and what a caller may choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from dataperf_fast.engine import Engine
from dataperf_fast.formats.errors import InputError
from dataperf_fast.results import Record


class SubmissionFolder(Protocol):
    """A submission that is a folder, a file a task: ``formats.vision.Submission`` and acquisition's."""

    @property
    def name(self) -> str:
        """The folder's name."""
        ...

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    @property
    def files(self) -> dict[Any, Path]:
        """Its files by task."""
        ...


Found = TypeVar("Found")
Folder = TypeVar("Folder", bound=SubmissionFolder)


@dataclass(frozen=True)
class Options:
    """Choices that only some boards have: whole curves (debugging), one of a board's models (it and acquisition)."""

    curve: bool = False
    model: str | None = None


@dataclass(frozen=True)
class Board:
    """How a board's records begin: its name, its metric, and which way is better."""

    name: str
    metric: str
    higher_is_better: bool

    def record(self, task: str, submission: str, score: float, engine: Engine, **values: Any) -> Record:
        """A scored submission's record."""
        return Record(
            self.name, task, submission, "ok", self.metric, score, self.higher_is_better,
            backend=engine.backend.name, **values,
        )  # fmt: skip

    def invalid(self, task: str, submission: str, error: InputError, engine: Engine) -> Record:
        """The record of a submission that cannot be scored."""
        return Record(
            self.name, task, submission, "invalid", self.metric, None, self.higher_is_better,
            backend=engine.backend.name, error=error.line,
        )  # fmt: skip

    def mean(self, records: Sequence[Record], tasks: int, engine: Engine) -> Record:
        """A submission's average over the board's tasks; invalid unless every one of them was scored."""
        name = records[0].submission
        scores = [record.score for record in records if record.score is not None]
        mean = Record(
            self.name, "mean", name, "ok", self.metric, None, self.higher_is_better,
            {"tasks": len(scores)}, engine.backend.name,
        )  # fmt: skip
        if len(scores) == tasks:
            mean.score = float(np.mean(scores))
        else:
            mean.status, mean.error = "invalid", f"{name}: only {len(scores)} of {tasks} tasks were scored"
        mean.retrains, mean.distinct = sum(r.retrains for r in records), sum(r.distinct for r in records)
        mean.rechecked, mean.seconds = sum(r.rechecked for r in records), sum(r.seconds for r in records)
        return mean


def find_each(
    paths: Sequence[Path], find: Callable[[Sequence[Path]], list[Found]]
) -> tuple[list[Found], list[tuple[Path, InputError]]]:
    """Find submissions path by path, so that a path without any costs only itself, unless none of them holds any."""
    found: list[Found] = []
    errors: list[tuple[Path, InputError]] = []
    for path in paths:
        try:
            found += find([path])
        except InputError as error:
            errors.append((path, error))
    if not found:
        raise errors[0][1] if errors else InputError("--submissions", "names nothing")
    return found, errors


def find_folders(
    paths: Sequence[Path], find: Callable[[Sequence[Path]], list[Folder]], board: Board, engine: Engine
) -> tuple[list[Folder], list[Record]]:
    """Find submissions that are folders, each name once, and the records of what is none."""
    found, errors = find_each(paths, find)
    refused = [board.invalid("", path.name, error, engine) for path, error in errors]
    by_name: dict[str, Folder] = {}
    for submission in found:
        first = by_name.setdefault(submission.name, submission)
        if first.path.resolve() == submission.path.resolve():
            first.files.update(submission.files)
        else:
            error = InputError(submission.path, f"has the same folder name as {first.path}")
            refused.append(board.invalid("", submission.name, error, engine))
    return list(by_name.values()), refused
