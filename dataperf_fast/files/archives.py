"""Zips that strangers hand in: unpacked within bounds, once a process, and called by their own names in errors."""

from __future__ import annotations

import atexit
import functools
import lzma
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from dataperf_fast.files.debris import is_debris
from dataperf_fast.files.errors import InputError, show_as, shown

LARGEST = 1 << 30  # bytes of all that is in one
_MOST_FILES = 10_000
_MOST_ENTRIES = 4 * _MOST_FILES  # folders and debris too
_DEEPEST = 64  # folders
_ENTRY = b"PK\x01\x02"  # with which each begins in a zip's directory
_BLOCK = 1 << 20
_WRAPPING: dict[Path, tuple[str, ...]] = {}
_BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError, ValueError, IndexError,
    MemoryError,
)  # fmt: skip


def is_archive(path: Path) -> bool:
    """Whether a file is taken for a zip: by its ending alone, for an npz file is one too. A zip in a zip is not."""
    return path.suffix.lower() == ".zip" and path.is_file() and shown(path) == path


def unpacked(path: Path, largest: int = LARGEST) -> Path:
    """A folder with what a zip holds, less the folders that wrap all of it; it is removed when the process ends.

    Raises ``InputError`` for what is no zip, or encrypted, and for what no submission needs: a place outside of it, a
    link, a name twice, more than ``largest`` bytes or ten thousand files. Debris is left out. In errors about its files
    the folder is called as the zip is.
    """
    status = path.stat()
    return _unpacked(path, os.path.realpath(path), status.st_size, status.st_mtime_ns, largest)


def wrapping(folder: Path) -> tuple[str, ...]:
    """The names of the folders that wrapped all of a zip, given the folder that it is ``unpacked`` to."""
    return _WRAPPING.get(folder, ())


@functools.cache
def _unpacked(path: Path, real: str, size: int, time: int, largest: int) -> Path:
    folder = Path(tempfile.mkdtemp(dir=_place())) / path.stem
    _WRAPPING[folder] = unpack(path, folder, largest)
    show_as(folder, path)
    return folder


def unpack(path: Path, folder: Path, largest: int = LARGEST) -> tuple[str, ...]:
    """Unpack a zip into a folder, which is made; returns the names of the folders that wrapped all of it.

    Raises ``InputError`` as ``unpacked`` does; what is there by then stays.
    """
    try:
        _require_few(path)
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path)
            around = os.path.commonpath([place.parent for place in members]) if members else ""
            left = largest
            for place, member in members.items():
                target = folder / place.relative_to(around)
                target.parent.mkdir(parents=True, exist_ok=True)
                left = _write(archive, member, target, left)
                if left < 0:
                    raise InputError(path, "unpacks to more than is allowed", expected=f"at most {largest >> 20} MiB")
    except _BROKEN as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, f"is not a readable zip ({type(error).__name__})", expected="a zip") from error
    except OSError as error:
        raise InputError(path, f"cannot be unpacked ({error.strerror})", expected="names and sizes that fit") from error
    folder.mkdir(exist_ok=True)
    return PurePosixPath(around).parts


def _require_few(path: Path) -> None:
    """Raise ``InputError`` for a directory of millions of entries, all of which ``zipfile`` would keep in memory."""
    count, before = 0, b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            count += (before + block).count(_ENTRY)
            before = block[-len(_ENTRY) + 1 :]
    if count > _MOST_ENTRIES:
        raise InputError(path, f"holds more than {_MOST_ENTRIES} entries", expected="plain files of a submission")


def _members(archive: zipfile.ZipFile, path: Path) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """The files in a zip by their places."""
    found: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename
        place = PurePosixPath(name.replace("\\", "/"))  # as some Windows tools write them
        if member.is_dir() or any(is_debris(part) for part in place.parts if part != ".."):
            continue
        kind = stat.S_IFMT(member.external_attr >> 16)
        problem = ""
        if not place.parts or place.is_absolute() or ".." in place.parts or ":" in place.parts[0]:
            problem = "holds a place outside of it:"
        elif len(place.parts) > _DEEPEST:  # what is deeper than Python's stack, nobody could remove again
            problem = f"holds a place more than {_DEEPEST} folders deep:"
        elif kind not in (0, stat.S_IFREG):
            problem = "holds a link, or what is no file:"
        elif member.flag_bits & 1:
            problem = "is encrypted:"
        elif place in found:
            problem = "holds twice:"
        elif len(found) == _MOST_FILES:
            problem = f"holds more than {_MOST_FILES} files:"
        if problem:
            raise InputError(path, problem, value=name, expected="plain files of a submission")
        found[place] = member
    return found


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Unpack a file, and return how many bytes of ``left`` are left; less than none once they do not suffice."""
    with archive.open(member) as packed, target.open("xb") as file:
        while left >= 0 and (block := packed.read(_BLOCK)):  # what a zip says of its sizes may be a lie
            left -= len(block)
            file.write(block)
    return left


@functools.cache
def _place() -> str:
    """A folder for this process alone."""
    place = tempfile.mkdtemp(prefix="dataperf-fast-")
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # a child that was forked has it too
            shutil.rmtree(place, ignore_errors=True)

    atexit.register(remove)
    return place
