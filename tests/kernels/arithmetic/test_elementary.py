"""exp, log, log1p and their kin against plain emulations of the libraries', and against exact numbers, bit for bit."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
from numba import njit

from dataperf_fast.kernels.arithmetic import exponential, logarithm

from .oracles import emulation

pytestmark = pytest.mark.parity

MANY = 1_000_000


def values(function, x, dtype=np.float64):
    @njit
    def apply(x, out):
        for i in range(x.shape[0]):
            out[i] = function(x[i])

    out = np.empty(len(x), dtype)
    apply(x, out)
    return out


def same(ours, theirs, x, dtype=np.float64):
    whole = np.uint64 if dtype == np.float64 else np.uint32
    x = x.astype(dtype)
    found, expected = values(ours, x, dtype).view(whole), values(theirs, x, dtype).view(whole)
    np.testing.assert_array_equal(found, expected)


def spread(generator, low, high):
    """Numbers of all sizes from 10^low to 10^high."""
    return 10.0 ** generator.uniform(low, high, MANY // 2)


def test_exp():
    generator = np.random.default_rng(1)
    ends = [-746.0, -745.14, -745.13, -1e5, -708.4, 709.78, -0.0, 0.0, 5e-324]
    x = np.concatenate(
        [generator.uniform(-745, 709.7, MANY), generator.uniform(-40, 40, MANY), -spread(generator, -20, 0), ends]
    )
    same(exponential.exp, emulation("libm").exp, x)


def test_log():
    generator = np.random.default_rng(2)
    x = np.concatenate(
        [spread(generator, -300, 300), generator.uniform(0.5, 2, MANY), generator.uniform(0.93, 1.07, MANY),
         [5e-324, 1e-310, 2.3e-308, 1.0]]
    )  # fmt: skip
    same(logarithm.log, emulation("libm").log, x)


def test_log1p():
    generator = np.random.default_rng(3)
    x = np.concatenate(
        [generator.uniform(0, 1, MANY), generator.uniform(-0.999999, 10, MANY), np.exp(generator.uniform(-40, 2, MANY)),
         spread(generator, -300, 300), [0.0, 1.0, 3.0, 1e16, 2.0**53]]
    )  # fmt: skip
    same(logarithm.log1p, emulation("libm").log1p, x)


def test_log1p_on_the_straight_way():
    generator = np.random.default_rng(30)
    near_two = 2.0 ** generator.integers(1, 53, MANY) * (1 + generator.uniform(-(2.0**-19), 2.0**-19, MANY)) - 1
    boundary = logarithm._SMALL * (1 + generator.integers(-9, 9, MANY) * 2.0**-52)
    x = np.concatenate(
        [generator.uniform(2.0**-29, 9, MANY), 2.0 ** generator.uniform(-29, 53, MANY), near_two, boundary,
         2.0 ** np.arange(-29, 53), 2.0 ** np.arange(1, 53) - 1]
    )  # fmt: skip
    same(logarithm.log1p_straight, emulation("libm").log1p, x)


def test_the_logistic_function():
    generator = np.random.default_rng(4)
    plain = emulation("exponentials")
    same(exponential.expit, plain.expit64, generator.uniform(-50, 50, MANY))
    same(exponential.expit32, plain.expit32, generator.uniform(-80, 80, MANY), np.float32)


def test_float32_exponentials():
    generator = np.random.default_rng(5)
    plain = emulation("exponentials")
    x = np.concatenate([generator.uniform(-110, 95, MANY), generator.standard_normal(MANY)])
    same(exponential.exp32, plain.numpy_exp, x, np.float32)
    same(exponential.expf, plain.expf, generator.uniform(-103.9, 88.7, MANY), np.float32)


def test_what_is_no_number_or_infinite():
    assert exponential.exp(np.inf) == np.inf
    assert exponential.exp(-np.inf) == 0.0
    assert math.isnan(exponential.exp(np.nan))
    assert logarithm.log(0.0) == -np.inf == logarithm.log1p(-1.0)
    assert logarithm.log(np.inf) == np.inf == logarithm.log1p(np.inf)
    assert math.isnan(logarithm.log(-1.0))
    assert math.isnan(logarithm.log1p(-2.0))
    assert exponential.expf(np.float32(200)) == np.inf
    assert exponential.expf(np.float32(-200)) == 0.0


@pytest.mark.parametrize(
    ("function", "exact", "low", "high"),
    [
        (exponential.exp, Decimal.exp, -700, 700),
        (logarithm.log, Decimal.ln, 1e-6, 1e6),
        (logarithm.log1p, lambda x: (1 + x).ln(), -0.9, 1e3),
    ],
    ids=["exp", "log", "log1p"],
)
def test_errors_stay_under_a_unit_in_the_last_place(function, exact, low, high):
    """Without any library's own: 50 digits."""
    getcontext().prec = 50
    generator = np.random.default_rng(6)
    x = generator.uniform(low, high, 400)
    for value, found in zip(x, values(function, x), strict=True):
        true = exact(Decimal(value))
        assert abs(Decimal(found) - true) < Decimal(math.ulp(float(true)))
