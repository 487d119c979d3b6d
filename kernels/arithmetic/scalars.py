"""Scalars as the processor holds them: one-rounding multiply-add, and floats as their bits."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c`` of three float64 or three float32, rounded once; without such an instruction the library's fma."""
    kind = types.float32 if {a, b, c} == {types.float32} else types.float64

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        of = context.get_value_type(kind)
        name = "llvm.fma.f32" if kind == types.float32 else "llvm.fma.f64"
        return builder.call(builder.module.declare_intrinsic(name, (), ir.FunctionType(of, [of] * 3)), values)

    return kind(kind, kind, kind), generate


@intrinsic
def bits_of(typing_context: Any, value: Any) -> Any:
    """The bits of a float64, uint64."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], ir.IntType(64))

    return types.uint64(types.float64), generate


@intrinsic
def from_bits(typing_context: Any, bits: Any) -> Any:
    """The float64 with these bits, uint64."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], ir.DoubleType())

    return types.float64(types.uint64), generate
