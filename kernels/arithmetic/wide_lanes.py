"""More lanes than a register holds, for sums whose order is ours to choose: the linear net's.

There are as many partial sums as 128 bytes hold, 16 of float64 or 32 of float32. LLVM cuts them into the registers that
a machine has, two of AVX-512 or eight of SSE2, and the bytes of a sum are the same. ``+ - * /`` and ``math.sqrt`` of
lanes are those of numbers, lane by lane, so that a function of one element is a function of lanes too.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic, overload

from dataperf_fast.kernels.arithmetic.lanes import Lanes, address_of, call, multiply_add
from dataperf_fast.kernels.compiled import kernel

BYTES = 128
# What is worked on at once where lanes meet in no sum, and any number gives the same bytes. AVX2's sixteen registers
# hold two of a variable's and not four: the net's row pass by itself takes 102 us so, not 118 (Zen 3).
FEW = BYTES if binding.get_host_cpu_features().get("avx512f") else BYTES // 2
_INDEX = ir.IntType(32)


def lanes_of(dtype: Any) -> int:
    """How many lanes there are of a NumPy or numba type of floats; matrices have a multiple of them as columns."""
    return BYTES // (dtype.bitwidth // 8 if isinstance(dtype, types.Float) else dtype.itemsize)


def _wide(dtype: Any) -> Lanes:
    return Lanes(dtype, lanes_of(dtype))


def _as(like: Any) -> Lanes:
    """The lanes of an array's dtype, or those that are given."""
    return like if isinstance(like, Lanes) else _wide(like.dtype)


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
    return _wide(array.dtype)(array), lambda context, builder, signature, values: ir.Constant(
        _wide(array.dtype).vector, None
    )


@intrinsic
def few(typing_context: Any, array: Any) -> Any:
    """A zero of ``array``'s dtype in ``FEW`` bytes: what ``load`` is to be like where nothing is summed over lanes."""
    kind = Lanes(array.dtype, FEW // (array.dtype.bitwidth // 8))
    return kind(array), lambda context, builder, signature, values: ir.Constant(kind.vector, None)


@intrinsic
def load(typing_context: Any, array: Any, at: Any, like: Any) -> Any:
    """``array[at : at + lanes]`` of a contiguous array, in the dtype and lanes of ``like``; the end is not checked."""
    kind = _as(like)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address = address_of(context, builder, signature.args[0], values[0], values[1], kind.count)
        lanes = builder.load(address, align=array.dtype.bitwidth // 8)
        if array.dtype.bitwidth < like.dtype.bitwidth:
            return builder.fpext(lanes, kind.vector)
        return lanes if array.dtype == like.dtype else builder.fptrunc(lanes, kind.vector)

    return kind(array, types.intp, like), generate


@intrinsic
def store(typing_context: Any, array: Any, at: Any, lanes: Any) -> Any:
    """Write ``lanes`` to ``array[at : at + lanes]`` of a contiguous array of their dtype; the end is not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address = address_of(context, builder, signature.args[0], values[0], values[1], lanes.count)
        builder.store(values[2], address, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@intrinsic
def spread(typing_context: Any, value: Any, like: Any) -> Any:
    """A float64 in every lane of ``like``, an array or lanes."""
    kind = _as(like)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        lanes = _fill(builder, values[0], kind.count)
        return lanes if kind.dtype == types.float64 else builder.fptrunc(lanes, kind.vector)

    return kind(types.float64, like), generate


@intrinsic
def _dither(typing_context: Any, value: Any, like: Any, offsets: Any, at: Any) -> Any:
    """A float64 in 32 lanes of float32, after 32 ``offsets[at:]`` in units of its last place."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        count, word, real = lanes_of(types.float32), ir.IntType(64), ir.DoubleType()
        power = builder.bitcast(builder.and_(builder.bitcast(values[0], word), word(0x7FF << 52)), real)
        unit = _fill(builder, builder.fmul(power, real(2.0**-23)), count)
        added = builder.load(address_of(context, builder, offsets, values[2], values[3], count), align=8)
        lanes = builder.fadd(_fill(builder, values[0], count), builder.fmul(unit, added))
        return builder.fptrunc(lanes, _wide(types.float32).vector)

    return _wide(like.dtype)(types.float64, like, offsets, types.intp), generate


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
        return (lambda a, b: work(a, b)) if isinstance(a, Lanes) else None  # noqa: PLW0108


for _function, _instruction in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _lane_by_lane(_function, _instruction)


@intrinsic
def _negative(typing_context: Any, lanes: Any) -> Any:
    return lanes(lanes), lambda context, builder, signature, values: builder.fneg(values[0])


@intrinsic
def _root(typing_context: Any, lanes: Any) -> Any:
    return lanes(lanes), lambda context, builder, signature, values: call(builder, "sqrt", values)


@overload(operator.neg)
def _negative_lanes(a):
    return (lambda a: _negative(a)) if isinstance(a, Lanes) else None  # noqa: PLW0108


@overload(math.sqrt)
def _root_of_lanes(x):
    return (lambda x: _root(x)) if isinstance(x, Lanes) else None  # noqa: PLW0108


# In float32 256 elements are summed before they go into float64: half the cost, and little more error.
_CLOSE = 256


@kernel
def dot(left, right):
    """Dot product of two vectors ``(d,)`` in the dtype of the second; d is a multiple of its lanes.

    Lane l sums every element at l modulo lanes; in float32 256 elements at a time.
    """
    found, end = 0.0, right.shape[0]
    for first in range(0, end, _CLOSE if right.itemsize == 4 else end):
        sums = zeros(right)
        for k in range(first, min(first + _CLOSE, end) if right.itemsize == 4 else end, BYTES // right.itemsize):
            sums = multiply_add(load(left, k, right), load(right, k, right), sums)
        found += total(sums)
    return found


# Two at a time: three loads for two products instead of four.
@kernel
def two_dots(left0, left1, right):
    """Two dot products with one vector; the same bytes as ``dot``'s."""
    found0, found1, end = 0.0, 0.0, right.shape[0]
    for first in range(0, end, _CLOSE if right.itemsize == 4 else end):
        sums0 = zeros(right)
        sums1 = zeros(right)
        for k in range(first, min(first + _CLOSE, end) if right.itemsize == 4 else end, BYTES // right.itemsize):
            part = load(right, k, right)
            sums0 = multiply_add(load(left0, k, right), part, sums0)
            sums1 = multiply_add(load(left1, k, right), part, sums1)
        found0 += total(sums0)
        found1 += total(sums1)
    return found0, found1
