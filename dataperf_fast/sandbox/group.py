"""A control group, where this user may make one: it also counts memory that no process shows as its own.

Files in memory, shared segments that nobody maps and the kernel's own records of them are such memory.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


class Group:
    """A group that holds its processes to a number of bytes; one without a folder holds nothing."""

    def __init__(self, folder: Path | None):
        self._folder = folder

    @property
    def holds(self) -> bool:
        """Whether there is one."""
        return self._folder is not None

    def add(self, pid: int) -> None:
        """Put a process into the group, and with it all that it will start."""
        if self._folder is not None:
            (self._folder / "cgroup.procs").write_text(str(pid))

    def overflowed(self) -> bool:
        """Whether the kernel had to end one of its processes for memory."""
        if self._folder is None:
            return False
        for name in ("memory.oom_control", "memory.events"):
            with suppress(FileNotFoundError):
                words = (self._folder / name).read_text().split()
                return int(words[words.index("oom_kill") + 1]) > 0
        return False


@contextmanager
def limited(most: int) -> Iterator[Group]:
    """A group of at most ``most`` bytes, gone when the context ends; its processes must have ended by then."""
    folder = _made(most)
    try:
        yield Group(folder)
    finally:
        for _ in range(100 if folder else 0):
            try:
                folder.rmdir()  # type: ignore[union-attr]
                break
            except OSError:  # a process is still being taken apart
                time.sleep(0.01)


def _made(most: int) -> Path | None:
    """A folder of control files; first as the older kernels' interface has them, then as the newer's."""
    root, limits = _ROOT / "memory", {"memory.limit_in_bytes": most, "memory.memsw.limit_in_bytes": most}
    if not root.is_dir():
        root, limits = _ROOT, {"memory.max": most, "memory.swap.max": 0}
    folder = root / f"dataperf-fast-{uuid.uuid4().hex}"
    try:
        folder.mkdir()
        first, *others = limits.items()
        (folder / first[0]).write_text(str(first[1]))
    except OSError:
        with suppress(OSError):
            folder.rmdir()
        return None
    for name, value in others:  # absent where the kernel counts no swap
        with suppress(OSError):
            (folder / name).write_text(str(value))
    return folder
