"""Processes under file systems that lack something, by a library that refuses what the system would give (faults.c)."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@functools.cache
def library() -> str:
    """The library; skips what asks for it where none can be made."""
    if not sys.platform.startswith("linux") or shutil.which("gcc") is None:
        pytest.skip("needs gcc on Linux")
    folder = tempfile.mkdtemp(prefix="faults-")
    atexit.register(shutil.rmtree, folder)
    made = Path(folder) / "faults.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-o", made, Path(__file__).with_name("faults.c"), "-ldl"], check=True
    )
    return str(made)


def run(
    *arguments: object, faults: str = "", below: Path | None = None, **changed: str
) -> subprocess.CompletedProcess[str]:
    """Run Python with arguments, where what ``faults`` names is refused below a folder; ``changed`` variables."""
    more = {"LD_PRELOAD": library(), "FAULTS": faults, "FAULTS_IN": str(below)} if faults else {}
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, env=os.environ | more | changed, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
