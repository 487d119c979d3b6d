"""Where retrains run: cpu, cuda, or the reference pipelines; what is there, and why it was chosen."""

from __future__ import annotations

import ctypes
import importlib
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

from dataperf_fast.engine import limits, machine
from dataperf_fast.files.errors import ArgumentError, install, shorten, told
from dataperf_fast.kernels import arithmetic

if TYPE_CHECKING:
    from dataperf_fast.engine.processes import Processes

NAMES = ("auto", "cpu", "cuda", "reference", "reference-cuml")
_SHARE_OF_MEMORY = 0.5


@dataclass(frozen=True)
class Backend:
    """A place to run: its name, why it was chosen, the CPU's threads to use, and bytes that a batch may take.

    The reference runs in as many processes of one thread.

    ``multiprocessors`` is the GPU's number of them, 0 on a CPU. ``longer`` finds where an engine goes on once its
    retrains have taken, or will take, so long that starting a GPU pays.
    """

    name: str
    reason: str
    threads: int
    memory: int
    multiprocessors: int = 0
    longer: Callable[[], Backend] | None = field(default=None, compare=False, repr=False)

    @property
    def is_reference(self) -> bool:
        """Whether the reference pipelines are to run, on whatever."""
        return self.name.startswith("reference")

    @property
    def lanes(self) -> int:
        """How many retrains it works on at a time."""
        return self.multiprocessors or self.threads


class Device(NamedTuple):
    """A GPU that answers: name, free and total memory in bytes, multiprocessors, compute capability, CUDA, driver."""

    name: str
    free: int
    total: int
    multiprocessors: int
    capability: tuple[int, int]
    cuda: tuple[int, int]
    driver: int = 0


def choose(name: str = "auto", jobs: int | None = None, without_cuda: str = "") -> Backend:
    """Resolve a backend's name.

    Args:
        name: cpu, cuda or reference; auto is cuda where a device answers, else cpu; reference-cuml is the reference
            with ``cuml.accel`` between it and scikit-learn.
        jobs: the number of threads, or of the reference's processes; None for one a core that we may use.
        without_cuda: names what is to run if it has no CUDA path.

    Returns:
        The backend, with the memory that a batch may take.

    Raises:
        InputError: for another name, fewer than one thread, and a GPU or cuML that is not there.

    Example:
        >>> from dataperf_fast.engine import backend as backends
        >>> backends.choose("cpu", 2).threads
        2
    """
    threads = limits.usable_cores() if jobs is None else jobs
    if isinstance(threads, bool) or not isinstance(threads, Integral) or threads < 1:
        raise ArgumentError("jobs", "is", value=jobs, expected="a whole number from 1")
    memory = int(limits.available_memory() * _SHARE_OF_MEMORY)
    if name == "reference-cuml":
        _require_cuml()
    if name in ("cpu", "reference", "reference-cuml"):
        return Backend(name, "asked for", threads, memory)
    if name not in ("auto", "cuda"):
        raise ArgumentError("backend", f"is {shorten(name)}", expected=" or ".join(NAMES))
    found = f"{without_cuda} has no CUDA path" if without_cuda else find_device()
    if isinstance(found, Device):
        reason = "asked for" if name == "cuda" else f"auto: {found.name} answers"
        return Backend("cuda", reason, threads, int(found.free * _SHARE_OF_MEMORY), found.multiprocessors)
    if name == "cuda":
        raise ArgumentError("backend", f"cuda cannot be used: {found}", expected="cpu or auto")
    return Backend("cpu", f"auto: {found}", threads, memory)


def find_device() -> Device | str:
    """The GPU that CUDA would use, or why there is none; asks the driver first, which costs nothing to miss."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return "no CUDA driver is installed"
    count, number = ctypes.c_int(), ctypes.c_int()
    if (code := driver.cuInit(0)) or (code := driver.cuDeviceGetCount(ctypes.byref(count))):
        return f"the CUDA driver answers with error {code}"
    if not count.value:
        return "the CUDA driver knows no device"
    for module, package in (("numba_cuda", "numba-cuda"), ("cupy", "CuPy")):
        if find_spec(module) is None:
            return f"{package} is not installed ({install('gpu')})"
    cuda: Any = importlib.import_module("numba.cuda")
    try:
        device, (free, total) = cuda.get_current_device(), cuda.current_context().get_memory_info()
        name = device.name.decode() if isinstance(device.name, bytes) else device.name
        version = cuda.runtime.get_version()
    except Exception as error:  # a driver too old for the toolkit, a device that is lost: whatever it is, it is no GPU
        return f"CUDA does not start: {told(error)}"
    driver.cuDriverGetVersion(ctypes.byref(number))
    capability = tuple(device.compute_capability)
    return Device(name, free, total, device.MULTIPROCESSOR_COUNT, capability, version, number.value)


def _require_cuml() -> None:
    """Say why cuML cannot stand in for scikit-learn's estimators, if it cannot."""
    problem = find_device()
    if find_spec("cuml") is None:
        problem = "the package cuml is not installed"
    if not isinstance(problem, Device):
        raise ArgumentError(
            "backend", f"reference-cuml cannot be used: {problem}",
            expected="reference, or an environment with cuML, as docs/gpu.md says",
        )  # fmt: skip


def reference_pipeline(module: str, backend: Backend) -> Processes:
    """The processes of a reference's module, one for each of the backend's threads; or what must be installed.

    Warns, once, where they do not run the reference as it is defined.
    """
    from dataperf_fast.engine.processes import open_processes

    accelerated = backend.name == "reference-cuml"
    pipeline = open_processes(module, 1 if accelerated else backend.threads, accelerated)
    try:
        if pipeline.departure:
            _warn_once(pipeline.departure)
    except ModuleNotFoundError as error:
        raise ArgumentError(
            "backend", f"reference needs the package {error.name}", expected=install("reference")
        ) from error
    return pipeline


def reference_made_with(module: str, backend: Backend, model: str = "") -> str:
    """What a score by a reference hangs on: its definition's version, libraries, and the machine."""
    made = reference_pipeline(module, backend).made_with(model)
    device = find_device() if backend.name == "reference-cuml" else ""
    return f"{made}, {device.name}" if isinstance(device, Device) else made


@cache
def _warn_once(line: str) -> None:
    warnings.warn(line, stacklevel=3)


def versions() -> dict[str, str]:
    """The deciding arithmetic's version, those of what we run on, the machine; for what is missing, what it is for."""
    from importlib import metadata

    needed = dict.fromkeys(("numpy", "numba", "scipy", "scikit-learn", "pyarrow"), "")
    optional = {
        "torch": f"--backend reference for debugging: {install('reference')}",
        "xgboost-cpu": f"--model xgb: {install('xgb')}",
        "numba-cuda": f"--backend cuda: {install('gpu')}",
        "cupy-cuda13x": f"--backend cuda: {install('gpu')}",
        "fastapi": f"serve, submit, status, board: {install('server')}",
        "cuml-cu13": "--backend reference-cuml: docs/gpu.md",
    }
    found = {"arithmetic": arithmetic.VERSION}
    for package, purpose in (needed | optional).items():
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = f"not installed ({purpose})"
    return found | {"machine": machine.facts()}
