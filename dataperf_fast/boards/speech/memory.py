"""Speech's languages and selections in memory, read with the files' own checks.

``data`` is a mapping from languages to what their folders hold: ``allowed_training_set`` and ``eval``, selections, and
``train_embeddings`` and ``eval_embeddings``, tables of the columns clip_id and mswc_embedding_vector. A selection is
``{"targets": {word: [clip ids]}, "nontargets": [clip ids]}``; a submission is one for each ``{language}_{size}``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dataperf_fast.boards.speech import files
from dataperf_fast.boards.speech.board import Language
from dataperf_fast.boards.speech.files import CLIP_ID, VECTOR
from dataperf_fast.boards.speech.selection import Selection, selection_of
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.in_memory import Given, submissions_of
from dataperf_fast.files.names import spelled
from dataperf_fast.files.vectors import Columns, repeated

_PARTS = ("allowed_training_set", "train_embeddings", "eval", "eval_embeddings")
_WHAT = f"a mapping of {', '.join(_PARTS)}"
_LANGUAGES = f"a mapping from languages, en for instance, to what their folders hold, each {_WHAT}"


class LanguageInMemory(Language):
    """A language as it was given, in the place of its folder."""

    def __init__(self, given: Given):
        self._given = given.parts(_WHAT, _PARTS, _PARTS)
        super().__init__(given.path)

    def listed(self, name: str, what: str) -> tuple[Path, Selection]:
        """One of the two official sets, and its name."""
        path = self._given[name].path
        return path, files.official(path, _selection(self._given[name], what))

    def clips(self, part: str, selections: Iterable[Selection], dimension: int | None, threads: int) -> files.Clips:
        """The clips that any of the selections lists, word after word as from files."""
        given = self._given[part]
        table = given.table((CLIP_ID, VECTOR), "clips of all words")
        ids = table.texts(CLIP_ID)
        row_of: dict[str, int] = {}
        for row, clip_id in enumerate(ids):
            if row_of.setdefault(clip_id, row) != row:
                raise repeated(CLIP_ID, clip_id, table.place(row_of[clip_id]), table.place(row), "each clip once")
        names: list[str] = []
        rows: list[int] = []
        for wanted in map(sorted, files.wanted_clips(selections).values()):
            there = dict(zip(spelled(wanted, row_of), wanted, strict=True))
            if absent := there.keys() - row_of.keys():
                raise InputError(
                    given.path, f"holds no {CLIP_ID}", value=min(absent), expected="all clips that are listed"
                )
            of_word = sorted(there, key=row_of.__getitem__)
            names += [there[clip_id] for clip_id in of_word]
            rows += [row_of[clip_id] for clip_id in of_word]
        features = _taken(table, rows, dimension)
        return files.Clips(features, dict(zip(names, range(len(names)), strict=True)))


def _taken(table: Columns, rows: list[int], dimension: int | None) -> np.ndarray:
    """The vectors of some rows, in their order."""
    vectors = table.vectors(VECTOR, dimension)
    return vectors if rows == list(range(len(vectors))) else vectors[rows]


@dataclass(frozen=True)
class SelectionInMemory(files.SelectionFile):
    """A selection as it was given, in the place of its file."""

    given: Given = field(compare=False)

    def read(self) -> Selection:
        """What it lists, whether that is allowed or not."""
        return _selection(self.given, f"a submission to {self.task}: targets and nontargets")


def _selection(given: Given, what: str) -> Selection:
    """A selection with lists in the place of arrays, columns and tuples."""
    content = {name: part.value for name, part in given.parts(what).items()}
    ids = "a list of clip ids"
    if isinstance(targets := content.get("targets"), Mapping):
        name = f"{given.name}['targets']"
        content["targets"] = {word: Given(f"{name}[{word!r}]", of).values(ids) for word, of in targets.items()}
    if "nontargets" in content:
        content["nontargets"] = Given(f"{given.name}['nontargets']", content["nontargets"]).values(ids)
    return selection_of(given.path, content)


def languages_of(data: Any) -> dict[str, Callable[[], Language]]:
    """What opens each language, sorted as folders are."""
    given = Given("data", data)
    found = given.parts(_LANGUAGES, pattern="[a-z]{2,3}")
    if not found:
        raise InputError(given.path, "holds no language", expected=_LANGUAGES)
    return {language: partial(LanguageInMemory, found[language]) for language in sorted(found)}


def selections_of(
    submissions: Any, languages: Collection[str]
) -> tuple[list[files.SelectionFile], list[tuple[str, InputError]]]:
    """The selections, and names with what is wrong."""

    def task_of(key: str) -> tuple[str, int] | None:
        match = files.TASK_NAME.fullmatch(key)
        return (match[1], int(match[2])) if match and match[1] in languages else None

    tasks = " or ".join(f"{language}_{size}" for language in languages for size in files.BOARD_SIZES)
    found, refused = submissions_of(submissions, task_of, tasks, "a selection")
    files_of: list[files.SelectionFile] = []
    for one in found:
        for (language, size), of in one.given.items():
            files_of.append(SelectionInMemory(language, size, one.name, one.files[language, size], of))
    return files_of, refused
