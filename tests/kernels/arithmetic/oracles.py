"""Plain emulations of the libraries' routines, kept beside the project: an operation at a time, written to be read."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

from tests.conftest import ROOT

EMULATIONS = ROOT.parent / "shared" / "arithmetic"


def emulation(name: str) -> ModuleType:
    """One of them, or the reason why the test skips."""
    if not EMULATIONS.is_dir():
        pytest.skip(f"{EMULATIONS} is not here: the emulations are kept beside the project, not in it")
    sys.path.insert(0, str(EMULATIONS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(EMULATIONS))
