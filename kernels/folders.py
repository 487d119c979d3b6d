"""Where on disk is kept what saves time and may be deleted; the only place that kernels know."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder of what saves time and may be deleted: ``$DATAPERF_FAST_CACHE``, or one in the user's cache.

    Raises RuntimeError where there is neither, nor a home.
    """
    if folder := os.environ.get("DATAPERF_FAST_CACHE"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dataperf-fast"


def compiled_folder() -> Path:
    """Where compiled code goes: ``$NUMBA_CACHE_DIR``, or in the cache's folder."""
    folder = os.environ.get("NUMBA_CACHE_DIR")
    return Path(folder) if folder else cache_folder() / "compiled"
