"""What a baseline's submission was made with, where libraries have a say in it: a file beside the official ones."""

from __future__ import annotations

import json
from pathlib import Path

from dataperf_fast.engine import machine
from dataperf_fast.files.paths import write_text

_LIBRARIES = ("scikit-learn", "scipy", "numpy")


def write(path: Path, method: str, seed: int) -> None:
    """Write ``method``, ``seed`` and ``made_with``, versions and the machine, as JSON: another may choose otherwise."""
    write_text(path, json.dumps({"method": method, "seed": seed, "made_with": machine.made_with(*_LIBRARIES)}) + "\n")
