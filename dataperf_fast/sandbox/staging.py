"""Copies for the sandbox: a stranger's user cannot look into an organizer's private folders, and must not."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dataperf_fast.files.errors import InputError
from dataperf_fast.sandbox.terms import UnavailableError

_DEEPEST = 64
_PREFIX, _LOCK = "dataperf-fast-", ".lock"
_OURS = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE)  # want of room here


@dataclass(frozen=True)
class Places:
    """Folders on the host that everybody may read."""

    submission: Path
    inputs: Path


@contextmanager
def staged(submission: Path, inputs: Path) -> Iterator[Places]:
    """Copies of both folders, files that all may read as hard links, for as long as the context lasts.

    What a killed run has left is removed.
    """
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError), lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(lock.parent)
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, (Path(name) / "new").open("w") as lock_file:
        folder = Path(name)
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        (folder / "new").rename(folder / _LOCK)  # nobody sees it unlocked
        folder.chmod(0o755)
        places = Places(folder / "submission", folder / "input")
        for source, target in ((submission, places.submission), (inputs, places.inputs)):
            try:
                _copy(source, target, _DEEPEST)
            except OSError as error:
                kind = UnavailableError if error.errno in _OURS else InputError
                raise kind(error.filename or source, f"cannot be read ({error.strerror})") from error
        yield places


def remove(folder: Path) -> None:
    """Remove a folder in which podman may have kept images: mounted, and their files owned by users of its making."""
    if os.geteuid():
        subprocess.run(["podman", "unshare", "rm", "-rf", str(folder)], capture_output=True, check=False)
    else:
        mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
        for place in sorted(mounted, reverse=True):
            if place.startswith(f"{folder}/"):
                subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


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
        with suppress(OSError):  # another file system, or one without hard links
            os.link(source, target)
            return
    shutil.copyfile(source, target)
    target.chmod(0o755 if mode & 0o100 else 0o644)
