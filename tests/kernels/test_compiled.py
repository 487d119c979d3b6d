"""Compilation has one place; and what is compiled for other kernels alone, Python never calls: it ends the process."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KERNELS = sorted((ROOT / "kernels").rglob("*.py"))
CALLERS = [*KERNELS, *sorted((ROOT / "dataperf_fast").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
CALLERS += sorted((ROOT / "benchmarks_perf").rglob("*.py"))
COMPILED = {"kernel", "inner", "inlined", "njit", "overload", "intrinsic"}  # cuda.jit is Python on the simulator


def module_of(path: Path) -> str:
    """The name that a file is imported by; the kernels' is within the package."""
    names = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(["dataperf_fast", *names] if names[0] == "kernels" else names)


def decorators(function: ast.FunctionDef) -> set[str]:
    """The names that a function is decorated with."""
    nodes = [node.func if isinstance(node, ast.Call) else node for node in function.decorator_list]
    return {node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in nodes}


def inner_functions() -> set[str]:
    """Each by its module and name."""
    found = set()
    for path in KERNELS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and "inner" in decorators(node):
                found.add(f"{module_of(path)}.{node.name}")
    return found


def imports(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: f"{node.module}.{alias.name}" for node in nodes for alias in node.names}


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
    tree, module = ast.parse(path.read_text()), module_of(path)
    names = imports(tree)
    for call in python_calls(tree):
        function = call.func
        if isinstance(function, ast.Name):
            called = names.get(function.id, f"{module}.{function.id}")
        elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            called = f"{names.get(function.value.id)}.{function.attr}"
        else:
            continue
        assert called not in INNER, f"line {call.lineno}: {called}"


def test_there_are_some():
    assert len(INNER) > 50


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: str(path.relative_to(ROOT)))
def test_how_they_are_compiled_stands_in_one_place(path):
    tree = ast.parse(path.read_text())
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | set(imports(tree))
    named |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert ("njit" in named) == (path.name == "compiled.py")
