"""The rooms of the house: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dataperf_fast"

# Room -> rooms of the package that it may import.
MAY_IMPORT = {
    "cli": {"backend", "baselines", "benchmarks", "engine", "formats", "report", "results", "synth", ""},
    "plan": {"backend"},
    "engine": {"backend", "plan"},
    "backend": {"formats", "reference"},
    "results": set(),
    "models": {"backend", "kernels", "plan"},
    "benchmarks": {"backend", "baselines", "engine", "formats", "models", "plan", "results", ""},
    "baselines": {"engine", "formats", "valuation"},
    "formats": {"formats"},
    "reference": set(),
    "report": {"engine", "formats", "results"},
    "synth": {"formats", "models", "synth"},
    "kernels": set(),
    "": {"benchmarks", "formats", "results"},
}


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "dataperf_fast":
                rooms.add([*name.split("."), ""][1])
    return rooms


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py").replace("__init__", "")
    assert imported_rooms(path) <= MAY_IMPORT[room]


def test_the_import_is_light():
    heavy = "numpy numba cupy torch sklearn pyarrow pandas matplotlib rich pydantic"
    code = f"import sys, dataperf_fast; print([m for m in '{heavy}'.split() if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
