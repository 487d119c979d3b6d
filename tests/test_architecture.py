"""The rooms of the house: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dataperf_fast"
KERNELS = ROOT / "kernels"  # which rglob does not reach through its link

# Room -> rooms of the package that it may import.
MAY_IMPORT = {
    "cli": {
        "arguments",
        "backend",
        "benchmarks",
        "clock",
        "formats",
        "nibbler",
        "organize",
        "parity",
        "profiling",
        "report",
        "results",
        "store",
        "synth",
        "",
    },
    "organize": {
        "backend",
        "benchmarks",
        "clock",
        "databases",
        "engine",
        "formats",
        "organize",
        "report",
        "results",
        "sandbox",
        "store",
        "",
    },
    "generation": {"formats", "generation"},
    "store": {"databases", "formats"},
    "databases": {"formats"},
    "sandbox": {"formats", "sandbox"},
    "arguments": {"backend", "benchmarks", ""},
    "parity": {"backend", "benchmarks", "clock", "comparison", "engine", "formats", "plan", "results", ""},
    "comparison": {"results"},
    "profiling": {"backend", "benchmarks", "clock", "engine", "formats", "kernels", "models", "plan", "results", ""},
    "clock": set(),
    "machine": set(),
    "checks": set(),
    "plan": {"backend", "checks"},
    "engine": {"backend", "clock", "plan"},
    "backend": {"formats", "kernels", "machine", "reference"},
    "results": {"formats", "kernels"},
    "models": {"backend", "checks", "kernels", "machine", "models", "plan"},
    "benchmarks": {
        "backend",
        "baselines",
        "benchmarks",
        "clock",
        "engine",
        "formats",
        "machine",
        "models",
        "nibbler",
        "plan",
        "report",
        "results",
        "",
    },
    "nibbler": {"formats", "generation", "kernels", "nibbler", "report"},
    "baselines": {"baselines", "clock", "engine", "formats", "machine", "models", "plan", "valuation"},
    "valuation": {"backend", "checks", "engine", "kernels", "models", "plan", "valuation"},
    "formats": {"formats"},
    "reference": {"machine", "reference"},
    "report": {"clock", "comparison", "engine", "formats", "profiling", "report", "results"},
    "synth": {"formats", "models", "nibbler", "synth"},
    "kernels": {"kernels"},
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


@pytest.mark.parametrize("path", sorted(KERNELS.rglob("*.py")), ids=lambda path: str(path.relative_to(KERNELS)))
def test_kernels_know_arrays_only(path):
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module.split(".")[0])
    assert modules - sys.stdlib_module_names <= {"numpy", "numba", "llvmlite", "threadpoolctl", "dataperf_fast"}
    assert imported_rooms(path) <= {"kernels"}


def test_the_import_is_light():
    heavy = "numpy numba cupy torch sklearn pyarrow pandas matplotlib rich pydantic"
    code = f"import sys, dataperf_fast; print([m for m in '{heavy}'.split() if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
