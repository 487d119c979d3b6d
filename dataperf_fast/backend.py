"""Where retrains run: cpu, cuda, or the reference pipelines; what is there, and why it was chosen."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from types import ModuleType

from dataperf_fast.formats.errors import InputError

NAMES = ("auto", "cpu", "cuda", "reference")
_SHARE_OF_MEMORY = 0.5


@dataclass(frozen=True)
class Backend:
    """A place to run: its name, why it was chosen, threads to use, and bytes that a batch may take."""

    name: str
    reason: str
    threads: int
    memory: int


def choose(name: str = "auto", jobs: int | None = None) -> Backend:
    """Resolve a backend's name; ``jobs`` is the number of threads, by default one a core that we may use."""
    threads = usable_cores() if jobs is None else jobs
    if threads < 1:
        raise InputError("--jobs", "is", value=jobs, expected="a whole number from 1")
    memory = int(available_memory() * _SHARE_OF_MEMORY)
    if name == "auto":
        return Backend("cpu", "auto: this version has no CUDA path", threads, memory)
    if name == "cpu":
        return Backend("cpu", "asked for", threads, memory)
    if name == "reference":
        return Backend("reference", "asked for", threads, memory)
    if name == "cuda":
        raise InputError("--backend", "cannot be used:", value="cuda", expected="cpu; this version has no CUDA path")
    raise InputError("--backend", "is", value=name, expected=" or ".join(NAMES))


def reference_pipeline(benchmark: str) -> ModuleType:
    """Import the reference pipeline of a benchmark, or say what must be installed for it."""
    try:
        return importlib.import_module(f"dataperf_fast.reference.{benchmark}")
    except ModuleNotFoundError as error:
        raise InputError(
            "--backend", f"reference needs the package {error.name}", expected="pip install 'dataperf-fast[reference]'"
        ) from error


def usable_cores() -> int:
    """The number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory() -> int:
    """Free memory in bytes; where the system does not say, 2 GiB."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 2 << 30


def versions() -> dict[str, str]:
    """Versions of what we run on; for what is missing, what it would be for."""
    from importlib import metadata

    needed = dict.fromkeys(("numpy", "numba", "scikit-learn", "pyarrow"), "")
    optional = {"torch": "--backend reference for debugging: pip install 'dataperf-fast[reference]'"}
    found = {}
    for package, purpose in (needed | optional).items():
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = f"not installed ({purpose})"
    return found
