"""Functions that are compiled for other kernels alone are called by nobody else: from Python they end the process."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KERNELS = sorted((ROOT / "kernels").rglob("*.py"))
CALLERS = [*KERNELS, *sorted((ROOT / "dataperf_fast").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
CALLERS += sorted((ROOT / "benchmarks_perf").rglob("*.py"))
COMPILED = {"inner", "njit", "overload", "intrinsic"}  # cuda.jit is Python on the simulator


def decorators(function: ast.FunctionDef) -> set[str]:
    """The names that a function is decorated with."""
    nodes = [node.func if isinstance(node, ast.Call) else node for node in function.decorator_list]
    return {node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in nodes}


def inner_functions() -> set[tuple[str, str]]:
    """Module and name of each."""
    found = set()
    for path in KERNELS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and "inner" in decorators(node):
                found.add((path.stem, node.name))
    return found


def python_calls(tree: ast.AST) -> list[ast.Call]:
    """The calls in what is not compiled."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and decorators(node) & COMPILED:
            continue
        if isinstance(node, ast.Call):
            found.append(node)
        found += python_calls(node)
    return found


INNER = inner_functions()


@pytest.mark.parametrize("path", CALLERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_calls_none_of_them(path):
    tree = ast.parse(path.read_text())
    names = {name: (path.stem, name) for module, name in INNER if module == path.stem}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: (node.module.split(".")[-1], alias.name) for alias in node.names}
    for call in python_calls(tree):
        function = call.func
        if isinstance(function, ast.Name):
            assert names.get(function.id) not in INNER, f"line {call.lineno}: {function.id}"
        elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            assert (function.value.id, function.attr) not in INNER, f"line {call.lineno}: {function.attr}"


def test_there_are_some():
    assert len(INNER) > 50
