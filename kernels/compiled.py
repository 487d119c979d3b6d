"""How kernels are compiled: nobody else calls Numba's ``njit``.

They run without the interpreter's lock, so that threads run side by side; compiled code is kept on disk (``kept.py``).
``options`` are ``njit``'s, those that decide what is computed: ``error_model="numpy"``, by which a quotient by zero is
infinite or no number and not an error, and ``fastmath``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from dataperf_fast.kernels.kept import keep


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function for Python's callers and for other kernels.

    >>> @kernel(error_model="numpy")
    ... def half(x):
    ...     return x / 2
    """
    if function is None:
        return lambda function: kernel(function, **options)
    return keep(njit(nogil=True, **options)(function))


def inner(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function for other kernels alone; called from Python it ends the process.

    It lacks the wrappers that Python and C call by, which take a sixth of the time to compile. Quotients are IEEE's.
    """
    without: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # numba's types do not know them
    return kernel(function, error_model="numpy", **without, **options)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function into each that calls it: for what takes lanes as well as numbers, on a GPU too."""
    return njit(inline="always")(function)
