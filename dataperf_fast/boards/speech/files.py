"""The speech board's files: folders a language, submissions, clip vectors; selections stand in ``selection.py``.

Source: harvard-edge/dataperf-speech-example, ``eval.py`` and ``selection/``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from dataperf_fast.boards.speech.selection import Selection, read_selection, show_place, word_of
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.handed_in import Named
from dataperf_fast.files.names import spelled, spelled_path
from dataperf_fast.files.paths import whole_file
from dataperf_fast.files.vectors import Columns, read_columns, read_row_count, repeated, vector_lists

_MOST_CLASSES = 255  # they are kept in a byte
LANGUAGES = ("en", "id", "pt")
BOARD_SIZES = (25, 60)

LANGUAGE_FOLDER = re.compile(r"dataperf_([a-z]{2,3})_data")
TASK_NAME = re.compile(r"([a-z]{2,3})_([0-9]{1,6})", re.ASCII)
_SUBMISSION_NAME = re.compile(rf"{TASK_NAME.pattern}_train\.json", re.ASCII)
NAMED = "files named {language}_{size}_train.json"
CLIP_ID, VECTOR = "clip_id", "mswc_embedding_vector"


@dataclass(frozen=True)
class SelectionFile:
    """A file ``{language}_{size}_train.json`` in the folder ``name``; ``size`` is its limit of ids."""

    language: str
    size: int
    name: str
    path: Path

    @property
    def task(self) -> str:
        """The board's name, as ``en_25``."""
        return f"{self.language}_{self.size}"

    def read(self) -> Selection:
        """What it lists, whether that is allowed or not."""
        return read_selection(self.path, f"a submission to {self.task}: targets and nontargets")


@dataclass(frozen=True)
class AllowedIds:
    """An allowed set's ids as sets."""

    targets: dict[str, frozenset[str]]
    nontargets: frozenset[str]


@dataclass(frozen=True)
class Clips:
    """Vectors of clips ``(n, d)`` float32 in the order read, and each clip id's row."""

    features: np.ndarray
    row_of: dict[str, int]


def find_languages(data: Path) -> dict[str, Path]:
    """Find the folders ``dataperf_{language}_data`` in ``data``, sorted by language; ``data`` may be one itself."""
    what = "a folder that holds dataperf_{language}_data, or is one"
    if not data.is_dir():
        raise InputError(data, "is not a folder" if data.exists() else "no such folder", expected=what)
    if own := LANGUAGE_FOLDER.fullmatch(data.resolve().name):
        return {own[1]: data}
    folders = sorted(path for path in data.iterdir() if path.is_dir())
    found = {match[1]: path for path in folders if (match := LANGUAGE_FOLDER.fullmatch(path.name))}
    if not found:
        raise InputError(data, "holds no language's folder", expected=what)
    return found


class Board(NamedTuple):
    """A language and a size, which is shown as tasks are named: ``en_25``."""

    language: str
    size: int

    def __str__(self) -> str:
        return f"{self.language}_{self.size}"


def recognize(path: Path) -> Named | None:
    """What ``handed_in.find`` asks: a name's language and size."""
    match = _SUBMISSION_NAME.fullmatch(path.name.lower())
    return Named(Board(match[1], int(match[2])), rank=int(path.name != path.name.lower())) if match else None


def allowed_ids(allowed: Selection) -> AllowedIds:
    """Make the sets that every submission to a language is looked up in."""
    targets = {word: frozenset(ids) for word, ids in allowed.targets.items()}
    return AllowedIds(targets, frozenset(allowed.nontargets))


def read_official(path: Path, what: str) -> Selection:
    """Read an allowed or an evaluation set: a selection that lists no clip twice."""
    return official(path, read_selection(path, what))


