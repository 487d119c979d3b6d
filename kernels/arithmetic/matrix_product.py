"""A matrix times a matrix: dgemm and sgemm of OpenBLAS's Haswell kernels on one thread, as NumPy's ``@`` calls them.

    out[i, j] = ((0 + part_1) + part_2) + ..      part_b = the sum over the b-th block of the depth

The depth is cut into blocks of at most 256 (float64) or 320 (float32); each is one fused chain an element, in order,
but for some elements that have two (float32: even and odd places) or four (float64: places modulo four, the last row of
an odd number of rows). Which they are follows from how the kernels cut rows and columns into tiles.
Source: ``level3.c`` and ``dgemm_kernel_4x8_haswell.S``, ``sgemm_kernel_8x4_haswell_2.c`` in OpenBLAS 0.3; read for two
chains: the machine code in NumPy's and SciPy's wheels.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from dataperf_fast.kernels.arithmetic.lanes import LANES, LANES32, add, load, multiply_add, spread, store
from dataperf_fast.kernels.compiled import inlined, inner, kernel

_DEEPEST, _DEEPEST32 = 256, 320


def panels(matrix: np.ndarray) -> np.ndarray:
    """The right side of a product, ``(d, k)``, in panels of a register's columns: ``(ceil(k / lanes), d, lanes)``.

    Columns that are not there are zero. Along a plain column every row lies in another page, and often in one set of
    the cache: 50 us for 14.
    """
    lanes = 32 // matrix.itemsize
    wide = np.pad(matrix, ((0, 0), (0, -matrix.shape[1] % lanes)))
    return np.ascontiguousarray(wide.reshape(len(matrix), -1, lanes).transpose(1, 0, 2))


@kernel
def block_length(left, largest, unit):
    """The next block of ``left`` elements: ``largest`` while two of them fit, a remainder above it is halved."""
    if left >= 2 * largest:
        return largest
    return (left // 2 + unit - 1) // unit * unit if left > largest else left


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``left (n, d)`` times ``right (d, k)``, both float64 or both float32: ``(n, k)``."""
    right_panels = panels(right)
    out = np.empty((len(left), right_panels.shape[0] * right_panels.shape[2]), left.dtype)
    multiply_matrices(np.ascontiguousarray(left), right_panels, right.shape[1], out)
    return out[:, : right.shape[1]]


def multiply_matrices(left, right, columns, out):
    """Set ``out (n, whole lanes)`` to ``left (n, d)`` times ``right``, the ``panels`` of ``(d, columns)``; one dtype.

    What is beyond ``columns`` in ``out`` is arbitrary.
    """
    (multiply_matrices32 if out.dtype == np.float32 else multiply_matrices64)(left, right, columns, out)


@overload(multiply_matrices)
def _multiply_matrices(left, right, columns, out):
    if out.dtype == types.float32:

        def float32s(left, right, columns, out):
            return multiply_matrices32(left, right, columns, out)

        return float32s

    def float64s(left, right, columns, out):
        return multiply_matrices64(left, right, columns, out)

    return float64s


@kernel
def multiply_matrices64(left, right, columns, out):
    """``multiply_matrices`` of float64."""
    rows, depth = left.shape
    out[:] = 0.0
    start = 0
    while start < depth:
        stop = start + block_length(depth - start, _DEEPEST, 4)
        for panel in range(right.shape[0]):
            last = rows - 1 if rows % 2 and (panel + 1) * LANES <= columns else rows
            _add_panel_of_chains(left, last, right, panel, start, stop, out)
            if last < rows:
                _add_four_part_chain(left, last, right, panel, start, stop, out)
        start = stop


@kernel
def multiply_matrices32(left, right, columns, out):
    """``multiply_matrices`` of float32."""
    depth = left.shape[1]
    out[:] = np.float32(0)
    start = 0
    while start < depth:
        stop = start + block_length(depth - start, _DEEPEST32, 8)
        first = 0
        while first < columns:
            width = block_length(columns - first, _DEEPEST32, 8)
            _add_column_block(left, right, first, width, start, stop, out)
            first += width
        start = stop


