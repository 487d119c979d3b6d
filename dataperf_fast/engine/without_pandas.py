"""Processes of our own start without pandas, unless somebody in them wants it.

With its first array pyarrow imports all of pandas, only to know whether that is one of its series, and so does
scikit-learn, for nothing: two seconds, where a whole command takes one. So each finds none while it is imported.
pyarrow looks again once somebody else has imported pandas.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def start_without_pandas() -> None:
    """Let pyarrow and scikit-learn find no pandas when they are imported, unless that is here already."""
    sys.meta_path[:0] = [_Import("pyarrow", _first_array), _Import("sklearn", _alone)]


class _Import:
    """Stands before a module's finder until that is imported; ``how`` takes what executes it, and the module."""

    def __init__(self, name: str, how: Callable[[Callable[[ModuleType], None], Any], None]):
        self._name, self._how = name, how

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        try:
            spec = find_spec(name)
        finally:
            sys.meta_path.insert(0, self)  # who asks whether it is there need not import it
        if spec and spec.loader:
            loader: Any = spec.loader

            def execute(module: ModuleType) -> None:
                sys.meta_path.remove(self)
                del loader.exec_module
                self._how(loader.exec_module, module)

            loader.exec_module = execute
        return spec


class _NoPandas:
    """Finds no pandas."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


@contextmanager
def _no_pandas() -> Iterator[None]:
    sys.meta_path.insert(0, nowhere := _NoPandas())
    try:
        yield
    finally:
        sys.meta_path.remove(nowhere)


def _alone(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    with _no_pandas():
        execute(module)


def _first_array(execute: Callable[[ModuleType], None], pyarrow: Any) -> None:
    execute(pyarrow)
    if "pandas" in sys.modules:  # which may be what imports pyarrow
        return
    with _no_pandas():
        pyarrow.scalar(0)  # looks for it

    def then(execute: Callable[[ModuleType], None], pandas: ModuleType) -> None:
        execute(pandas)
        pyarrow.array([]).to_pandas()  # looks again

    sys.meta_path.insert(0, _Import("pandas", then))
