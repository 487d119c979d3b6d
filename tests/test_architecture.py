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

# Room -> rooms of the package that it may import, top to bottom: none runs up.
MAY_IMPORT = {
    "__main__": {"cli"},
    "cli": {"", "boards", "commands", "engine", "files", "report"},
    "commands": {"", "boards", "contest", "engine", "files", "parity", "profiling", "report", "server"},
    "": {"boards", "boards.acquisition", "files", "profiling", "report"},  # public names; below, its version
    "server": {"", "boards", "contest", "engine", "files", "report"},
    "contest": {"", "boards", "engine", "files", "report", "sandbox"},
    "parity": {"boards", "engine", "files"},
    "profiling": {"boards", "engine", "files", "kernels", "report"},
    "boards": {"engine", "files", "kernels", "models", "report", "valuation"},
    "valuation": {"engine", "files", "kernels", "models"},
    "report": {"engine", "files"},
    "models": {"engine", "files", "kernels"},
    "engine": {"files", "kernels"},
    "sandbox": {"files"},
    "files": {"kernels"},
    "kernels": set(),
}
# A board's room imports the rooms that boards may, and ``boards``, which knows none of them.
BOARDS = {path.name for path in (PACKAGE / "boards").iterdir() if path.is_dir() and path.name != "__pycache__"}


def room_of(names: list[str]) -> str:
    """The room of a module of the package, by its names below it: a board's is one of its own."""
    if names[:1] == ["boards"] and len(names) > 1 and names[1] in BOARDS:
        return f"boards.{names[1]}"
    return [*names, ""][0]


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        rooms |= {room_of(name.split(".")[1:]) for name in names if name.split(".")[0] == "dataperf_fast"}
    return rooms


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    room = room_of([*path.relative_to(PACKAGE).with_suffix("").parts][: -1 if path.name == "__init__.py" else None])
    board, _, name = room.partition(".")
    allowed = MAY_IMPORT[board] | {room} | ({"boards"} if name else set())
    assert imported_rooms(path) <= allowed


def test_no_arrow_runs_up():
    rooms = list(MAY_IMPORT)
    arrows = {(room, to.partition(".")[0]) for room in rooms for to in MAY_IMPORT[room] if to}
    upwards = {(room, to) for room, to in arrows if rooms.index(to) <= rooms.index(room)}
    assert upwards == set()


def test_a_boards_room_has_the_files_of_every_boards():
    for board in sorted(BOARDS):
        files = {path.name for path in (PACKAGE / "boards" / board).iterdir()}
        assert {"__init__.py", "board.py", "files.py", "synth.py", "reference.py", "picture.py"} <= files


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
