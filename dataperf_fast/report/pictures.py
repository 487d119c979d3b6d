"""Pictures beside scores: none is worth one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

from dataperf_fast.files.errors import told


def drawn(draw: Callable[[], list[Path]]) -> list[Path]:
    """The files that ``draw`` writes; where it fails, nothing and a warning.

    A notebook's ``MPLBACKEND``, which its kernel alone can import, is out of the way meanwhile: these are files.
    """
    of_a_notebook = os.environ.pop("MPLBACKEND", None)
    try:
        return draw()
    except Exception as error:  # whatever fonts, caches and back ends do
        warnings.warn(f"pictures are left out ({told(error)})", stacklevel=2)
        return []
    finally:
        if of_a_notebook is not None:
            os.environ["MPLBACKEND"] = of_a_notebook
