"""How what is handed in becomes submissions, the same on every board: files, folders, folders in folders, zips of them.

A folder with a board's files in it is a submission, at whatever depth, and what lies below it is its own business. It
is named by its path below what was given, less the folders that only wrap it; a method in a file's name, where a folder
may hold files of several, comes after it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from dataperf_fast.files.archives import is_archive, unpacked
from dataperf_fast.files.debris import is_about, is_debris
from dataperf_fast.files.errors import ArgumentError, InputError, shown
from dataperf_fast.files.set_folders import OfSet

_DEEPEST = 8  # levels of folders
_MOST_SHOWN, _LONGEST_SHOWN = 5, 60  # names in an error, and characters of one
_WORTH_A_WARNING = 2


class Named(NamedTuple):
    """What a file's name says.

    Attributes:
        task: the task that it is for.
        method: by which method, where one folder may hold files of several.
        rank: how far the name is from the official one; the nearer of two files for a task is taken. 0 is the name, 1
            differs in the case of letters, and of what is farther a warning says what it is taken for.
    """

    task: Hashable
    method: str = ""
    rank: int = 0


Recognize = Callable[[Path], Named | None]  # None: no file of a submission's; InputError: one with a wrong name


@dataclass
class HandedIn:
    """A submission: its name, the folder that its files lie in, a file a task, and what is wrong where two are for one.

    Example:
        >>> from pathlib import Path
        >>> from dataperf_fast.files.handed_in import Named, find
        >>> from dataperf_fast.files.paths import write_text
        >>> for team in ("anna", "bert"):
        ...     write_text(f"teams/{team}/final/images.csv", "1,2")
        >>> found, refused = find([Path("teams")], lambda path: Named("test"), "images.csv")
        >>> [(one.name, one.file("test", "images.csv").as_posix()) for one in found]
        [('anna', 'teams/anna/final/images.csv'), ('bert', 'teams/bert/final/images.csv')]
    """

    name: str
    path: Path
    files: dict[Any, Path] = field(default_factory=dict)
    doubtful: dict[Any, InputError] = field(default_factory=dict)

    def file(self, task: Hashable, named: str) -> Path:
        """The file for a task, which officially is ``named`` so; ``InputError`` where there is none, or two."""
        if task in self.doubtful:
            raise self.doubtful[task]
        if task not in self.files:
            raise InputError(self.path, f"holds no {named}{what_lies_in(self.path)}", expected=f"a file named {named}")
        return self.files[task]


def name_of(path: Path) -> str:
    """What a submission that is a whole path is called: a folder's name, a file's without its ending."""
    return _last(path) if path.is_dir() else path.stem


def find(
    paths: Sequence[Path],
    recognize: Recognize,
    expected: str,
    by_path: bool = False,
    but: Callable[[str], object] = lambda name: False,
    tasks: OfSet | None = None,
) -> tuple[list[HandedIn], list[tuple[str, InputError]]]:
    """Find the submissions in paths, in their order, and sorted in each; none is found twice.

    Two of one name are called by more of their paths; files given by themselves are one submission where they have one
    name and are for different tasks.

    Args:
        paths: files, folders and zips.
        recognize: what a file's name says.
        expected: what files are named, for errors.
        by_path: each path is one submission and named so, as in a contest.
        but: the folders, beside debris, that hold no submission, by name.
        tasks: the set of tasks that files are wanted for, where folders may be named after several.

    Returns:
        The submissions, and names with what is wrong: a path without any, a file with a wrong name, a broken zip.

    Raises:
        InputError: where there is no submission at all.
    """
    found: list[_Part] = []
    refused: list[tuple[str, InputError]] = []
    for path in paths:
        wrong: list[tuple[str, InputError]] = []
        try:
            parts = _parts(path, recognize, expected, but, wrong, tasks)
            if not by_path:
                _warn_of_none(path, parts, but)
                _warn_of_more(parts, recognize, but)
            found += [_as_one(path, parts)] if by_path else parts
            refused += [] if by_path else wrong
        except InputError as error:
            refused.append((name_of(path), error))
    if not found:
        raise refused[0][1] if refused else ArgumentError("submissions", "names nothing")
    return [_chosen(part) for part in (found if by_path else _apart(_merged(found)))], refused


def holds(path: Path, recognize: Recognize) -> bool:
    """Whether any file in a path, a file, a folder or a zip, is one that a board has a use for, at whatever depth.

    Links are not followed. What cannot be read is none.
    """
    try:
        top = unpacked(path) if is_archive(path) else path
        walked = os.walk(top) if top.is_dir() else [(str(top.parent), [], [top.name])]
        files = (Path(folder, name) for folder, _, names in walked for name in names if not is_debris(name))
        return any(file.is_file() and not file.is_symlink() and recognize(file) for file in files)
    except (InputError, OSError):
        return False


def what_lies_in(folder: Path) -> str:
    """What lies in a folder, after "holds no .." in an error: " but a, b"; nothing where nothing does."""
    told = [name if len(name) <= _LONGEST_SHOWN else f"{name[: _LONGEST_SHOWN - 3]}..." for name in _names(folder)]
    if len(told) > _MOST_SHOWN:
        told[_MOST_SHOWN - 1 :] = [f"{len(told) - _MOST_SHOWN + 1} more"]
    return f" but {', '.join(repr(name)[1:-1] for name in told)}" if told else ""


def _names(folder: Path) -> list[str]:
    """What lies in a folder, debris apart; nothing where it cannot be read."""
    try:
        return sorted(name for name in os.listdir(folder) if not is_debris(name))
    except OSError:
        return []


@dataclass
class _Part:
    """The files of one method in a folder, or one that was given by itself."""

    way: tuple[str, ...]  # from the path that was given: folders, and the method
    above: tuple[str, ...]  # the folders above the name
    folder: Path
    method: str
    files: list[tuple[Named, Path]]
    name: str = ""
    alone: bool = False


def _parts(
    path: Path, recognize: Recognize, expected: str, but: Callable[[str], object], wrong: list[tuple[str, InputError]],
    tasks: OfSet | None,
) -> list[_Part]:  # fmt: skip
    """The submissions in a path; what is ``wrong`` beside them is added there. ``InputError`` where there is none."""
    if not path.exists():
        raise InputError(path, "no such file or folder", expected=f"a submission: {expected}")
    if not path.is_dir() and not is_archive(path):
        return [_alone(path, recognize, expected)]
    top = path if path.is_dir() else unpacked(path)
    tops, others = ([top], set()) if tasks is None else tasks.parts(path)
    whose = f" to {tasks.name}" if tasks and others else ""
    found: list[_Part] = []
    for folder, names, by_method in (one for of in tops for one in _search(of, (), recognize, but, others, wrong)):
        for method, files in by_method.items():
            found.append(_Part((*names, method) if method else names, _above(path), folder, method, files))
    if not found:
        where, lies_there = (path, top) if tops == [top] else (tops[0], tops[0])
        problem = f"holds no submission{whose}{what_lies_in(lies_there)}"
        raise wrong[0][1] if wrong else InputError(where, problem, expected=f"{expected}, or folders of them")
    ways = [part.way for part in found]
    for part in found:
        if part.way:
            part.name = "/".join(_short(part.way, ways))
        else:
            part.name, part.above = name_of(path), part.above[:-1]
    return found


def _alone(path: Path, recognize: Recognize, expected: str) -> _Part:
    """A file that was given by itself: named by its method, or its folder."""
    if (named := recognize(path)) is None:
        raise InputError(path, "is not named as a submission's file", expected=expected)
    above = _above(path.parent)
    if not named.method:
        above = above[:-1]
    return _Part(
        (), above, path.parent, named.method, [(named, path)], name=named.method or _last(path.parent), alone=True
    )


def _entries(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder)) if not is_debris(name)]
    except OSError as error:
        raise InputError(folder, f"cannot be read ({error.strerror})", expected="a folder") from error


def _search(
    folder: Path, names: tuple[str, ...], recognize: Recognize, but: Callable[[str], object], seen: set[str],
    wrong: list[tuple[str, InputError]],
) -> Iterator[tuple[Path, tuple[str, ...], dict[str, list[tuple[Named, Path]]]]]:  # fmt: skip
    """The folders with files, zips too, the names on the way there and the files by method; a loop of links ends."""
    if (real := os.path.realpath(folder)) in seen or len(names) > _DEEPEST:
        return
    seen.add(real)
    if found := _by_method(folder, recognize, wrong):
        yield folder, names, found
        return
    for path in _entries(folder):
        try:
            if path.is_dir() and not but(path.name):
                yield from _search(path, (*names, path.name), recognize, but, seen, wrong)
            elif is_archive(path):
                yield from _search(unpacked(path), (*names, path.stem), recognize, but, seen, wrong)
        except InputError as error:
            wrong.append(("/".join((*names, name_of(path))), error))


def _warn_of_none(path: Path, parts: list[_Part], but: Callable[[str], object]) -> None:
    """Say which folders beside those of submissions hold none, though something: they could be somebody's."""
    if not path.is_dir() or any(part.folder == path for part in parts):
        return
    known = {part.way[0] for part in parts}
    for folder in _entries(path):
        unknown = folder.is_dir() and not folder.is_symlink() and folder.name not in known and not but(folder.name)
        if unknown and not all(map(is_about, _names(folder))):
            line = InputError(folder, f"holds no submission{what_lies_in(folder)}, and is passed over").line
            warnings.warn(line, stacklevel=4)


