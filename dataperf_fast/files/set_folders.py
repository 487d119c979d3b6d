"""Folders in what is handed in that are named after a contest's sets of tasks, and which files are for which set.

Two sets may hold tasks of one name, and then a file's name does not say which of them it is for. The rule: files in a
folder named after a set, at whatever depth, are for that set alone; files elsewhere are for every set that has no such
folder. A zip in a folder is a folder of its name, and one that is handed in by itself keeps its folders' names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataperf_fast.files.archives import is_archive, unpacked, wrapping
from dataperf_fast.files.debris import is_debris
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.names import spelled

_DEEPEST = 8  # levels of folders, as submissions are looked for


@dataclass(frozen=True)
class OfSet:
    """The set of tasks that files are wanted for, by name, and the names of all sets ``among`` which it is.

    Attributes:
        name: the set's.
        among: its own name and those of the others, which folders may have.

    Example:
        >>> from dataperf_fast.files.paths import write_text
        >>> from dataperf_fast.files.set_folders import OfSet
        >>> for place in ("both.csv", "hidden/own.csv"):
        ...     write_text(f"anna/{place}", "1,2")
        >>> OfSet("hidden", ("hidden", "warm-up")).place(Path("anna")).as_posix()
        'anna/hidden'
        >>> OfSet("warm-up", ("hidden", "warm-up")).place(Path("anna")).as_posix()
        'anna'
    """

    name: str
    among: tuple[str, ...]

    def parts(self, path: Path) -> tuple[list[Path], set[str]]:
        """The folders of a submission that hold the set's files, and the real paths of those that are others'."""
        found = find(path, self.among)
        if self.name in found:
            return found[self.name], set()
        others = {os.path.realpath(folder) for folders in found.values() for folder in folders}
        return [unpacked(path) if is_archive(path) else path], others

    def place(self, path: Path) -> Path:
        """The one folder named after the set in a submission; where there is none, or more, the submission."""
        folders = find(path, self.among).get(self.name, [])
        return folders[0] if len(folders) == 1 else path


def find(path: Path, sets: Sequence[str]) -> dict[str, list[Path]]:
    """The outermost folders in a submission that are named after sets of tasks, by set; zips unpacked.

    Links are not followed.
    """
    found: dict[str, list[Path]] = {}
    try:
        top = unpacked(path) if is_archive(path) else path
        for name, folder in _within(top, wrapping(top), sets, _DEEPEST) if sets and top.is_dir() else ():
            found.setdefault(name, []).append(folder)
    except (InputError, OSError):  # whoever opens it says why
        return {}
    return found


def _within(folder: Path, names: Sequence[str], sets: Sequence[str], deepest: int) -> Iterator[tuple[str, Path]]:
    """A folder, if one of its ``names`` is a set's, or else those in it."""
    if own := next(filter(None, (set_named(name, sets) for name in names)), ""):
        yield own, folder
        return
    for path in sorted(folder.iterdir()) if deepest else ():
        if is_debris(path.name) or path.is_symlink():
            continue
        if path.is_dir():
            yield from _within(path, (path.name,), sets, deepest - 1)
        elif is_archive(path):
            try:
                inside = unpacked(path)
            except InputError:  # as above
                continue
            yield from _within(inside, (path.stem, *wrapping(inside)), sets, deepest - 1)


def set_named(folder: str, sets: Sequence[str]) -> str:
    """The set that a folder is named after, in any case of letters where that is one alone; nothing for none."""
    [name] = spelled([folder], sets)
    if name in sets:
        return name
    alike = [one for one in sets if one.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else ""
