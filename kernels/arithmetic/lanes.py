"""Several floats side by side, as one register of a vector unit holds them, for kernels whose order of sums is fixed.

A compiler may not reorder a sum, so it leaves a dot product scalar; here the kernel itself says which partial sums
there are: four of float64 or eight of float32. ``multiply_add`` rounds once, as fused multiply-add does. Where a
machine's registers are wider or narrower, or it has no such instruction, the same lanes give the same bytes.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

LANES, LANES32 = 4, 8
_INDEX = ir.IntType(32)


class Lanes(types.Type):
    """``count`` lanes of ``dtype``."""

    def __init__(self, dtype: Any, count: int) -> None:
        self.dtype, self.count = dtype, count
        super().__init__(name=f"Lanes({dtype}, {count})")

    @property
    def vector(self) -> Any:
        """LLVM's type."""
        element = ir.FloatType() if self.dtype == types.float32 else ir.DoubleType()
        return ir.VectorType(element, self.count)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any):
        super().__init__(manager, kind, kind.vector)


_lanes, _lanes32 = Lanes(types.float64, LANES), Lanes(types.float32, LANES32)


def address_of(context: Any, builder: Any, kind: Any, array: Any, at: Any, lanes: int) -> Any:
    """The address of ``lanes`` elements of an array from a place on, as that of a vector.

    ``at`` is an index of a contiguous vector, or a tuple of indices, the last one along what is contiguous.
    """
    found = context.make_array(kind)(context, builder, array)
    element = context.get_data_type(kind.dtype)
    if not isinstance(at.type, ir.BaseStructType | ir.ArrayType):
        return builder.bitcast(builder.gep(found.data, [at]), ir.VectorType(element, lanes).as_pointer())
    offset = builder.mul(builder.extract_value(at, kind.ndim - 1), ir.IntType(64)(kind.dtype.bitwidth // 8))
    for axis, stride in enumerate(cgutils.unpack_tuple(builder, found.strides, kind.ndim)[:-1]):
        offset = builder.add(offset, builder.mul(builder.extract_value(at, axis), stride))
    data = builder.bitcast(found.data, ir.IntType(8).as_pointer())
    return builder.bitcast(builder.gep(data, [offset]), ir.VectorType(element, lanes).as_pointer())


def _place(at: Any) -> Any:
    """The type of an index, or of a tuple of them."""
    return types.UniTuple(types.intp, len(at)) if isinstance(at, types.BaseTuple) else types.intp


@intrinsic
def load(typing_context: Any, array: Any, at: Any) -> Any:
    """``array[at : at + 4]`` of a contiguous float64 array, eight of a float32 one; the end is not checked.

    ``at`` may be a tuple of indices: a view of a row would cost its compilation.
    """
    kind = _lanes32 if array.dtype == types.float32 else _lanes

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address = address_of(context, builder, signature.args[0], values[0], values[1], kind.count)
        return builder.load(address, align=kind.dtype.bitwidth // 8)

    return kind(array, _place(at)), generate


@intrinsic
def load_wide(typing_context: Any, array: Any, at: Any) -> Any:
    """``array[at : at + 4]`` of a contiguous float32 or float64 array, as float64; the end is not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address = address_of(context, builder, signature.args[0], values[0], values[1], LANES)
        lanes = builder.load(address, align=signature.args[0].dtype.bitwidth // 8)
        return lanes if signature.args[0].dtype == types.float64 else builder.fpext(lanes, _lanes.vector)

    return _lanes(array, types.intp), generate


@intrinsic
def gather(typing_context: Any, values: Any, places: Any, at: Any) -> Any:
    """``values[places[at : at + 4]]`` of contiguous float64 and int32 arrays, less the places' top bits; unchecked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, places, at = arguments
        data = context.make_array(signature.args[0])(context, builder, array).data
        codes = builder.load(address_of(context, builder, signature.args[1], places, at, LANES), align=4)
        codes = builder.and_(codes, ir.Constant(codes.type, [0x7FFFFFFF] * LANES))
        lanes = ir.Constant(_lanes.vector, ir.Undefined)
        for lane in range(LANES):
            place = builder.zext(builder.extract_element(codes, _INDEX(lane)), ir.IntType(64))
            lanes = builder.insert_element(lanes, builder.load(builder.gep(data, [place])), _INDEX(lane))
        return lanes

    return _lanes(values, places, types.intp), generate


@intrinsic
def larger(typing_context: Any, a: Any, b: Any, codes: Any, at: Any) -> Any:
    """Lane by lane the larger of ``a`` and ``b``, but ``a`` where int32 ``codes[at : at + 4]`` has its top bit."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.load(address_of(context, builder, signature.args[2], values[2], values[3], LANES), align=4)
        wins = builder.and_(
            builder.fcmp_ordered(">", values[1], values[0]),
            builder.icmp_signed(">=", bits, ir.Constant(bits.type, [0] * LANES)),
        )
        return builder.select(wins, values[1], values[0])

    return _lanes(_lanes, _lanes, codes, types.intp), generate


@intrinsic
def store(typing_context: Any, array: Any, at: Any, lanes: Any) -> Any:
    """Write ``lanes`` to ``array[at : ..]`` of a contiguous array of their dtype; the end is not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = signature.args[0]
        address = address_of(context, builder, kind, values[0], values[1], signature.args[2].count)
        builder.store(values[2], address, align=kind.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, _place(at), lanes), generate


@intrinsic
def spread(typing_context: Any, value: Any) -> Any:
    """A float64 in four lanes, a float32 in eight."""
    kind = _lanes32 if value == types.float32 else _lanes

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        nothing = ir.Constant(kind.vector, ir.Undefined)
        first = builder.insert_element(nothing, values[0], _INDEX(0))
        return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INDEX, kind.count), [0] * kind.count))

    return kind(kind.dtype), generate