def _warn_of_more(parts: list[_Part], recognize: Recognize, but: Callable[[str], object]) -> None:
    """Say that folders of submissions hold further ones, which are passed over."""
    for folder in dict.fromkeys(part.folder for part in parts if not part.alone):
        for path in _entries(folder):
            if path.is_dir() and not but(path.name):
                below = next(_search(path, (), recognize, but, set(), []), None)
                if below is not None:
                    line = InputError(
                        below[0], f"is passed over: {shown(folder)} holds a submission's files itself"
                    ).line
                    warnings.warn(f"{line}; expected to be given by itself", stacklevel=4)


def _by_method(
    folder: Path, recognize: Recognize, wrong: list[tuple[str, InputError]]
) -> dict[str, list[tuple[Named, Path]]]:
    """A folder's files that are for a task, by method."""
    found: dict[str, list[tuple[Named, Path]]] = {}
    for path in _entries(folder):
        try:
            if path.is_file() and (named := recognize(path)):
                found.setdefault(named.method, []).append((named, path))
        except InputError as error:
            wrong.append((path.stem, error))
    return found


def _as_one(path: Path, parts: list[_Part]) -> _Part:
    """A path's files as one submission."""
    folders = list(dict.fromkeys(part.folder for part in parts))
    if len(folders) > 1:
        names = ", ".join(folder.name for folder in folders[:_MOST_SHOWN])
        raise InputError(path, f"holds {len(folders)} submissions: {names}", expected="the files of one, in one folder")
    return _Part((), (), folders[0], "", [file for part in parts for file in part.files], name=name_of(path))


