"""Writing whole files or nothing, reading small text files with errors that name them, and the cache's folder."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dataperf_fast.files.errors import ArgumentError, InputError, has_no_order, kind_of

StrPath = str | os.PathLike[str]  # what every public function takes for a path
_IN_MEMORY = "score takes what is in memory"


def path_of(name: str, given: Any, expected: str = f"a path; {_IN_MEMORY}") -> Path:
    """The path that the argument ``name`` is; raises ``InputError`` for anything else."""
    if not isinstance(given, str | os.PathLike):
        raise ArgumentError(name, f"is {kind_of(given)}", expected=expected)
    if not os.fspath(given):  # that of an unset variable; Path would take it for this folder
        raise ArgumentError(name, "is", value=given, expected=expected.partition(";")[0])
    return Path(given)


def listed(paths: StrPath | Sequence[StrPath] | None) -> list[Path] | None:
    """What a caller names as ``submissions``, one path or several; None as it is; ``InputError`` for anything else."""
    if paths is None:
        return None
    if isinstance(paths, (str, os.PathLike)):
        return [path_of("submissions", paths)]
    if isinstance(paths, Mapping) or not isinstance(paths, Iterable) or has_no_order(paths):
        raise ArgumentError("submissions", f"is {kind_of(paths)}", expected=f"a path or a list of paths; {_IN_MEMORY}")
    return [path_of(f"submissions[{at}]", path) for at, path in enumerate(paths)]


@contextmanager
def whole_file(path: StrPath) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is renamed to ``path``, on any error removed.

    A pipe or a device is written as it is, and what a link leads to is written, not the link. Raises OSError with
    ``path`` as its file where that cannot be written.
    """
    path, target = Path(path), Path(os.path.realpath(path))
    aside = None
    try:
        if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
            yield path
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=target.parent)
        os.close(handle)
        aside = Path(name)
        yield aside
        share(aside, 0o666)
        _move(aside, target)
    except OSError as error:
        if error.filename is not None and not target.is_relative_to(Path(str(error.filename)).parent):
            raise  # another file's
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno, f"cannot be written ({reason})", str(path)) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


def share(path: Path, mode: int) -> None:
    """Give a file or folder that ``tempfile`` has made, private to its user, the mode that others get, 666 or 777."""
    umask = os.umask(0)
    os.umask(umask)
    with suppress(OSError):  # some file systems have one mode for all
        path.chmod(mode & ~umask)


def _move(aside: Path, target: Path) -> None:
    try:
        aside.replace(target)
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        shutil.copyfile(aside, target)  # a single file that is mounted into a container


def write_text(path: StrPath, text: str) -> None:
    """Write a UTF-8 file, whole or not at all; folders above it are made. File names that are not UTF-8 are escaped.

    Args:
        path: the file, replaced where there is one.
        text: what it is to hold.

    Raises:
        OSError: where it cannot be written, with ``path`` as its file; what was there before is there still.

    Example:
        >>> from pathlib import Path
        >>> from dataperf_fast.files.paths import write_text
        >>> write_text("results/mine.json", "{}")
        >>> Path("results/mine.json").read_text()
        '{}'
    """
    with whole_file(path) as aside:
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")


def taken_for_one(paths: Sequence[Path]) -> list[list[Path]]:
    """Paths, of files that are there, that a file system takes for the same, as one that knows no case does."""
    of_file: dict[tuple[int, int], list[Path]] = {}
    for path in dict.fromkeys(paths):
        found = path.stat()
        of_file.setdefault((found.st_dev, found.st_ino), []).append(path)
    return [same for same in of_file.values() if len(same) > 1]


def read_text(path: Path, what: str) -> str:
    """Read a UTF-8 file, or raise an ``InputError`` that says which ``what`` is missing or broken."""
    require_file(path, what)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, "is not UTF-8 text", f"byte {error.start}", expected=what) from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected=what) from error


def content_digest(path: Path) -> bytes:
    """SHA-256 of a file's contents; raises ``OSError`` where it cannot be read."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def require_file(path: Path, what: str) -> None:
    """Raise an ``InputError`` unless ``path`` is a file."""
    if not path.is_file():
        raise InputError(path, "is a folder" if path.is_dir() else "no such file", expected=what)


def has_place(folder: Path) -> bool:
    """Whether a folder is there and may be written, or can be made."""
    try:
        nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        return nearest.is_dir() and os.access(nearest, os.W_OK)
    except OSError:  # a name too long, a parent that may not be looked into
        return False
