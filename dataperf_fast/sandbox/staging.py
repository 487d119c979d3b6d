"""Copies for the sandbox: a stranger's user cannot look into an organizer's private folders, and must not."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dataperf_fast.formats.errors import InputError

_DEEPEST = 64


@dataclass(frozen=True)
class Places:
    """Folders on the host that everybody may read."""

    submission: Path
    inputs: Path


@contextmanager
def staged(submission: Path, inputs: Path) -> Iterator[Places]:
    """Copies of both folders, files that all may read as hard links, for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="dataperf-fast-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        places = Places(folder / "submission", folder / "input")
        for source, target in ((submission, places.submission), (inputs, places.inputs)):
            try:
                _copy(source, target, _DEEPEST)
            except OSError as error:
                raise InputError(error.filename or source, f"cannot be read ({error.strerror})") from error
        yield places


def _copy(source: Path, target: Path, deepest: int) -> None:
    if deepest < 0:
        raise InputError(source, f"is more than {_DEEPEST} folders deep")
    target.mkdir()
    target.chmod(0o755)
    for path in source.iterdir():
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            _copy(path, target / path.name, deepest - 1)
        elif stat.S_ISREG(mode):
            _copy_file(path, target / path.name, mode)
        else:  # a link would show the host, a pipe stop it
            raise InputError(path, "is no plain file", expected="plain files in folders")


def _copy_file(source: Path, target: Path, mode: int) -> None:
    if mode & 0o004 and bool(mode & 0o100) == bool(mode & 0o001):  # else some could not run what its owner can
        try:
            os.link(source, target)
            return
        except OSError:  # another file system, or one without hard links
            pass
    shutil.copyfile(source, target)
    target.chmod(0o755 if mode & 0o100 else 0o644)
