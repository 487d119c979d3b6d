"""What the reference is: scikit-learn 1.9 and SciPy 1.17 on one thread of OpenBLAS's Haswell kernels.

OpenBLAS sums in another order on another processor, and so do other versions and other libraries; each gives other
scores. ``settings`` must be in a process's environment before NumPy is loaded; ``departure`` says of such a process
whether it runs the definition, ``made_with`` what its scores hang on.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import NamedTuple

from dataperf_fast.engine import machine

VERSION = "1"  # changes whenever the same files could get another score from one of the pipelines
KERNELS = "Haswell"
VERSIONS = {"scikit-learn": "1.9", "SciPy": "1.17"}


class Found(NamedTuple):
    """What a process runs on: what its processor lacks, each BLAS as ``library kernels``, versions, the machine."""

    processor: str
    blas: tuple[str, ...]
    versions: dict[str, str]
    machine: str


def settings() -> dict[str, str]:
    """The environment of a process that runs the definition, or comes as near to it as this processor can."""
    found = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # Nothing that would take the processor's own features from NumPy or from libm.
    found |= dict.fromkeys(("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "GLIBC_TUNABLES"), "")
    return found | ({} if processor() else {"OPENBLAS_CORETYPE": KERNELS})


def processor() -> str:
    """What of this processor is not as defined; nothing where it is x86-64 with AVX2 and fused multiply-add."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return platform.machine()
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    missing = [name.upper() for name in ("avx2", "fma") if not features.get(name)]
    return f"x86-64 without {' and '.join(missing)}" if missing else ""


def find(more: Mapping[str, str] | None = None) -> Found:
    """What this process runs on, with the versions of ``more`` libraries; loads NumPy and SciPy."""
    names = {f"{of.library} {of.kernels}" for of in machine.blas()}
    versions = {library: version(library.lower()) for library in (*VERSIONS, "NumPy")} | dict(more or {})
    return Found(processor(), tuple(sorted(names)), versions, machine.facts())


def made_with(found: Found) -> str:
    """What a score of such a process hangs on, in a line."""
    departs = ", not as it is defined" if departure(found) else ""
    versions = ", ".join(f"{library} {of}" for library, of in found.versions.items())
    return f"reference {VERSION}{departs}: {versions} on {found.machine}"


def departure(found: Found) -> str:
    """What keeps a process from running the definition, as one line; nothing where it does."""
    problems = [found.processor] if found.processor else []
    if not found.blas:
        problems.append("no OpenBLAS")
    for name in found.blas:
        library, kernels = name.split(" ", 1)
        if library != "openblas":
            problems.append(f"{library} for a BLAS")
        elif kernels != KERNELS:
            problems.append(f"OpenBLAS's {kernels} kernels")
    for library, wanted in VERSIONS.items():
        if found.versions[library].split(".")[:2] != wanted.split("."):
            problems.append(f"{library} {found.versions[library]}")
    if not problems:
        return ""
    wants = ", ".join(f"{library} {wanted}" for library, wanted in VERSIONS.items())
    return (
        f"the reference does not run as it is defined: found {', '.join(problems)}; expected x86-64 with AVX2 and FMA, "
        f"OpenBLAS's {KERNELS} kernels in NumPy and SciPy, {wants}"
    )
