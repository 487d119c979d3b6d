"""Launching CUDA kernels, and the library of the arrays that they share."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numba import config, cuda

from dataperf_fast.kernels.arithmetic.cuda import teach_cuda
from dataperf_fast.kernels.kept import keep_cuda

_SIMULATED = bool(getattr(config, "ENABLE_CUDASIM", 0))


def gpu_kernel(function: Callable[..., None]) -> Any:
    """A function as a CUDA kernel, compiled where ``launch`` first starts it; on the simulator it is Python."""
    compiled = cuda.jit(function)
    return keep_cuda(compiled) if find_spec("numba_cuda") and not _SIMULATED else compiled


def launch(kernel: Any, blocks: int | tuple[int, int], threads: int, *arguments: Any) -> None:
    """Start ``kernel`` on so many blocks of so many threads; Numba's warning of few blocks is not for users."""
    teach_cuda()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Grid size")
        configured = kernel[blocks, threads]
    configured(*arguments)


def lent(*arrays: Any) -> list[Any]:
    """CuPy's arrays as Numba's own, for loops: each launch would ask every array anew, and wait for its stream."""
    return [cuda.as_cuda_array(of) if hasattr(of, "__cuda_array_interface__") else of for of in arrays]


def array_library() -> Any:
    """CuPy; on the simulator NumPy, which has the same functions."""
    return np if _SIMULATED else importlib.import_module("cupy")


def on_host(array: Any) -> np.ndarray:
    """A CuPy or NumPy array as NumPy's."""
    return np.asarray(array.get() if hasattr(array, "get") else array)
