"""Products that are rounded by themselves, on every target.

CUDA's compiler fuses a product and the sum it goes into, and rounds once; the CPU's, left to itself, never does. Where
the answer hangs on the last bit, as the path of ``svm/smo.py`` does, both must round alike.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from numba import config
from numba.extending import overload


def times(a, b):
    """``a * b``, never fused into a sum."""
    return a * b


@overload(times)
def _on_cpu(a, b):
    return lambda a, b: a * b


@cache
def teach_cuda() -> None:
    """Make ``times`` known to CUDA's compiler (numba-cuda); the simulator is Python and needs nothing."""
    if getattr(config, "ENABLE_CUDASIM", 0):
        return
    extending: Any = importlib.import_module("numba.cuda.extending")
    libdevice: Any = importlib.import_module("numba.cuda.libdevice")

    @extending.overload(times, target="cuda")
    def _on_cuda(a, b):
        def product(a, b):
            return libdevice.dmul_rn(a, b)

        return product
