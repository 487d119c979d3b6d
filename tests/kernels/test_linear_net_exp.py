from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np

from dataperf_fast.kernels.linear_net_exp import exp


def test_within_half_a_unit_of_the_exact_value():
    """glibc states 0.511 units in the last place; subnormal results are rounded once."""
    generator = np.random.default_rng(0)
    given = np.concatenate([generator.uniform(-745, 709, 3000), generator.normal(0, 5, 3000), [1e-9, -1e-20, -708.5]])
    with localcontext() as context:
        context.prec = 60
        for x in given.tolist():
            exact = Decimal(x).exp()
            assert abs(Decimal(exp(x)) - exact) <= Decimal("0.512") * Decimal(math.ulp(float(exact))), x


def test_ends():
    assert [exp(x) for x in (-np.inf, -746.0, -1e300, 0.0, -0.0)] == [0, 0, 0, 1, 1]
    assert [exp(x) for x in (np.inf, 710.0, 1e300)] == [np.inf] * 3
    assert math.isnan(exp(np.nan))
