"""What of this machine can change the last bits of what a library computes. Our own arithmetic hangs on none of it."""

from __future__ import annotations

import hashlib
import os
import platform
from contextlib import suppress
from functools import cache
from importlib import metadata
from typing import NamedTuple

# Variables that make a library take the processor for another; of OpenBLAS its kernels say so.
_BELIEFS = (
    "ATEN_CPU_CAPABILITY",
    "GLIBC_TUNABLES",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "ONEDNN_MAX_CPU_ISA",
)
# Features of a processor, as LLVM names them, by which libraries choose their code.
_VECTORS = ("amx", "avx", "fma", "neon", "sme", "sve", "xop")


class Blas(NamedTuple):
    """A BLAS that this process has loaded, and the kernels that it chose for the processor."""

    library: str
    version: str
    kernels: str


def blas() -> list[Blas]:
    """NumPy's BLAS and SciPy's, and whatever else is loaded; equal ones once, sorted. Loads NumPy and SciPy."""
    import numpy as np  # noqa: F401 so that its BLAS is there to be found
    import scipy.linalg  # noqa: F401 SciPy's too
    from threadpoolctl import threadpool_info

    found = {
        Blas(of["internal_api"], of.get("version") or "unknown", of.get("architecture") or "unknown")
        for of in threadpool_info()
        if of["user_api"] == "blas"
    }
    return sorted(found)


@cache
def facts() -> str:
    """What this machine is, in a line: system, processor with its vector units, C library, BLAS, beliefs.

    >>> facts()  # doctest: +SKIP
    'Linux x86_64, znver3 (avx avx2 fma), glibc 2.41, openblas 0.3.30 Haswell'
    """
    c_library = " ".join(platform.libc_ver()).strip() or platform.platform()  # elsewhere it goes with the system
    told = [f"{name}={os.environ[name]}" for name in _BELIEFS if os.environ.get(name)]
    system = f"{platform.system()} {platform.machine()}"
    return ", ".join([system, _processor(), c_library, *(" ".join(of) for of in blas()), *told])


def made_with(*packages: str) -> str:
    """What a result of installed packages hangs on, for its record: their versions, and this machine."""
    return f"{', '.join(f'{package} {metadata.version(package)}' for package in packages)} on {facts()}"


def digest(made: str) -> str:
    """What a result was made with as a part of its key."""
    return hashlib.sha256(made.encode()).hexdigest()[:16]


def _processor() -> str:
    from llvmlite import binding

    features: list[str] = []
    with suppress(RuntimeError):  # where LLVM cannot ask the processor
        known = binding.get_host_cpu_features()
        features = sorted(name for name, there in known.items() if there and name.startswith(_VECTORS))
    name = binding.get_host_cpu_name()
    return f"{name} ({' '.join(features)})" if features else name
