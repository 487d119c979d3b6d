"""Cholesky factors of up to 32 unknowns and solves with them: dpotrf and dtrtrs as SciPy's L-BFGS-B calls them.

``U' U = A`` of a symmetric positive A, whose upper triangle is read. Matrices are as Fortran has them, a column a line:
``matrix[j, i]`` is row i of column j, and blocks are given by the columns where they begin and end. The orders of sums
are those of OpenBLAS's Haswell kernels on one thread.
Source: ``potf2_U.c``, ``trsv_U.c``, ``dtrsm_kernel_RN_haswell.c`` in OpenBLAS 0.3, in SciPy's wheel.
"""

from __future__ import annotations

import math

from dataperf_fast.kernels.arithmetic.dot import dot64
from dataperf_fast.kernels.arithmetic.scalars import fused
from dataperf_fast.kernels.compiled import inner, kernel


@kernel(error_model="numpy")
def cholesky(matrix, begin, end):
    """Factor a diagonal block of ``matrix`` in place, up to 32 of its columns; False where it is not positive."""
    for j in range(begin, end):
        pivot = matrix[j, j] - dot64(matrix[j, begin:j], matrix[j, begin:j])
        if pivot <= 0:
            return False
        matrix[j, j] = math.sqrt(pivot)
        scale = 1.0 / matrix[j, j]
        for c in range(j + 1, end):
            matrix[c, j] = (
                _less_product(matrix[c, begin:], matrix[j, begin:], j - begin, c - j - 1, end - j - 1) * scale
            )
    return True


@inner
def _less_product(column, pivot, rows, place, columns):
    """``column[rows]`` less ``column . pivot`` over the rows above: dgemv, where ``place`` decides the order."""
    value, whole = column[rows], rows - rows % 4
    if whole:
        p = q = r = s = 0.0
        if place < columns - columns % 4:
            for k in range(0, whole, 4):
                p, q = fused(column[k], pivot[k], p), fused(column[k + 1], pivot[k + 1], q)
                r, s = fused(column[k + 2], pivot[k + 2], r), fused(column[k + 3], pivot[k + 3], s)
            value += -((p + r) + (q + s))
        elif columns % 4 >= 2 and place < columns - columns % 2:
            for k in range(0, whole, 2):
                p += column[k] * pivot[k]
                q += column[k + 1] * pivot[k + 1]
            value += -(p + q)
        else:
            for k in range(0, whole, 4):
                p += column[k] * pivot[k]
                q += column[k + 1] * pivot[k + 1]
                r += column[k + 2] * pivot[k + 2]
                s += column[k + 3] * pivot[k + 3]
            value += -((r + p) + (s + q))
    left = rows - whole
    if left == 1:
        return fused(column[whole], -pivot[whole], value)
    if left == 0:
        return value
    last = fused(column[whole], -pivot[whole], column[whole + 1] * -pivot[whole + 1])
    if left == 3:
        last = fused(column[whole + 2], -pivot[whole + 2], last)
    return value + last


@kernel(error_model="numpy")
def solve_transposed(factor, right):
    """Solve ``U' x = right (n,)`` in place for the first n columns of ``factor``; False where it is singular."""
    for i in range(right.shape[0]):
        if factor[i, i] == 0.0:
            return False
    for i in range(right.shape[0]):
        if i:
            right[i] -= dot64(factor[i, :i], right[:i])
        right[i] /= factor[i, i]
    return True


@kernel(error_model="numpy")
def solve(factor, right):
    """Solve ``U x = right (n,)`` in place for the first n columns of ``factor``; False where it is singular."""
    for i in range(right.shape[0]):
        if factor[i, i] == 0.0:
            return False
    for i in range(right.shape[0] - 1, -1, -1):
        right[i] /= factor[i, i]
        column, multiple = factor[i], -right[i]
        whole = i - i % 16
        for k in range(whole):
            right[k] = fused(column[k], multiple, right[k])
        for k in range(whole, i):
            right[k] += multiple * column[k]
    return True


@kernel(error_model="numpy")
def solve_transposed_columns(matrix, size, end):
    """Solve ``U' X = B`` in place: U is the first ``size`` columns of ``matrix``, B those from there to ``end``.

    Columns go in eights, then 4, 2, 1, rows in fours, then 2, 1: only a group of four rows and the last single column
    have four chains a product, all else one.
    """
    single = end - 1 if (end - size) % 2 else end
    row = 0
    while row < size:
        height = 4 if size - row >= 4 else (2 if size - row >= 2 else 1)
        for c in range(size, end):
            column = matrix[c]
            for i in range(row, row + height if row else row):
                column[i] += -_product(matrix[i], column, row, height == 4 and c == single)
            for i in range(row, row + height):
                column[i] *= 1.0 / matrix[i, i]
                for k in range(i + 1, row + height):
                    column[k] -= column[i] * matrix[k, i]
        row += height


@inner
def _product(left, right, depth, four):
    p = q = r = s = 0.0
    whole = depth // 8 * 8 if four else 0
    for k in range(0, whole, 4):
        p, q = fused(left[k], right[k], p), fused(left[k + 1], right[k + 1], q)
        r, s = fused(left[k + 2], right[k + 2], r), fused(left[k + 3], right[k + 3], s)
    for k in range(whole, depth):
        p = fused(left[k], right[k], p)
    return (p + q) + (r + s) if four else p
