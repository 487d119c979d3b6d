"""A search of folders for what must not lie in them: whole files, rows of numbers, columns of labels, names."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from dataperf_fast.boards.secrets import Secret, files_in
from dataperf_fast.files.contents import Piece, pieces
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import content_digest

# Shorter ones are the same by chance.
_SHORTEST_ROW = 8
_SHORTEST_COLUMN = 16


class Search:
    """Secrets, by what they are known by."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._files: dict[bytes, str] = {}
        self._rows: dict[bytes, tuple[str, int]] = {}
        self._columns: dict[bytes, str] = {}
        self._names: dict[str, str] = {}
        for secret in secrets:
            self._add(secret)

    def _add(self, secret: Secret) -> None:
        public = {key for rows in secret.public for _, key in _row_keys(Piece(rows=rows, bare=False))}
        files = [file for path in secret.files for file in files_in(path)]
        for file in (*files, *secret.whole):
            self._files.setdefault(content_digest(file), f"{secret.what}: all of {file}")
        sources = [(f"{secret.what} ({file})", pieces(file)) for file in files]
        sources.append((secret.what, (Piece(rows=rows) for rows in secret.rows)))
        for source, found in sources:
            for piece in (one for one in found if one.column is None):  # labels in turns are anybody's
                for number, key in _row_keys(piece):
                    if key not in public:
                        self._rows.setdefault(key, (source, number))
        for column in secret.columns:
            if len(column) >= _SHORTEST_COLUMN and np.ptp(column):
                self._columns.setdefault(_column_key(column), f"the labels of {secret.what}, in order")
        for name in secret.names:
            self._names.setdefault(_name_key(name), f"{secret.what}, {name!r}")

    def require_none(self, folder: Path, known_as: Path, own: Iterable[Path] = ()) -> None:
        """Raise ``InputError`` for the first secret in a folder's files or their paths.

        ``known_as`` is what the folder will be called. ``own`` are texts of ours, in which a name is only a word.
        """
        texts_of_ours = set(own)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            within = file.relative_to(folder)
            in_file = () if file in texts_of_ours else self._in_file(file)
            for place, found in chain(self._in_path(within), in_file):
                expected = "nothing that is secret: nothing was written"
                raise InputError(known_as / within, f"would show {found}", place, expected=expected)

    def _in_path(self, within: Path) -> Iterator[tuple[str, str]]:
        for part in within.parts:
            if what := self._names.get(_name_key(part)):
                yield "its path", what

    def _in_file(self, file: Path) -> Iterator[tuple[str, str]]:
        if what := self._files.get(content_digest(file)):
            yield "", what
        for piece in pieces(file):
            if piece.column is not None and (what := self._columns.get(_column_key(piece.column))):
                yield "", what
            for number, key in _row_keys(piece):
                if known := self._rows.get(key):
                    yield f"row {number}", f"{known[0]}, row {known[1]}"
            for text in () if piece.of_vectors else piece.texts:  # which are searched for themselves
                if what := self._names.get(_name_key(text)):
                    yield "", what


def _row_keys(piece: Piece) -> Iterator[tuple[int, bytes]]:
    """Each row's number and keys; a row that may have a label at either end has those without it too."""
    if piece.rows is None:
        return
    rows = np.ascontiguousarray(piece.rows, np.float32) + np.float32(0)  # 0 and -0 are one
    parts = [rows] if piece.bare else [rows, rows[:, :-1], rows[:, 1:]]
    for part in parts:
        if part.shape[1] >= _SHORTEST_ROW:
            telling = np.flatnonzero(np.ptp(part, axis=1))  # a row of one number is anybody's
            for number in telling.tolist():
                yield piece.first + number, hashlib.blake2b(part[number].tobytes(), digest_size=16).digest()


def _column_key(column: np.ndarray) -> bytes:
    return hashlib.blake2b(np.asarray(column, np.float64).tobytes(), digest_size=16).digest()


def _name_key(name: str) -> str:
    return unicodedata.normalize("NFC", name)
