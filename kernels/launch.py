"""Launching CUDA kernels."""

from __future__ import annotations

import warnings
from typing import Any


def launch(kernel: Any, blocks: int, threads: int, *arguments: Any) -> None:
    """Start ``kernel`` on so many blocks of so many threads; Numba's warning of few blocks is not for users."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Grid size")
        configured = kernel[blocks, threads]
    configured(*arguments)