def official(path: Path, selection: Selection) -> Selection:
    """An allowed or an evaluation set, if it lists no clip twice."""
    place_of: dict[str, str] = {}
    lists = [(("targets", word), ids) for word, ids in selection.targets.items()]
    for location, ids in [*lists, (("nontargets",), selection.nontargets)]:
        for row, clip_id in enumerate(ids):
            first = place_of.setdefault(clip_id, place := show_place((*location, row)))
            if first != place:
                raise InputError(path, f"repeats {first}:", place, clip_id, "each clip once")
    return selection


def by_word(clip_ids: Collection[str]) -> dict[str, list[str]]:
    """Group clips by their word, in order of first appearance."""
    groups: dict[str, list[str]] = {}
    for clip_id in clip_ids:
        groups.setdefault(word_of(clip_id), []).append(clip_id)
    return groups


def wanted_clips(selections: Iterable[Selection]) -> dict[str, set[str]]:
    """The clips of each word's file that any of the selections lists, as ``read_clips`` wants them."""
    wanted: dict[str, set[str]] = {}
    for selection in selections:
        for word, ids in [*selection.targets.items(), *by_word(selection.nontargets).items()]:
            if ids:
                wanted.setdefault(word, set()).update(ids)
    return wanted


def class_numbers(path: Path, words: Collection[str]) -> dict[str, int]:
    """Number the classes of an allowed set: its words in sorted order from 1; nontarget is 0."""
    if not 0 < len(words) < _MOST_CLASSES:
        raise InputError(path, f"lists {len(words)} words", "targets", expected=f"1 to {_MOST_CLASSES - 1}")
    return {word: number + 1 for number, word in enumerate(sorted(words))}


def read_submission(file: SelectionFile, allowed: Selection, allowed_ids: AllowedIds) -> Selection:
    """Read a submission and check it against the rules: allowed words and ids, none twice, few enough, two classes."""
    chosen = _as_allowed(file.read(), allowed_ids)
    for word in chosen.targets:
        if word not in allowed_ids.targets:
            raise InputError(
                file.path, "is not a target word:", "targets", word, f"one of {', '.join(sorted(allowed.targets))}"
            )
    count = sum(map(len, chosen.targets.values())) + len(chosen.nontargets)
    if count > file.size:
        raise InputError(file.path, f"lists {count} clips", expected=f"at most {file.size}, as the name says")
    place_of: dict[str, str] = {}
    lists = [(("targets", word), ids, allowed_ids.targets[word]) for word, ids in chosen.targets.items()]
    for location, ids, allowed_here in [*lists, (("nontargets",), chosen.nontargets, allowed_ids.nontargets)]:
        for row, clip_id in enumerate(ids):
            place = show_place((*location, row))
            if clip_id not in allowed_here:
                expected = f"a clip of {show_place(location)} in the allowed training set"
                raise InputError(file.path, "is not allowed here:", place, clip_id, expected)
            if clip_id in place_of:
                raise InputError(file.path, f"repeats {place_of[clip_id]}:", place, clip_id, "each clip once")
            place_of[clip_id] = place
    classes = sum(map(bool, [*chosen.targets.values(), chosen.nontargets]))
    if classes < 2:
        raise InputError(
            file.path, f"has clips of {classes} classes", expected="at least 2, or no model can be trained"
        )
    return chosen


def _as_allowed(chosen: Selection, allowed_ids: AllowedIds) -> Selection:
    """The selection with words and ids as the allowed set spells them."""
    words = spelled(list(chosen.targets), allowed_ids.targets)
    if len(set(words)) < len(words):
        words = list(chosen.targets)  # one word in two forms
    lists = zip(words, chosen.targets.values(), strict=True)
    targets = {word: spelled(ids, allowed_ids.targets.get(word, ())) for word, ids in lists}
    return Selection(targets, spelled(chosen.nontargets, allowed_ids.nontargets))


