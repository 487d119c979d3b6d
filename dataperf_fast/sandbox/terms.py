"""What a run takes and gives."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from dataperf_fast.files.errors import InputError


class UnavailableError(InputError):
    """What would contain or run an algorithm is missing on this machine, or failed: not the algorithm's doing."""


@dataclass(frozen=True)
class Limits:
    """What one run may use: seconds of wall clock, bytes of memory and threads of all its processes together.

    ``output`` are bytes under /output, and as many under /tmp; ``log`` are bytes printed.
    """

    seconds: float = 3600.0
    memory: int = 4 << 30
    processes: int = 64
    output: int = 64 << 20
    log: int = 1 << 20


@dataclass(frozen=True)
class Algorithm:
    """A participant's folder, seen at /submission, and what is run of it.

    ``command`` runs in that folder; ``image`` is an archive in it, or an image that podman has, whose entry point then
    runs with ``command`` as arguments. ``mounts`` are the host's folders that it may read, at their own paths.
    """

    folder: Path
    command: tuple[str, ...] = ()
    image: str = ""
    mounts: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Ran:
    """What came of a run: the answer's bytes or the ``problem`` in a line, seconds, and what it printed, cut short."""

    answer: bytes | None
    problem: str
    seconds: float
    log: str


def stranger() -> int:
    """A user's number for one run: a limit on a user's processes counts those of all that it runs at the time.

    Of those that systemd keeps for such users, 61184 to 65519.
    """
    return random.randrange(61_184, 65_520)


def size(count: int) -> str:
    """Bytes in words."""
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"