def _short(names: tuple[str, ...], all_names: list[tuple[str, ...]]) -> Iterator[str]:
    """Names on the way to a submission, less those that are the only ones in theirs; the first is always told."""
    for depth, name in enumerate(names):
        beside = {of[depth : depth + 1] for of in all_names if of[:depth] == names[:depth]}
        if depth == 0 or len(beside) > 1:
            yield name


def _merged(parts: list[_Part]) -> list[_Part]:
    """Without what is there twice; files given by themselves put together."""
    found: list[_Part] = []
    for part in parts:
        here = os.path.realpath(part.folder), part.method
        for other in found:
            same = (os.path.realpath(other.folder), other.method) == here
            if same or (part.alone and other.alone and part.name == other.name and not _tasks(part) & _tasks(other)):
                other.files += [file for file in part.files if file[0].task not in _tasks(other)]
                break
        else:
            found.append(part)
    return found


def _tasks(part: _Part) -> set[Hashable]:
    return {named.task for named, _ in part.files}


def _apart(parts: list[_Part]) -> list[_Part]:
    """Those of one name called by as much of the names above them as tells them apart."""
    by_name: dict[str, list[_Part]] = {}
    for part in parts:
        by_name.setdefault(part.name, []).append(part)
    for name, same in by_name.items():
        above = 0
        while len({part.name for part in same}) < len(same):
            above += 1
            for part in same:
                part.name = "/".join((*part.above[-above:], name))
    return parts


def _chosen(part: _Part) -> HandedIn:
    """A submission of the files whose names are nearest to the official ones."""
    found = HandedIn(part.name, part.folder)
    for task in dict.fromkeys(named.task for named, _ in part.files):
        files = sorted((named.rank, path) for named, path in part.files if named.task == task)
        (rank, path), others = files[0], [other for rank, other in files[1:] if rank == files[0][0]]
        found.files[task] = path
        if others:
            problem = f"is a second file for {task} beside {path.name}"
            found.doubtful[task] = InputError(others[0], problem, expected="one")
        elif rank >= _WORTH_A_WARNING:
            warnings.warn(InputError(path, f"is taken for {task}'s").line, stacklevel=2)
    return found


def _above(path: Path) -> tuple[str, ...]:
    return Path(os.path.abspath(path)).parts


def _last(path: Path) -> str:
    return path.resolve().name if path.name in ("", "..") else path.name
