"""Dot products, matrix products, sums, norms and triangular factors against plain emulations, bit for bit."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from dataperf_fast.kernels.arithmetic import (
    dot,
    extended,
    matrix_product,
    matrix_vector,
    norm,
    sums,
    triangular,
)

from .oracles import emulation

pytestmark = pytest.mark.parity

KINDS = {
    np.float64: ("ddot", "rows_times64", "columns_times64", "dgemm"),
    np.float32: ("sdot", "rows_times32", "columns_times32", "sgemm"),
}
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def draw(generator, *shape, dtype=np.float64):
    return generator.standard_normal(shape).astype(dtype)


@each_dtype
def test_dot_products(dtype):
    generator = np.random.default_rng(1)
    plain = getattr(emulation("dot"), KINDS[dtype][0])
    for count in [*range(1, 200), *range(1, 200), 1000, 4095, 4096, 10_007, 50_000] * 3:
        left, right = draw(generator, count, dtype=dtype), draw(generator, count, dtype=dtype)
        assert dot.dot(left, right) == plain(left, right)


@each_dtype
def test_matrix_times_vector(dtype):
    generator = np.random.default_rng(2)
    plain = emulation("gemv")
    _, rows_times, columns_times, _ = KINDS[dtype]
    for case in range(700):
        rows = int(generator.integers(2, 14)) if case % 3 else int(generator.integers(2, 300))
        width = int(generator.integers(2, 60))
        if case % 8 == 0:
            width = int(generator.choice([768, 1024, 2047, 2050, 2051, 4100, 4111, 8200]))
        matrix = draw(generator, rows, width, dtype=dtype)
        vector, slopes = draw(generator, width, dtype=dtype), draw(generator, rows, dtype=dtype)
        out, back = np.empty(rows, dtype), np.zeros(width, dtype)
        matrix_vector.rows_times(matrix, vector, out)
        matrix_vector.add_columns_times(matrix, slopes, back)
        np.testing.assert_array_equal(out, getattr(plain, rows_times)(matrix, vector))
        np.testing.assert_array_equal(back, getattr(plain, columns_times)(matrix, slopes))


def test_float32_rows_are_what_they_are_in_float64():
    generator = np.random.default_rng(3)
    for rows, width in ((3, 7), (60, 768), (11, 2051)):
        matrix, vector, slopes = draw(generator, rows, width), draw(generator, width), draw(generator, rows)
        narrow = matrix.astype(np.float32)
        found, expected = np.empty((2, rows)), np.zeros((2, width))
        for at, of in enumerate((narrow, narrow.astype(np.float64))):
            matrix_vector.rows_times(of, vector, found[at])
            matrix_vector.add_columns_times(of, slopes, expected[at])
        np.testing.assert_array_equal(*found)
        np.testing.assert_array_equal(*expected)


@each_dtype
def test_matrix_products(dtype):
    generator = np.random.default_rng(4)
    plain = getattr(emulation("gemm"), KINDS[dtype][3])
    for case in range(300):
        rows, depth = int(generator.integers(2, 40)), int(generator.integers(1, 1300))
        columns = int(generator.integers(2, 40)) if case % 4 else int(generator.integers(300, 1100))
        if case % 10 == 0:  # G' X: few rows, many columns
            rows, depth = int(generator.integers(2, 9)), int(generator.integers(2, 3000))
        left, right = draw(generator, rows, depth, dtype=dtype), draw(generator, depth, columns, dtype=dtype)
        np.testing.assert_array_equal(matrix_product.product(left, right), plain(left, right))


@each_dtype
@pytest.mark.parametrize("count", [1, 7, 8, 9, 60, 127, 128, 129, 300, 1000, 100_003])
def test_sums_are_numpys(dtype, count):
    values = draw(np.random.default_rng(count), count, dtype=dtype) * 100
    assert sums.pairwise_sum(values) == values.sum() == emulation("sums").pairwise(values)


def test_the_variance_is_numpys():
    generator = np.random.default_rng(5)
    for count in range(1, 400, 7):
        values = draw(generator, count)
        assert sums.variance(values) == values.var()


def exact_norm(vector):
    """By whole numbers of any length: squares and sums rounded to 64 bits, and so the root."""

    def rounded(value, bits):
        if value == 0:
            return Fraction(0)
        shift = bits - (value.numerator.bit_length() - value.denominator.bit_length())
        for exponent in (shift, shift + 1, shift - 1):
            scaled = value * Fraction(2) ** exponent
            if 2 ** (bits - 1) <= scaled < 2**bits:
                return round(scaled) / Fraction(2) ** exponent  # Python's round goes to even
        raise AssertionError(value)

    totals = [Fraction(0)] * 4
    whole = len(vector) - len(vector) % 8
    for k, value in enumerate(vector):
        to = k % 4 if k < whole else 0
        totals[to] = rounded(totals[to] + rounded(Fraction(value) ** 2, 64), 64)
    total = totals[0]
    for other in (2, 1, 3):
        total = rounded(total + totals[other], 64)
    precise = total * Fraction(4) ** 600
    root = Fraction(math.isqrt(precise.numerator // precise.denominator), 2**600)
    return float(rounded(rounded(root, 64), 53))


@pytest.mark.parametrize("function", [norm.norm_by_x87, norm.norm_by_whole_numbers], ids=["x87", "whole-numbers"])
def test_norms(function):
    if function is norm.norm_by_x87 and not extended.HAS_X87:
        pytest.skip("this processor has no x87 unit")
    generator = np.random.default_rng(6)
    for case in range(400):
        vector = draw(generator, int(generator.integers(1, 60))) * 10.0 ** generator.uniform(-100, 100)
        if case % 7 == 0:
            vector[::3] = 0.0
        assert function(vector) == exact_norm(vector.tolist())
    plain = emulation("norm").dnrm2
    for case in range(5000):
        vector = draw(generator, 13 + 8 * (case % 2)) * 10.0 ** generator.uniform(-12, 12)
        assert function(vector) == plain(vector)
    for count in (1, 8, 1000, 6150, 20_001):
        vector = draw(generator, count)
        assert function(vector) == plain(vector)
    assert function(np.zeros(9)) == 0.0


def test_triangular_factors_and_solves():
    generator = np.random.default_rng(7)
    plain = emulation("small_lapack")
    for case in range(1500):
        size, columns = 1 + case % 32, int(generator.integers(2, 24))
        rows = draw(generator, size + 3, size)
        expected = np.asfortranarray(rows.T @ rows)
        room = np.zeros((size + 5, size + 5))  # as it lies within a larger one
        factor = room[:size, :size]
        factor[:] = expected.T
        shifted = np.zeros((size + 5, size + 5))  # a block that begins elsewhere
        shifted[3 : size + 3, 3 : size + 3] = expected.T
        assert triangular.cholesky(room, 0, size)
        assert triangular.cholesky(shifted, 3, size + 3)
        assert plain.cholesky(expected) == 0
        np.testing.assert_array_equal(np.triu(factor.T), np.triu(expected))
        np.testing.assert_array_equal(np.triu(shifted[3 : size + 3, 3 : size + 3].T), np.triu(expected))
        side, sides = draw(generator, size), draw(generator, columns, size)
        for solve, transposed in ((triangular.solve, False), (triangular.solve_transposed, True)):
            found = side.copy()
            assert solve(room, found)
            np.testing.assert_array_equal(found, plain.solve(expected, side.copy(), transposed))
        both = np.zeros((size + columns, size))
        both[:size], both[size:] = factor, sides
        triangular.solve_transposed_columns(both, size, size + columns)
        np.testing.assert_array_equal(both[size:].T, plain.solve(expected, np.asfortranarray(sides.T.copy()), True))


def test_what_is_not_positive_has_no_factor():
    assert not triangular.cholesky(np.array([[1.0, 2.0], [2.0, 1.0]]), 0, 2)
    assert not triangular.solve(np.array([[1.0, 0.0], [3.0, 0.0]]), np.ones(2))