@inner
def _add_column_block(left, right, first, width, start, stop, out):
    """Rows in twelves, an eight but in the first block of columns, fours, a two, a one; columns in eights."""
    rows, eights = left.shape[0], width // LANES32
    if eights == 0:
        _add_panel_of_chains(left, rows, right, first // LANES32, start, stop, out)
        return
    i = 0
    while i < rows:
        height = _height(rows - i, first == 0)
        if height <= 2:
            for row in range(i, i + height):
                _add_row_of_chains(left, row, right, first // LANES32, -(-width // LANES32), start, stop, out)
            i += height
            continue
        for block in range(-(-width // LANES32)):
            panel = first // LANES32 + block
            if height == 4 and block < eights:
                _add_four_split_chains(left, i, right, panel, start, stop, out)
                continue
            for row in range(height):
                if _is_split(height, row, block, eights):
                    _add_split_chain(left, i + row, right, panel, start, stop, out)
                else:
                    _add_chain(left, i + row, right, panel, start, stop, out)
        i += height


@inlined
def _height(left, in_first_columns):
    if left >= 12:
        return 12
    if left >= 8 and not in_first_columns:
        return 8
    return 4 if left >= 4 else (2 if left >= 2 else 1)


@inlined
def _is_split(height, row, block, eights):
    """Whether a group's row has two chains in a block of eight columns; ``eights``: how many whole ones there are."""
    if height != 12 or eights < 2 or block >= eights:
        return False
    if row < 6:
        return block == 0 or (block == eights - 1 and eights % 2 == 0)
    return block == eights - 1 and eights % 2 == 1


@inlined
def _add_to(out, i, panel, sums):
    at = i, panel * (32 // out.itemsize)
    store(out, at, add(load(out, at), sums))


@inner
def _add_chain(left, i, right, panel, start, stop, out):
    """One row times one register of columns."""
    sums = spread(out.dtype.type(0))
    for k in range(start, stop):
        sums = multiply_add(spread(left[i, k]), load(right, (panel, k, 0)), sums)
    _add_to(out, i, panel, sums)


@inner
def _add_panel_of_chains(left, rows, right, panel, start, stop, out):
    """The first ``rows`` times one register of columns, eight at a time."""
    whole = rows - rows % 8
    for i in range(0, whole, 8):
        _add_eight_chains(left, i, right, panel, start, stop, out)
    for i in range(whole, rows):
        _add_chain(left, i, right, panel, start, stop, out)


@inner
def _add_row_of_chains(left, i, right, panel, count, start, stop, out):
    """One row times ``count`` registers of columns, four at a time."""
    whole = panel + count // 4 * 4
    for first in range(panel, whole, 4):
        a = b = c = d = spread(out.dtype.type(0))
        for k in range(start, stop):
            x = spread(left[i, k])
            a = multiply_add(x, load(right, (first, k, 0)), a)
            b = multiply_add(x, load(right, (first + 1, k, 0)), b)
            c = multiply_add(x, load(right, (first + 2, k, 0)), c)
            d = multiply_add(x, load(right, (first + 3, k, 0)), d)
        _add_to(out, i, first, a)
        _add_to(out, i, first + 1, b)
        _add_to(out, i, first + 2, c)
        _add_to(out, i, first + 3, d)
    for last in range(whole, panel + count):
        _add_chain(left, i, right, last, start, stop, out)


# One chain waits for itself, four cycles a product: eight rows keep the unit busy.
@inner
def _add_eight_chains(left, i, right, panel, start, stop, out):
    a = b = c = d = e = f = g = h = spread(out.dtype.type(0))
    for k in range(start, stop):
        w = load(right, (panel, k, 0))
        a, b = multiply_add(spread(left[i, k]), w, a), multiply_add(spread(left[i + 1, k]), w, b)
        c, d = multiply_add(spread(left[i + 2, k]), w, c), multiply_add(spread(left[i + 3, k]), w, d)
        e, f = multiply_add(spread(left[i + 4, k]), w, e), multiply_add(spread(left[i + 5, k]), w, f)
        g, h = multiply_add(spread(left[i + 6, k]), w, g), multiply_add(spread(left[i + 7, k]), w, h)
    _add_to(out, i, panel, a)
    _add_to(out, i + 1, panel, b)
    _add_to(out, i + 2, panel, c)
    _add_to(out, i + 3, panel, d)
    _add_to(out, i + 4, panel, e)
    _add_to(out, i + 5, panel, f)
    _add_to(out, i + 6, panel, g)
    _add_to(out, i + 7, panel, h)


@inner
def _add_split_chain(left, i, right, panel, start, stop, out):
    """Even and odd places apart over the largest multiple of eight, the rest onto the even ones."""
    even = odd = spread(out.dtype.type(0))
    whole = stop - (stop - start) % 8
    for k in range(start, whole, 2):
        even = multiply_add(spread(left[i, k]), load(right, (panel, k, 0)), even)
        odd = multiply_add(spread(left[i, k + 1]), load(right, (panel, k + 1, 0)), odd)
    for k in range(whole, stop):
        even = multiply_add(spread(left[i, k]), load(right, (panel, k, 0)), even)
    _add_to(out, i, panel, add(even, odd))


@inner
def _add_four_split_chains(left, i, right, panel, start, stop, out):
    a = b = c = d = e = f = g = h = spread(out.dtype.type(0))
    whole = stop - (stop - start) % 8
    for k in range(start, whole, 2):
        w, v = load(right, (panel, k, 0)), load(right, (panel, k + 1, 0))
        a, b = multiply_add(spread(left[i, k]), w, a), multiply_add(spread(left[i + 1, k]), w, b)
        c, d = multiply_add(spread(left[i + 2, k]), w, c), multiply_add(spread(left[i + 3, k]), w, d)
        e, f = multiply_add(spread(left[i, k + 1]), v, e), multiply_add(spread(left[i + 1, k + 1]), v, f)
        g, h = multiply_add(spread(left[i + 2, k + 1]), v, g), multiply_add(spread(left[i + 3, k + 1]), v, h)
    for k in range(whole, stop):
        w = load(right, (panel, k, 0))
        a, b = multiply_add(spread(left[i, k]), w, a), multiply_add(spread(left[i + 1, k]), w, b)
        c, d = multiply_add(spread(left[i + 2, k]), w, c), multiply_add(spread(left[i + 3, k]), w, d)
    _add_to(out, i, panel, add(a, e))
    _add_to(out, i + 1, panel, add(b, f))
    _add_to(out, i + 2, panel, add(c, g))
    _add_to(out, i + 3, panel, add(d, h))


@inner
def _add_four_part_chain(left, i, right, panel, start, stop, out):
    """Places modulo four apart over the largest multiple of eight, the rest onto the first of them."""
    a = b = c = d = spread(out.dtype.type(0))
    whole = stop - (stop - start) % 8
    for k in range(start, whole, 4):
        a = multiply_add(spread(left[i, k]), load(right, (panel, k, 0)), a)
        b = multiply_add(spread(left[i, k + 1]), load(right, (panel, k + 1, 0)), b)
        c = multiply_add(spread(left[i, k + 2]), load(right, (panel, k + 2, 0)), c)
        d = multiply_add(spread(left[i, k + 3]), load(right, (panel, k + 3, 0)), d)
    for k in range(whole, stop):
        a = multiply_add(spread(left[i, k]), load(right, (panel, k, 0)), a)
    _add_to(out, i, panel, add(add(a, b), add(c, d)))
