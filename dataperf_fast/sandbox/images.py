"""A participant's image: one that podman has, or an archive, loaded into a store of its own that goes with the run.

Whatever an archive calls itself, it cannot take the name of an image that the organizer has, and a run that is killed
leaves nothing behind that a later one could find.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dataperf_fast.files.errors import InputError
from dataperf_fast.sandbox.staging import Places, remove
from dataperf_fast.sandbox.terms import Algorithm, UnavailableError, size

_LONGEST = 600.0  # seconds to load an archive
_MOST_STORED = 16 << 30  # bytes of it, unpacked
_LEFT_FREE = 1 << 30  # bytes of the disk that it may not take
_INTERVAL = 0.2  # seconds between two looks

Store = tuple[str, ...]  # podman's options for a store; none for its own


def command(store: Store, *arguments: str) -> list[str]:
    """Podman's command line, for its own store or another."""
    return ["podman", *manager(), *store, *arguments]


def podman(*arguments: str, store: Store = ()) -> subprocess.CompletedProcess[str]:
    """Run podman, out of the reach of a terminal's Ctrl-C: what it cleans up, it cleans up to the end."""
    return subprocess.run(
        command(store, *arguments), capture_output=True, text=True, check=False, start_new_session=True
    )


@functools.cache
def manager() -> tuple[str, ...]:
    """Without systemd as the first process there is nobody to make its control groups."""
    return () if Path("/run/systemd/system").is_dir() else ("--cgroup-manager", "cgroupfs")


def require(algorithm: Algorithm) -> None:
    """Raise ``UnavailableError`` where podman, which the organizer can have pull it, has no image of that name."""
    if _archive(algorithm.folder, algorithm.image):
        return
    if algorithm.image.startswith("-") or podman("image", "exists", algorithm.image).returncode:
        expected = "an archive in the submission's folder, or an image that podman has"
        raise UnavailableError(algorithm.folder, "names no image:", "image", algorithm.image, expected)


def _archive(folder: Path, image: str) -> Path | None:
    """The file in a participant's folder that an image is, unless it is the name of one that podman has."""
    path = folder / image
    return path if path.is_file() and path.resolve().is_relative_to(folder.resolve()) else None


@contextmanager
def loaded(algorithm: Algorithm, places: Places) -> Iterator[tuple[str, Store]]:
    """An algorithm's image, which is there (see ``require``), and the store that it is in.

    Raises ``InputError`` for an archive that is no image, ``UnavailableError`` where podman cannot keep one.
    """
    archive = _archive(places.submission, algorithm.image)
    if archive is None:
        yield algorithm.image, ()
        return
    with _store(places.submission.parent / "images") as (store, folder):
        yield _take(archive, algorithm.folder / algorithm.image, store, folder), store


def number(algorithm: Algorithm) -> str:
    """A digest of the image that podman has by an algorithm's name for it; nothing where that is an archive, or none.

    The name stays the same when another image takes it.
    """
    name = algorithm.image
    if not name or name.startswith("-") or _archive(algorithm.folder, name) or shutil.which("podman") is None:
        return ""
    found = podman("image", "inspect", "--format", "{{.Id}}", name)
    return "" if found.returncode else found.stdout.strip()


@contextmanager
def _store(folder: Path) -> Iterator[tuple[Store, Path]]:
    """A store in a folder, removed afterwards; podman wants the path of its sockets to be short."""
    folder.mkdir(mode=0o700)
    sockets = Path(tempfile.mkdtemp(prefix="dataperf-", dir="/tmp"))
    try:
        places = {"root": folder / "root", "runroot": sockets / "run", "tmpdir": sockets / "tmp"}
        store: Store = tuple(part for option, place in places.items() for part in (f"--{option}", str(place)))
        if podman("info", store=store).returncode:  # such as overlay's file system upon itself, in a container
            store = (*store, "--storage-driver", "vfs")
            if (tried := podman("info", store=store)).returncode:
                raise UnavailableError("podman", f"can keep no image in {folder} ({last_line(tried.stderr)})")
        yield store, folder
    finally:
        remove(folder)
        remove(sockets)


def _take(archive: Path, shown: Path, store: Store, folder: Path) -> str:
    """Load an archive, of images or of a root file system; the number of the one image that was in it."""
    status, said = _bounded(command(store, "load", "--quiet", "--input", str(archive)), shown, folder)
    if status and "does not match any of the supported image formats" in said:
        status, said = _bounded(command(store, "import", "--quiet", str(archive)), shown, folder)
    if status:
        raise InputError(shown, f"is no image ({last_line(said)})", expected="what podman load or podman import takes")
    numbers = set(podman("images", "--quiet", "--no-trunc", store=store).stdout.split())
    if len(numbers) != 1:
        raise InputError(shown, f"holds {len(numbers)} images", expected="one")
    return numbers.pop()


def _bounded(words: list[str], shown: Path, folder: Path) -> tuple[int, str]:
    """Run podman within limits of time and of what it writes below a folder; its status, and what it said.

    It unpacks OCI archives in /var/tmp, whatever TMPDIR says: for it, that is a place in the folder.
    """
    alone = ("unshare", "--mount") if os.geteuid() == 0 else ("podman", "unshare")
    (folder / "tmp").mkdir(exist_ok=True)
    words = [*alone, "sh", "-c", 'mount --bind "$0" /var/tmp && exec "$@"', str(folder / "tmp"), *words]
    free = shutil.disk_usage(folder).free - _LEFT_FREE
    most, ends = min(_MOST_STORED, free), time.monotonic() + _LONGEST
    with (folder / "said").open("w+b") as said:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            env=os.environ | {"TMPDIR": "/var/tmp"},
        )  # fmt: skip
        try:
            while process.poll() is None:
                if time.monotonic() > ends:
                    raise InputError(shown, f"took longer than {_LONGEST:g} s to load", expected="a smaller image")
                if _bytes_below(folder) > most:
                    if most == free:
                        raise UnavailableError(shown, "cannot be loaded: the disk is full", expected=size(_MOST_STORED))
                    raise InputError(shown, f"unpacks to more than {size(most)}", expected="a smaller image")
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_INTERVAL)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        return process.returncode, said.read(1 << 16).decode("utf-8", "replace")


def _bytes_below(folder: Path) -> int:
    """What a folder takes of the disk; what comes and goes meanwhile may be missed."""
    total, folders = 0, [str(folder)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
    return total


def last_line(said: str) -> str:
    """The last line of what was said, cut short."""
    return (said.strip().splitlines() or [""])[-1][:200]