@intrinsic
def multiply(typing_context: Any, a: Any, b: Any) -> Any:
    """``a * b``."""
    return a(a, a), lambda context, builder, signature, values: builder.fmul(*values)


@intrinsic
def add(typing_context: Any, a: Any, b: Any) -> Any:
    """``a + b``."""
    return a(a, a), lambda context, builder, signature, values: builder.fadd(*values)


@intrinsic
def subtract(typing_context: Any, a: Any, b: Any) -> Any:
    """``a - b``."""
    return a(a, a), lambda context, builder, signature, values: builder.fsub(*values)


@intrinsic
def multiply_add(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once; three of one kind, lanes or numbers."""
    return a(a, a, a), lambda context, builder, signature, values: call(builder, "fma", values)


def call(builder: Any, name: str, values: Any) -> Any:
    """LLVM's function of that name of numbers or vectors of one type."""
    kind = values[0].type
    element, lanes = (kind.element, f"v{kind.count}") if isinstance(kind, ir.VectorType) else (kind, "")
    bits = 64 if isinstance(element, ir.DoubleType) else 32
    function = ir.FunctionType(kind, [kind] * len(values))
    return builder.call(builder.module.declare_intrinsic(f"llvm.{name}.{lanes}f{bits}", (), function), values)


@intrinsic
def lane(typing_context: Any, lanes: Any, at: Any) -> Any:
    """One of the lanes."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.extract_element(values[0], builder.trunc(values[1], _INDEX))

    return lanes.dtype(lanes, types.intp), generate


@intrinsic
def total(typing_context: Any, lanes: Any) -> Any:
    """``(first + third) + (second + fourth)`` of four: halves first, as vector units sum their lanes."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        parts = [builder.extract_element(values[0], _INDEX(at)) for at in range(LANES)]
        return builder.fadd(builder.fadd(parts[0], parts[2]), builder.fadd(parts[1], parts[3]))

    return types.float64(_lanes), generate
