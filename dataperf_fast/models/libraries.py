"""The libraries whose rounding the frozen models are defined by: what they are, and whether our path is theirs."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

_ROWS = 119  # of the problem that is tried: three are left over after groups of four


def versions() -> str:
    """The versions that decide where an lbfgs path goes, for a model's own version."""
    return " ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn"))


@cache
def blas() -> Any:
    """The BLAS libraries of NumPy and SciPy, found once; the models are defined at one thread of theirs."""
    import sklearn.linear_model  # noqa: F401 so that SciPy's is there to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@cache
def multinomial_path_is_scikit_learns() -> bool:
    """Whether ``kernels/logistic.py`` and scikit-learn end with the same bits here; seen on one problem."""
    from dataperf_fast.kernels import logistic

    return _same_bits(logistic.fit, 1024, np.float32, 6)


@cache
def binary_path_is_scikit_learns(width: int) -> bool:
    """Whether ``kernels/binary_logistic.py`` and scikit-learn end with the same bits here; one problem of that width.

    They do not where BLAS sums in another order than it does with AVX2.
    """
    from dataperf_fast.kernels import binary_logistic

    return binary_logistic.covers(width) and _same_bits(binary_logistic.fit, width, np.float64, 2)


def _same_bits(fit: Any, width: int, dtype: Any, classes: int) -> bool:
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(0)
    labels = np.arange(_ROWS) % classes
    features = (generator.random((_ROWS, width)) * (1 + 0.1 * labels[:, None])).astype(dtype)
    ours, theirs = fit(features, labels), LogisticRegression().fit(features, labels)
    return np.array_equal(ours.weights, theirs.coef_) and np.array_equal(ours.intercepts, theirs.intercept_)
