"""What tests have processes of the reference do."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
import warnings
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

LIBRARIES = {"threaded": ("threadpoolctl",)}


def describe(*arguments: Any) -> list[tuple[str, Any]]:
    """The type's name of each argument, and its sum."""
    return [(type(argument).__name__, np.sum(argument).item()) for argument in arguments]


def threads() -> dict[str, int]:
    """Threads of each BLAS and OpenMP that are loaded, and the kernels of the BLAS."""
    np.ones((600, 600)) @ np.ones((600, 600))
    return {f"{of['internal_api']} {of.get('architecture')}": of["num_threads"] for of in threadpool_info()}


def imported(module: str, name: str) -> bool:
    """Whether the import of a module imports another."""
    importlib.import_module(module)
    return name in sys.modules


def square(number: int) -> int:
    """A little work."""
    return number * number


def warn() -> str:
    """Warn as lbfgs does."""
    warnings.warn("stops at 100 iterations", UserWarning, stacklevel=1)
    return "warned"


def fail(message: str) -> None:
    """Raise an error that has a value."""
    raise ValueError(message)


def die() -> None:
    """End as a process without memory does."""
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(path: str) -> None:
    """Say that it runs, and take long."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    time.sleep(600)


def accelerated() -> list[str]:
    """What ``cuml.accel`` was told, as tests' own stands in for it."""
    calls: list[str] = sys.modules["cuml.accel"].calls
    return calls
