"""Four float64 side by side, as one register of a vector unit holds them, for kernels whose order of sums is fixed.

A compiler may not reorder a sum, so it leaves a dot product scalar; here the kernel itself says which four partial sums
there are. ``multiply_add`` rounds once, as fused multiply-add does.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

LANES = 4
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_INDEX = ir.IntType(32)


class _Lanes(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Lanes")


_lanes = _Lanes()


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any):
        super().__init__(manager, kind, _VECTOR)


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any, lanes: int) -> Any:
    """The address of ``array[at : at + lanes]`` of a contiguous array, as that of a vector."""
    data = context.make_array(kind)(context, builder, array).data
    element = context.get_data_type(kind.dtype)
    return builder.bitcast(builder.gep(data, [at]), ir.VectorType(element, lanes).as_pointer())


@intrinsic
def load(typing_context: Any, array: Any, at: Any) -> Any:
    """``array[at : at + 4]`` of a contiguous float32 or float64 array; the end is not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1], LANES)
        lanes = builder.load(place, align=signature.args[0].dtype.bitwidth // 8)
        return lanes if signature.args[0].dtype == types.float64 else builder.fpext(lanes, _VECTOR)

    return _lanes(array, types.intp), generate


@intrinsic
def gather(typing_context: Any, values: Any, places: Any, at: Any) -> Any:
    """``values[places[at : at + 4]]`` of contiguous float64 and int32 arrays, less the places' top bits; unchecked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, places, at = arguments
        data = context.make_array(signature.args[0])(context, builder, array).data
        codes = builder.load(_place(context, builder, signature.args[1], places, at, LANES), align=4)
        codes = builder.and_(codes, ir.Constant(codes.type, [0x7FFFFFFF] * LANES))
        lanes = ir.Constant(_VECTOR, ir.Undefined)
        for lane in range(LANES):
            place = builder.zext(builder.extract_element(codes, _INDEX(lane)), ir.IntType(64))
            lanes = builder.insert_element(lanes, builder.load(builder.gep(data, [place])), _INDEX(lane))
        return lanes

    return _lanes(values, places, types.intp), generate


@intrinsic
def larger(typing_context: Any, a: Any, b: Any, codes: Any, at: Any) -> Any:
    """Lane by lane the larger of ``a`` and ``b``, but ``a`` where int32 ``codes[at : at + 4]`` has its top bit."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.load(_place(context, builder, signature.args[2], values[2], values[3], LANES), align=4)
        wins = builder.and_(
            builder.fcmp_ordered(">", values[1], values[0]),
            builder.icmp_signed(">=", bits, ir.Constant(bits.type, [0] * LANES)),
        )
        return builder.select(wins, values[1], values[0])

    return _lanes(_lanes, _lanes, codes, types.intp), generate


@intrinsic
def store(typing_context: Any, array: Any, at: Any, lanes: Any) -> Any:
    """Write ``lanes`` to ``array[at : at + 4]`` of a contiguous float64 array; the end is not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1], LANES)
        builder.store(values[2], place, align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@intrinsic
def spread(typing_context: Any, value: Any) -> Any:
    """``value`` in every lane."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), values[0], _INDEX(0))
        return builder.shuffle_vector(
            first, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES)
        )

    return _lanes(types.float64), generate


@intrinsic
def multiply(typing_context: Any, a: Any, b: Any) -> Any:
    """``a * b``."""
    return _lanes(_lanes, _lanes), lambda context, builder, signature, values: builder.fmul(*values)


@intrinsic
def add(typing_context: Any, a: Any, b: Any) -> Any:
    """``a + b``."""
    return _lanes(_lanes, _lanes), lambda context, builder, signature, values: builder.fadd(*values)


@intrinsic
def subtract(typing_context: Any, a: Any, b: Any) -> Any:
    """``a - b``."""
    return _lanes(_lanes, _lanes), lambda context, builder, signature, values: builder.fsub(*values)


@intrinsic
def multiply_add(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        return builder.call(builder.module.declare_intrinsic("llvm.fma.v4f64", (), kind), values)

    return _lanes(_lanes, _lanes, _lanes), generate


@intrinsic
def total(typing_context: Any, lanes: Any) -> Any:
    """``(first + third) + (second + fourth)``: halves first, as vector units sum their lanes."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        parts = [builder.extract_element(values[0], _INDEX(at)) for at in range(LANES)]
        return builder.fadd(builder.fadd(parts[0], parts[2]), builder.fadd(parts[1], parts[3]))

    return types.float64(_lanes), generate
