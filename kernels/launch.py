"""Launching CUDA kernels, and the library of the arrays that they share."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import config, cuda

from dataperf_fast.kernels.arithmetic.cuda import teach_cuda


def gpu_kernel(function: Callable[..., None]) -> Any:
    """A function as a CUDA kernel, compiled where ``launch`` first starts it; on the simulator it is Python."""
    return cuda.jit(function)


def launch(kernel: Any, blocks: int | tuple[int, int], threads: int, *arguments: Any) -> None:
    """Start ``kernel`` on so many blocks of so many threads; Numba's warning of few blocks is not for users."""
    teach_cuda()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Grid size")
        configured = kernel[blocks, threads]
    configured(*arguments)


def array_library() -> Any:
    """CuPy; on the simulator NumPy, which has the same functions."""
    return np if getattr(config, "ENABLE_CUDASIM", 0) else importlib.import_module("cupy")


def on_host(array: Any) -> np.ndarray:
    """A CuPy or NumPy array as NumPy's."""
    return np.asarray(array.get() if hasattr(array, "get") else array)
