"""What CUDA's compiler must be told to compile the deciding arithmetic to the CPU's bytes.

It fuses a product and the sum it goes into, and rounds once; the CPU's, left to itself, never does. Both must round
alike: fused where ``fused`` or ``multiply_add`` stands, nowhere else. And a GPU has no x87 unit for norms.
"""

from __future__ import annotations

import importlib
import operator
from functools import cache
from typing import Any

from llvmlite import ir
from numba import config, types

from dataperf_fast.kernels.arithmetic.norm import norm, norm_by_whole_numbers


@cache
def teach_cuda() -> None:
    """Make products of floats PTX's ``mul.rn``, which nothing fuses, in all CUDA kernels compiled from here on.

    There is no switch for it (numba-cuda 0.30). The simulator runs Python and the CPU's functions: it needs nothing.
    """
    if getattr(config, "ENABLE_CUDASIM", 0):
        return
    extending: Any = importlib.import_module("numba.cuda.extending")
    for kind, name in ((types.float64, "__nv_dmul_rn"), (types.float32, "__nv_fmul_rn")):
        for product in (operator.mul, operator.imul):
            extending.lower_builtin(product, kind, kind)(_calling(name))
    extending.overload(norm, target="cuda")(lambda vector: lambda vector: norm_by_whole_numbers(vector))  # noqa: PLW0108


def _calling(name: str) -> Any:
    """How a product becomes a call of libdevice's function of that name."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(values[0].type, [value.type for value in values])
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        return builder.call(function, values)

    return generate
