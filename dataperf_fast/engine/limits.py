"""The cores and the memory that this process may have: a container's, where it is in one, and not its host's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_UNKNOWN = 2 << 30  # bytes, where the system does not say
_ROOT = Path("/")


def usable_cores() -> int:
    """How many cores this process may run on, by its affinity and by its control group's share of time."""
    import joblib

    cores: int = joblib.cpu_count()
    return cores


def available_memory(root: Path = _ROOT) -> int:
    """Bytes that can be had, of the system or a group; files that are only kept in memory count as free."""
    return min([_of_system(root), *_of_groups(root)])


def _of_system(root: Path) -> int:
    lines = _lines(root / "proc/meminfo")
    if free := [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]:
        return free[0] << 10
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return _UNKNOWN


def _of_groups(root: Path) -> Iterator[int]:
    """What is left of the limit of each control group that this process is in, of either version."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, limit, used, kept = "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            mount, limit, used = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            kept = "total_inactive_file"
        else:
            continue
        group = Path(path.lstrip("/"))
        for folder in {group, *group.parents, Path()}:  # a container sees its own as the uppermost
            yield from _left(root / mount / folder, limit, used, kept)


def _left(folder: Path, limit: str, used: str, kept: str) -> Iterator[int]:
    most, now = _lines(folder / limit), _lines(folder / used)
    if most and now and most[0].isdigit() and now[0].isdigit():
        files = [int(line.split()[1]) for line in _lines(folder / "memory.stat") if line.startswith(f"{kept} ")]
        yield max(0, int(most[0]) - int(now[0]) + sum(files))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
