"""The x87 unit's numbers of 64 bits of mantissa, for compiled code, by the unit itself (``HAS_X87``)."""

from __future__ import annotations

import platform
import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

HAS_X87 = platform.machine().lower() in ("x86_64", "amd64") and sys.platform != "win32"  # which sets it to 53 bits


class _Float80(ir.Type):  # type: ignore[misc]
    """LLVM's type of the x87 unit's numbers, which llvmlite has no name for."""

    def __str__(self) -> str:
        return "x86_fp80"

    _to_string = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Float80)

    def __hash__(self) -> int:
        return hash(_Float80)


class _Extended(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Extended")


_extended = _Extended()


@register_model(_Extended)
class _ExtendedModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any):
        super().__init__(manager, kind, _Float80())


@intrinsic
def widen(typing_context: Any, value: Any) -> Any:
    """A float64 as the x87 unit holds it."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fpext(values[0], _Float80())

    return _extended(types.float64), generate


@intrinsic
def product(typing_context: Any, a: Any, b: Any) -> Any:
    """``a * b``."""
    return a(a, a), lambda context, builder, signature, values: builder.fmul(*values)


@intrinsic
def plus(typing_context: Any, a: Any, b: Any) -> Any:
    """``a + b``."""
    return a(a, a), lambda context, builder, signature, values: builder.fadd(*values)


@intrinsic
def root(typing_context: Any, value: Any) -> Any:
    """The square root, in 64 bits, and then rounded to float64."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(_Float80(), [_Float80()])
        found = builder.call(builder.module.declare_intrinsic("llvm.sqrt.f80", (), kind), values)
        return builder.fptrunc(found, ir.DoubleType())

    return types.float64(_extended), generate
