"""What participants hand in: found, checked for what no board should open, and told apart by its contents."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataperf_fast.files import set_folders
from dataperf_fast.files.archives import is_archive, unpacked
from dataperf_fast.files.debris import is_about, is_debris, is_litter
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.handed_in import name_of
from dataperf_fast.files.paths import content_digest

_MOST_FILES = 10_000
_LONGEST = 160  # characters of a name
_DEEPEST = 20  # levels of folders


@dataclass(frozen=True)
class Submission:
    """A participant's folder, zip or file: its name as text, a digest of its contents, and why it has no score, if so.

    ``is_algorithm``: it holds something to run, not files to score. ``absent``: nothing of it is known but its scores:
    what lies there now, if anything does, is another submission, and the path is none.
    """

    name: str
    path: Path
    digest: str
    problem: str = ""
    is_algorithm: bool = False
    absent: bool = False


def find(
    folders: Sequence[Path], largest: int, algorithms: bool = False, several: bool = False, sets: Sequence[str] = (),
    but: Callable[[Path], bool] = lambda file: False,
) -> list[Submission]:  # fmt: skip
    """List the participants in ``folders``, sorted by name; ``largest`` bytes in all may each have.

    A participant is a folder, a zip of it, or a file; ``algorithms`` are folders. Where one may hand in ``several``,
    each folder and zip is one in a folder of his that holds no other file, named ``participant/folder``, and none that
    is named after one of the ``sets`` of tasks. Nothing but plain files and folders is let through: a link could show a
    hidden file, a pipe or a device never ends. Whoever brings such has a ``problem``. What systems leave, and what is
    there to be read, is passed over, and changes no digest, nor does a file of which ``but`` holds; which folders are
    named after sets does.
    """
    found: dict[str, Submission] = {}
    for folder in folders:
        for whose, path in (part for whole in _entries(folder) for part in _parts(whole, several, sets)):
            name = _short(text(f"{whose}{name_of(path)}"))
            try:
                if name in found:
                    raise InputError(path, f"has the same folder name as {found[name].path}")
                digest = contents_digest(path, largest, algorithms, sets, but)
                found[name] = Submission(name, path, digest, is_algorithm=algorithms)
            except (InputError, OSError) as problem:
                error = problem if isinstance(problem, InputError) else _unreadable(path, problem)
                key = name if name not in found else f"{name} in {text(folder.name)[:60]}"
                line = text(error.line)
                found[key] = Submission(key, path, hashlib.sha256(line.encode()).hexdigest(), line, algorithms)
    return sorted(found.values(), key=lambda submission: submission.name)


def contents_digest(
    path: Path, largest: int, algorithms: bool = False, sets: Sequence[str] = (),
    but: Callable[[Path], bool] = lambda file: False,
) -> str:  # fmt: skip
    """What tells a submission's contents from any other's, as ``find`` has it; raises ``InputError`` as it would."""
    return hashlib.sha256(b"".join([*_digests(path, largest, algorithms, but), *_of_sets(path, sets)])).hexdigest()


def _of_sets(path: Path, sets: Sequence[str]) -> Iterator[bytes]:
    """For each set that folders are named after a digest of its name: it says what the files in them are for."""
    for name in sorted(set_folders.find(path, sets)):
        yield hashlib.sha256(f"set {name}".encode()).digest()


def _parts(path: Path, several: bool, sets: Sequence[str]) -> list[tuple[str, Path]]:
    """A participant's submissions, each with what its name begins with: his own path, or the folders and zips in it."""
    if several and path.is_dir() and not path.is_symlink():
        inside = _entries(path)
        folders = all(is_archive(one) or not stat.S_ISREG(one.lstat().st_mode) for one in inside)
        if inside and folders and not any(set_folders.set_named(name_of(one), sets) for one in inside):
            return [(f"{path.name}/", one) for one in inside]
    return [("", path)]


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, less what systems leave, and what is there to be read."""
    try:
        found = sorted(folder.iterdir())
        return [path for path in found if not (is_debris(path.name) or (is_about(path.name) and not path.is_dir()))]
    except OSError as error:
        raise _unreadable(folder, error) from error


def _short(name: str) -> str:
    """A name that databases take: a long one is cut, and told apart by a digest."""
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def text(name: str) -> str:
    """A name as text that can be stored and shown: what is no UTF-8, and what moves a cursor, stands as an escape."""
    decoded = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in decoded)


def digest(paths: Sequence[Path]) -> str:
    """A digest of files and folders with all that is in them: names and contents."""
    whole = hashlib.sha256()
    for path in paths:
        for file in [path] if not path.is_dir() else sorted(path.rglob("*")):
            if file.is_file():
                name = file.relative_to(path.parent)
                try:
                    content = content_digest(file)
                except OSError as error:
                    raise _unreadable(file, error) from error
                whole.update(os.fsencode(name) + b"\0" + content)
            elif not file.is_dir():
                raise InputError(file, "no such file", expected="a file that scores depend on")
    return whole.hexdigest()


def _digests(folder: Path, largest: int, algorithms: bool, but: Callable[[Path], bool]) -> Iterator[bytes]:
    """A digest a file, of its name and contents."""
    mode = folder.lstat().st_mode
    if not stat.S_ISDIR(mode) and (algorithms or not stat.S_ISREG(mode)):
        raise InputError(folder, f"is {_kind(folder)}", expected="a folder, one a submission")
    folder = unpacked(folder, largest) if is_archive(folder) else folder
    left = largest
    skipped = is_litter if algorithms else is_debris  # an algorithm may have use for what is hidden
    for number, path in enumerate(_files(folder, skipped, _DEEPEST) if folder.is_dir() else [folder]):
        left -= path.lstat().st_size
        if left < 0 or number >= _MOST_FILES:
            raise InputError(folder, "holds more than is allowed", expected=f"{largest >> 20} MiB, {_MOST_FILES} files")
        if but(path):
            continue
        content = content_digest(path)
        runs = b"x" if algorithms and path.lstat().st_mode & 0o111 else b""  # what can be run matters to algorithms
        yield hashlib.sha256(os.fsencode(path.relative_to(folder)) + b"\0" + runs + content).digest()


def _files(folder: Path, skipped: Callable[[str], bool], deepest: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if skipped(path.name):
            continue
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            yield path
        elif stat.S_ISDIR(mode) and deepest:
            yield from _files(path, skipped, deepest - 1)
        else:
            raise InputError(path, f"is {_kind(path)}", expected="plain files")


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(error.filename or path, f"cannot be read ({error.strerror})")


def _kind(path: Path) -> str:
    mode = path.lstat().st_mode
    kinds = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a file" if stat.S_ISREG(mode) else "a device")