def read_clips(
    folder: Path, wanted: Mapping[str, Collection[str] | None], dimension: int | None, threads: int = 1
) -> Clips:
    """Read the vectors of clips from ``{word}.parquet`` in ``folder``, word after word in the order of ``wanted``.

    ``wanted`` names each word's clips, or None for every one; a word's rows stay in its file's order. Every vector in
    the files must be finite and ``dimension`` long (None: as the first one). Raises ``InputError`` for a file or clip
    that is missing, broken or there twice. Holds one matrix, and one file's table a thread.
    """
    keep = {word: None if ids is None else frozenset(ids) for word, ids in wanted.items()}
    counts = [_row_count(_clip_path(folder, word)) if ids is None else len(ids) for word, ids in keep.items()]
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).tolist()
    width = _dimension(folder, keep) if dimension is None else dimension
    features = np.empty((starts[-1], width), dtype=np.float32)

    def read(number: int, word: str) -> list[str]:
        return _read_word(_clip_path(folder, word), keep[word], features[starts[number] : starts[number + 1]])

    with ThreadPoolExecutor(max(1, threads)) as pool:
        parts = list(pool.map(read, range(len(keep)), keep))
    names = [name for part in parts for name in part]
    row_of = dict(zip(names, range(len(names)), strict=True))
    if len(row_of) != len(names):
        row = next(row for row, name in enumerate(names) if row_of[name] != row)
        words = list(keep)
        first, last = (words[int(np.searchsorted(starts, at, side="right")) - 1] for at in (row, row_of[names[row]]))
        raise InputError(_clip_path(folder, last), f"shares with {first}.parquet the clip", value=names[row])
    return Clips(features, row_of)


def write_clips(path: Path, ids: Sequence[str], features: np.ndarray) -> None:
    """Write one word's clips: ids, and vectors ``(n, d)`` as lists of float32; equal input gives equal bytes."""
    columns = {CLIP_ID: pa.array(ids, type=pa.string()), VECTOR: vector_lists(features)}
    with whole_file(path) as aside:
        parquet.write_table(pa.table(columns), aside)


def _clip_path(folder: Path, word: str) -> Path:
    return spelled_path(folder / f"{word}.parquet")


def _row_count(path: Path) -> int:
    return read_row_count(path, _what(path))


def _read_columns(path: Path) -> Columns:
    return read_columns(path, [CLIP_ID, VECTOR], _what(path))


def _what(path: Path) -> str:
    return f"the clips of the word {path.stem}"


def _dimension(folder: Path, words: Collection[str]) -> int:
    """The length of the first vector that there is."""
    for word in words:
        found = _read_columns(_clip_path(folder, word))
        if len(found):
            return int(found.vectors(VECTOR, None).shape[1])
    return 0


def _read_word(path: Path, keep: frozenset[str] | None, out: np.ndarray) -> list[str]:
    """Read a word's clips into ``out`` (rows kept, d), which is overwritten; returns their ids."""
    found = _read_columns(path)
    ids = found.texts(CLIP_ID)
    known = set(ids)
    if len(known) != len(ids):
        first: dict[str, int] = {}
        row = next(row for row, clip_id in enumerate(ids) if first.setdefault(clip_id, row) != row)
        places = found.place(first[ids[row]]), found.place(row)
        raise repeated(CLIP_ID, ids[row], *places, "each clip once")
    if keep is not None and (missing := sorted(keep - known)):
        ours = dict(zip(spelled(missing, known - keep), missing, strict=True))
        ids = [ours.get(clip_id, clip_id) for clip_id in ids]
        known = set(ids)
    features = found.vectors(VECTOR, out.shape[1])
    if keep is None or keep == known:
        if len(ids) != len(out):
            raise InputError(path, "changed while it was read")
        out[:] = features
        return ids
    if absent := keep - known:
        raise InputError(path, f"holds no {CLIP_ID}", value=min(absent), expected=f"{len(keep)} clips that are listed")
    rows = [row for row, clip_id in enumerate(ids) if clip_id in keep]
    np.take(features, rows, axis=0, out=out)
    return [ids[row] for row in rows]
