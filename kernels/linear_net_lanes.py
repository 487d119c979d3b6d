"""Numbers side by side: the linear net's operations in an order that is the code's and not the processor's.

A compiler may not reorder a sum, so here the kernel itself says which partial sums there are: as many as 128 bytes
hold, 16 of float64 or 32 of float32. LLVM cuts them into what registers the machine has, two of AVX-512 or eight of
SSE2, and the bytes of a sum are the same. ``multiply_add`` rounds once, with or without hardware for it: where there
is none LLVM calls libm's, which is exact. ``+ - * /`` and ``math.sqrt`` of lanes are those of numbers, lane by lane,
so that a function of one element is a function of lanes too.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, overload, register_model

BYTES = 128
_INDEX = ir.IntType(32)
_REAL = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}


class _Lanes(types.Type):
    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"WideLanes({dtype})")


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any):
        super().__init__(manager, kind, _vector(kind.dtype))


def lanes_of(dtype: Any) -> int:
    """How many lanes there are of a NumPy or numba type of floats; matrices have a multiple of them as columns."""
    return BYTES // (dtype.bitwidth // 8 if isinstance(dtype, types.Float) else dtype.itemsize)


def _vector(dtype: Any, lanes: int | None = None) -> ir.VectorType:
    return ir.VectorType(_REAL[dtype], lanes or lanes_of(dtype))


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any, lanes: int) -> Any:
    """The address of ``array[at : at + lanes]`` of a contiguous array, as that of a vector."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), _vector(kind.dtype, lanes).as_pointer())


def _part(builder: Any, lanes: Any, first: int, count: int) -> Any:
    """``count`` of the lanes from the first on."""
    places = ir.Constant(ir.VectorType(_INDEX, count), list(range(first, first + count)))
    return builder.shuffle_vector(lanes, ir.Constant(lanes.type, ir.Undefined), places)


def _fill(builder: Any, value: Any, count: int) -> Any:
    """A number in each of ``count`` lanes."""
    nothing = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
    first = builder.insert_element(nothing, value, _INDEX(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INDEX, count), [0] * count))


@intrinsic
def zeros(typing_context: Any, array: Any) -> Any:
    """A zero of ``array``'s dtype in every lane."""
    return _Lanes(array.dtype)(array), lambda context, builder, signature, values: ir.Constant(
        _vector(array.dtype), None
    )


