"""What participants must not see of a board's data, so that what they are given can be searched for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Secret:
    """Something that no participant may see.

    Attributes:
        what: what it is, "a test image" for instance.
        files: files, or folders of them, that are secret, each whole and row by row.
        whole: files of which only the whole is, not each row.
        names: ids that no file and no path may hold.
        columns: labels ``(n,)`` in their order.
        rows: vectors ``(n, d)``, each of which is secret, where ``files`` are too large to be read for it.
        public: rows ``(k, d)`` that participants are shown all the same, and a number more at their end.

    Example:
        >>> from dataperf_fast.boards.secrets import Secret
        >>> Secret("a test image", names={"0a1b"}).what
        'a test image'
    """

    what: str
    files: Sequence[Path] = ()
    whole: Sequence[Path] = ()
    names: Collection[str] = ()
    columns: Sequence[np.ndarray] = ()
    rows: Sequence[np.ndarray] = ()
    public: Sequence[np.ndarray] = ()


def files_in(path: Path) -> list[Path]:
    """The files of a folder, or the file that it is."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def files_but(inputs: Sequence[Path], shown: Collection[Path]) -> Iterator[Path]:
    """The files that scores depend on, those of a folder one by one, less what is ``shown``, file or folder."""
    known = {path.resolve() for path in shown}
    for path in inputs:
        for file in files_in(path):
            if file.is_file() and known.isdisjoint([file.resolve(), *file.parents, *file.resolve().parents]):
                yield file
