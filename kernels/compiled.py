"""How kernels are compiled that only other kernels call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def inner(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function without the wrappers that Python and C call by, which take a sixth of the time to compile.

    Quotients are IEEE's: by zero infinite, or no number. ``options`` are those of ``njit``.

    >>> @inner
    ... def half(x):
    ...     return x / 2
    """
    without: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # numba's types do not know them
    compiled = njit(nogil=True, cache=True, error_model="numpy", **without, **options)
    return compiled if function is None else compiled(function)
