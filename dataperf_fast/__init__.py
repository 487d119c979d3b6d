"""dataperf-fast scores DataPerf submissions, fast and with the reference's own results.

From Python: ``evaluate`` scores, ``open_market`` shows a data market as its buyers see it. The command line is
``dataperf-fast --help``.
Importing this package loads neither numba nor CUDA nor any optional library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataperf_fast.benchmarks import evaluate
    from dataperf_fast.formats.errors import InputError
    from dataperf_fast.formats.market import Market, open_market
    from dataperf_fast.results import Record

__version__ = "0.1.0"
__all__ = ["InputError", "Market", "Record", "__version__", "evaluate", "open_market"]

_HOMES = {
    "evaluate": "benchmarks",
    "InputError": "formats.errors",
    "Market": "formats.market",
    "open_market": "formats.market",
    "Record": "results",
}


if not TYPE_CHECKING:  # to a type checker that saw this, every name would be there

    def __getattr__(name):
        from importlib import import_module

        if name in _HOMES:
            return getattr(import_module(f"dataperf_fast.{_HOMES[name]}"), name)
        raise AttributeError(f"module 'dataperf_fast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
