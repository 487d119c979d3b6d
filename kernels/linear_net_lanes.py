"""The linear net's dot products and fused operations, in an order that is the code's and not the processor's.

A compiler may not reorder a sum, so here the kernel itself says which partial sums there are: as many as 128 bytes
hold, 16 of float64 or 32 of float32. LLVM cuts them into what registers the machine has, two of AVX-512 or eight of
SSE2, and the bytes of a sum are the same. ``multiply_add`` rounds once, with or without hardware for it: where there
is none LLVM calls libm's, which is exact.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, register_model

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


def _vector(dtype: Any, parts: int = 1) -> ir.VectorType:
    return ir.VectorType(_REAL[dtype], lanes_of(dtype) // parts)


@intrinsic
def _zeros(typing_context: Any, array: Any) -> Any:
    """A zero of ``array``'s dtype in every lane."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return ir.Constant(_vector(array.dtype), None)

    return _Lanes(array.dtype)(array), generate


@intrinsic
def _load(typing_context: Any, array: Any, at: Any) -> Any:
    """``array[at : at + lanes]`` of a contiguous array; the end is not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        place = builder.bitcast(builder.gep(data, [values[1]]), _vector(array.dtype).as_pointer())
        return builder.load(place, align=array.dtype.bitwidth // 8)

    return _Lanes(array.dtype)(array, types.intp), generate


@intrinsic
def multiply_add(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once; three of one kind, lanes or numbers."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = values[0].type
        bits = a.dtype.bitwidth if isinstance(a, _Lanes) else a.bitwidth
        name = f"llvm.fma.v{lanes_of(a.dtype)}f{bits}" if isinstance(a, _Lanes) else f"llvm.fma.f{bits}"
        return builder.call(builder.module.declare_intrinsic(name, (), ir.FunctionType(kind, [kind] * 3)), values)

    return a(a, a, a), generate


@intrinsic
def _total(typing_context: Any, lanes: Any) -> Any:
    """The sum of the lanes: the upper half is added to the lower, until one is left."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        [left] = values
        count = lanes_of(lanes.dtype)
        while count > 1:
            count //= 2
            halves = [
                builder.shuffle_vector(
                    left,
                    ir.Constant(left.type, ir.Undefined),
                    ir.Constant(ir.VectorType(_INDEX, count), list(range(first, first + count))),
                )
                for first in (0, count)
            ]
            left = builder.fadd(*halves)
        return builder.extract_element(left, _INDEX(0))

    return lanes.dtype(lanes), generate


@njit(nogil=True, cache=True)
def dot(left, right):
    """Dot product of two vectors ``(d,)``, d a multiple of the lanes: lane l sums every element at l modulo lanes."""
    lanes = BYTES // left.itemsize
    sums = _zeros(left)
    for k in range(0, left.shape[0], lanes):
        sums = multiply_add(_load(left, k), _load(right, k), sums)
    return _total(sums)


# Two at a time: three loads for two products instead of four.
@njit(nogil=True, cache=True)
def two_dots(left0, left1, right):
    """Two dot products with one vector; the same bytes as ``dot``'s."""
    lanes = BYTES // right.itemsize
    sums0 = _zeros(right)
    sums1 = _zeros(right)
    for k in range(0, right.shape[0], lanes):
        part = _load(right, k)
        sums0 = multiply_add(_load(left0, k), part, sums0)
        sums1 = multiply_add(_load(left1, k), part, sums1)
    return _total(sums0), _total(sums1)
