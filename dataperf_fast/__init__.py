"""dataperf-fast scores DataPerf submissions, fast and with the reference's own results.

From Python: ``evaluate`` scores files and ``score`` what is in memory, ``open_engine`` shares work between their calls,
``to_frame`` and ``to_arrow`` make tables of records, ``profile`` says where time goes, ``open_market`` shows a data
market as its buyers see it. The command line is ``dataperf-fast --help``.
Importing this package loads neither numba nor CUDA nor any optional library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataperf_fast.boards.acquisition.market import Market, open_market
    from dataperf_fast.boards.evaluation import evaluate, open_engine, score
    from dataperf_fast.files.errors import InputError
    from dataperf_fast.files.records import Record
    from dataperf_fast.profiling.profiler import profile
    from dataperf_fast.report.frames import to_arrow, to_frame

__version__ = "0.1.0"
__all__ = [
    "InputError", "Market", "Record", "__version__", "evaluate", "open_engine", "open_market", "profile", "score",
    "to_arrow", "to_frame",
]  # fmt: skip

_HOMES = {
    "evaluate": "boards.evaluation",
    "InputError": "files.errors",
    "Market": "boards.acquisition.market",
    "open_engine": "boards.evaluation",
    "open_market": "boards.acquisition.market",
    "profile": "profiling.profiler",
    "Record": "files.records",
    "score": "boards.evaluation",
    "to_arrow": "report.frames",
    "to_frame": "report.frames",
}


if not TYPE_CHECKING:  # to a type checker that saw this, every name would be there

    def __getattr__(name):
        from importlib import import_module

        if name in _HOMES:
            return getattr(import_module(f"dataperf_fast.{_HOMES[name]}"), name)
        raise AttributeError(f"module 'dataperf_fast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
