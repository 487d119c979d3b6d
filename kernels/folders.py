"""Where on disk is kept what saves time and may be deleted; the only place that kernels know."""

from __future__ import annotations

import os
import warnings
from functools import cache
from pathlib import Path


def cache_folder() -> Path | None:
    """The folder of what saves time and may be deleted: ``$DATAPERF_FAST_CACHE``, or one in the user's cache.

    None where there is neither, nor a home, as for a user whom the system does not know: a line says so once.
    """
    try:
        if folder := os.environ.get("DATAPERF_FAST_CACHE"):
            return Path(folder).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dataperf-fast"
    except RuntimeError as error:
        _say(str(error).rstrip("."))
        return None


@cache
def _say(reason: str) -> None:
    warnings.warn(f"nothing is kept for the next run ({reason}); DATAPERF_FAST_CACHE can name a folder", stacklevel=3)


def compiled_folder() -> Path | None:
    """Where compiled code goes: ``$NUMBA_CACHE_DIR``, or in the cache's folder; None where there is none."""
    if folder := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(folder)
    folder_of_all = cache_folder()
    return folder_of_all and folder_of_all / "compiled"