@intrinsic
def load(typing_context: Any, array: Any, at: Any, like: Any) -> Any:
    """``array[at : at + lanes]`` of a contiguous array, in the dtype and lanes of ``like``; the end is not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1], lanes_of(like.dtype))
        lanes = builder.load(place, align=array.dtype.bitwidth // 8)
        if array.dtype.bitwidth < like.dtype.bitwidth:
            return builder.fpext(lanes, _vector(like.dtype))
        return lanes if array.dtype == like.dtype else builder.fptrunc(lanes, _vector(like.dtype))

    return _Lanes(like.dtype)(array, types.intp, like), generate


@intrinsic
def store(typing_context: Any, array: Any, at: Any, lanes: Any) -> Any:
    """Write ``lanes`` to ``array[at : at + lanes]`` of a contiguous array of their dtype; the end is not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[0], values[1], lanes_of(lanes.dtype))
        builder.store(values[2], place, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@intrinsic
def spread(typing_context: Any, value: Any, like: Any) -> Any:
    """A float64 in every lane of ``like``'s dtype."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        lanes = _fill(builder, values[0], lanes_of(like.dtype))
        return lanes if like.dtype == types.float64 else builder.fptrunc(lanes, _vector(like.dtype))

    return _Lanes(like.dtype)(types.float64, like), generate


@intrinsic
def _dither(typing_context: Any, value: Any, like: Any, offsets: Any, at: Any) -> Any:
    """A float64 in 32 lanes of float32, after 32 ``offsets[at:]`` in units of its last place."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        count, word, real = lanes_of(types.float32), ir.IntType(64), ir.DoubleType()
        power = builder.bitcast(builder.and_(builder.bitcast(values[0], word), word(0x7FF << 52)), real)
        unit = _fill(builder, builder.fmul(power, real(2.0**-23)), count)
        added = builder.load(_place(context, builder, offsets, values[2], values[3], count), align=8)
        lanes = builder.fadd(_fill(builder, values[0], count), builder.fmul(unit, added))
        return builder.fptrunc(lanes, _vector(types.float32))

    return _Lanes(like.dtype)(types.float64, like, offsets, types.intp), generate


_OFFSETS = np.tile((np.arange(32) * 13 % 32 + 0.5) / 32 - 0.5, 2)


def spread_evenly(value, like, turn):
    """A float64 in every lane of ``like``'s dtype, in float32 rounded so that the lanes' mean is right to 1/32 unit.

    A factor that is rounded once for all elements errs the same way in all of them, and that was most of the error
    of float32 logits. ``turn`` is to differ from row to row, or a lane would err the same way in all rows.
    """
    raise NotImplementedError("compiled only")


@overload(spread_evenly, inline="always")
def _spread_evenly(value, like, turn):
    if like.dtype == types.float64:
        return lambda value, like, turn: spread(value, like)
    return lambda value, like, turn: _dither(value, like, _OFFSETS, turn % 32)


@intrinsic
def multiply_add(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once; three of one kind, lanes or numbers."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _call(builder, "fma", values)

    return a(a, a, a), generate


def _call(builder: Any, name: str, values: Any) -> Any:
    """LLVM's function of that name of numbers or vectors of one type."""
    kind = values[0].type
    element, lanes = (kind.element, f"v{kind.count}") if isinstance(kind, ir.VectorType) else (kind, "")
    bits = 64 if isinstance(element, ir.DoubleType) else 32
    function = ir.FunctionType(kind, [kind] * len(values))
    return builder.call(builder.module.declare_intrinsic(f"llvm.{name}.{lanes}f{bits}", (), function), values)


@intrinsic
def total(typing_context: Any, lanes: Any) -> Any:
    """The sum of the lanes: the upper half is added to the lower, until one is left."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        [left] = values
        count = lanes_of(lanes.dtype)
        while count > 1:
            count //= 2
            left = builder.fadd(_part(builder, left, 0, count), _part(builder, left, count, count))
        return builder.extract_element(left, _INDEX(0))

    return lanes.dtype(lanes), generate


def _lane_by_lane(function: Any, instruction: str) -> None:
    """Make Python's operator work on lanes, by LLVM's instruction for numbers."""

    @intrinsic
    def work(typing_context: Any, a: Any, b: Any) -> Any:
        return a(a, a), lambda context, builder, signature, values: getattr(builder, instruction)(*values)

    # numba wants a function of its own here: an intrinsic is none.
    @overload(function)
    def of_lanes(a, b):
        return (lambda a, b: work(a, b)) if isinstance(a, _Lanes) else None  # noqa: PLW0108


for _function, _instruction in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _lane_by_lane(_function, _instruction)


@intrinsic
def _negative(typing_context: Any, lanes: Any) -> Any:
    return lanes(lanes), lambda context, builder, signature, values: builder.fneg(values[0])


@intrinsic
def _root(typing_context: Any, lanes: Any) -> Any:
    return lanes(lanes), lambda context, builder, signature, values: _call(builder, "sqrt", values)


@overload(operator.neg)
def _negative_lanes(a):
    return (lambda a: _negative(a)) if isinstance(a, _Lanes) else None  # noqa: PLW0108


@overload(math.sqrt)
def _root_of_lanes(x):
    return (lambda x: _root(x)) if isinstance(x, _Lanes) else None  # noqa: PLW0108


@njit(nogil=True, cache=True)
def dot(left, right):
    """Dot product of two vectors ``(d,)`` in the dtype of the second; d is a multiple of its lanes.

    Lane l sums every element at l modulo lanes.
    """
    sums = zeros(right)
    for k in range(0, right.shape[0], BYTES // right.itemsize):
        sums = multiply_add(load(left, k, right), load(right, k, right), sums)
    return total(sums)


# Two at a time: three loads for two products instead of four.
@njit(nogil=True, cache=True)
def two_dots(left0, left1, right):
    """Two dot products with one vector; the same bytes as ``dot``'s."""
    sums0 = zeros(right)
    sums1 = zeros(right)
    for k in range(0, right.shape[0], BYTES // right.itemsize):
        part = load(right, k, right)
        sums0 = multiply_add(load(left0, k, right), part, sums0)
        sums1 = multiply_add(load(left1, k, right), part, sums1)
    return total(sums0), total(sums1)
