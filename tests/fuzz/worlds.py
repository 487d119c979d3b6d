"""Environments that a command may be started in, as odd as those of containers, clusters, cron and old terminals."""

from __future__ import annotations

import functools
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

UNKNOWN_USER = 54_321


@dataclass
class World:
    """Variables (None: not there), the working directory, and what happens in the process before it starts."""

    variables: dict[str, str | None] = field(default_factory=dict)
    before: list[Callable[[], object]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """All variables."""
        changed = dict(given) | self.variables
        return {name: value for name, value in changed.items() if value is not None}

    def prepare(self) -> None:
        """Runs in the process that starts the command."""
        for change in self.before:
            change()


_VARIABLES: dict[str, tuple[str | None, ...]] = {
    "PYTHONIOENCODING": ("ascii", "cp1252", "latin-1", "utf-16", "cp437:strict", ":ignore"),
    "PYTHONUTF8": ("0", "1"),
    "TERM": (None, "", "dumb", "nonsense"),
    "COLUMNS": ("", "0", "1", "-7", "a lot"),
    "NO_COLOR": ("1",),
    "FORCE_COLOR": ("1", ""),
    "OMP_NUM_THREADS": ("1", "7", ""),
    "OPENBLAS_NUM_THREADS": ("1", "7", ""),
    "LOKY_MAX_CPU_COUNT": ("1", "7"),
    "OPENBLAS_CORETYPE": ("Haswell", "Prescott", "nonsense", None),
    "MPLBACKEND": ("module://nowhere", "TkAgg", "nonsense", "agg"),
    "PYTHONDONTWRITEBYTECODE": ("1",),
    "PYTHONUNBUFFERED": ("1",),
    "PYTHONOPTIMIZE": ("1", "2"),
    "PYTHONHASHSEED": ("1", "2"),
    "TZ": ("", "nonsense", "Asia/Kolkata", "UTC-25"),
    "USER": (None, "", "\u00e9"),
    "PATH": (None, "", "/nowhere"),
}
_LOCALES = (None, "", "C", "POSIX", "C.UTF-8", "tr_TR.UTF-8", "de_DE.ISO-8859-1", "xx_YY", "nonsense")
_LOCALE = ("LC_ALL", "LANG", "LC_CTYPE", "LC_NUMERIC")
_PLACED = ("HOME", "DATAPERF_FAST_CACHE", "XDG_CACHE_HOME", "TMPDIR", "MPLCONFIGDIR")


def odd(folder: Path, generator: np.random.Generator) -> World:
    """An environment by chance, whose places lie in ``folder``."""
    world = World()
    readonly, file = folder / "read only", folder / "a file"
    readonly.mkdir(exist_ok=True)
    file.write_text("")
    places = [None, "", "~/x", "~nobody at all", "relative/to here", str(folder / "mit Umlaut \u00e4"), str(file)]
    places += [str(readonly), "/nowhere", "/proc/x"]
    before: dict[str, Callable[[], object]] = {
        "umask 077": lambda: os.umask(0o077),
        "no input": lambda: os.close(0),
        "64 files": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
        "a small stack": lambda: resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20)),
    }
    if _others_can_run():
        before["unknown user"] = _become_unknown

    def pick(among: Sequence[Any]) -> Any:
        return among[int(generator.integers(len(among)))]

    for _ in range(int(generator.integers(1, 5))):
        match int(generator.integers(4)):
            case 0:
                _set(world, pick(_PLACED), pick(places))
            case 1:
                for name in _LOCALE:
                    _set(world, name, pick(_LOCALES))
            case 2:
                name = pick(list(before))
                _before(world, name, before.pop(name))
            case 3:
                name = pick(list(_VARIABLES))
                _set(world, name, pick(_VARIABLES[name]))
    readonly.chmod(0o555)
    return world


@functools.cache
def _others_can_run() -> bool:
    """Whether this process may become another user, and that one may use this interpreter."""
    try:
        return not subprocess.run(
            [sys.executable, "-c", "import dataperf_fast"], user=UNKNOWN_USER, check=False
        ).returncode
    except OSError:
        return False


def _set(world: World, name: str, value: str | None) -> None:
    world.variables[name] = value
    world.told.append(f"{name}={value}")


def _before(world: World, told: str, change: Callable[[], object]) -> None:
    world.before.append(change)
    world.told.append(told)


def _become_unknown() -> None:
    os.setgroups([])
    os.setresgid(UNKNOWN_USER, UNKNOWN_USER, UNKNOWN_USER)
    os.setresuid(UNKNOWN_USER, UNKNOWN_USER, UNKNOWN_USER)
