"""Writing whole files or nothing, reading small text files with errors that name them, and the cache's folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dataperf_fast.files.errors import InputError

StrPath = str | os.PathLike[str]  # what every public function takes for a path


def listed(paths: StrPath | Sequence[StrPath] | None) -> list[Path] | None:
    """What a caller names, one path or several; None as it is."""
    if paths is None:
        return None
    return [Path(paths)] if isinstance(paths, (str, os.PathLike)) else [Path(path) for path in paths]


@contextmanager
def whole_file(path: StrPath) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is renamed to ``path``, on any error removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        umask = os.umask(0)
        os.umask(umask)
        aside.chmod(0o666 & ~umask)  # mkstemp makes private files
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: StrPath, text: str) -> None:
    """Write a UTF-8 file, whole or not at all; folders above it are made. File names that are not UTF-8 are escaped.

    Args:
        path: the file, replaced where there is one.
        text: what it is to hold.

    Raises:
        OSError: where it cannot be written; what was there before is there still.

    Example:
        >>> from pathlib import Path
        >>> from dataperf_fast.files.paths import write_text
        >>> write_text("results/mine.json", "{}")
        >>> Path("results/mine.json").read_text()
        '{}'
    """
    with whole_file(path) as aside:
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")


def read_text(path: Path, what: str) -> str:
    """Read a UTF-8 file, or raise an ``InputError`` that says which ``what`` is missing or broken."""
    require_file(path, what)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, "is not UTF-8 text", f"byte {error.start}", expected=what) from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected=what) from error


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
