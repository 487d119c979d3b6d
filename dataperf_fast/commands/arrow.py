"""pyarrow in a process of our own: it starts without pandas.

With its first array pyarrow imports all of pandas, only to know whether that is one of its series: two seconds, where a
whole command takes one. So it is asked as soon as it is imported, when it finds none, and again once somebody else has
imported pandas.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def start_without_pandas() -> None:
    """Let pyarrow find no pandas when it is imported, unless that is here already."""
    sys.meta_path.insert(0, _After("pyarrow", _look_in_vain))


class _After:
    """Finds a module once, where it is, and has something done after its import."""

    def __init__(self, name: str, then: Callable[[Any], object]):
        self._name, self._then = name, then

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec and spec.loader:
            loader: Any = spec.loader
            execute = loader.exec_module

            def import_(module: ModuleType) -> None:
                execute(module)
                self._then(module)

            loader.exec_module = import_
        return spec


class _NoPandas:
    """Finds no pandas."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def _look_in_vain(pyarrow: Any) -> None:
    if "pandas" in sys.modules:  # which may be what imports pyarrow, as scikit-learn imports pandas
        return
    sys.meta_path.insert(0, nowhere := _NoPandas())
    try:
        pyarrow.scalar(0)  # looks for it
    finally:
        sys.meta_path.remove(nowhere)
    sys.meta_path.insert(0, _After("pandas", lambda _: pyarrow.array([]).to_pandas()))  # looks again
