"""Where compiled code is kept: with what else may be deleted, and found again by the text that it was made of.

Numba keeps it beside the source, where an installed package may not write, and looks at a function's own file alone:
an edited kernel's callers go on with the old one. Here a folder's name says the texts of a module and of all kernels
that it imports, so that whoever has the same texts shares it, and nobody with others. Where it cannot be kept, a line
says so and it is compiled each time.
"""

from __future__ import annotations

import hashlib
import importlib
import pickle
import re
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba.core import caching

from dataperf_fast.kernels.folders import compiled_folder

_ROOM = Path(__file__).parent
_IMPORTS = re.compile(r"^\s*from dataperf_fast\.kernels(\.[\w.]+)? import (\([^)]*\)|.*)$", re.MULTILINE)
_BROKEN = (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, ImportError, pickle.UnpicklingError)


@cache
def texts(path: Path) -> frozenset[Path]:
    """The files of a module and of all kernels that it imports, and they import."""
    found, waiting = set(), [path]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imported(file)
    return frozenset(found)


@cache
def _imported(path: Path) -> list[Path]:
    files = []
    for module, names in _IMPORTS.findall(path.read_text(encoding="utf-8")):
        place = _ROOM.joinpath(*module.split(".")[1:])
        inside = [place / f"{name}.py" for name in re.findall(r"\w+", names)]
        files += [file for file in (place.with_suffix(".py"), *inside) if file.is_file()]
    return files


@cache
def digest(path: Path) -> str:
    """What tells a module's texts from others, wherever they lie."""
    return hashlib.sha256(b"".join(sorted(map(_of_text, texts(path))))).hexdigest()[:16]


@cache
def _of_text(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


class _Place(caching._CacheLocator):
    """The folder of a function's module."""

    def __init__(self, function: Any, file: str):
        self._py_file, self._line = file, function.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        path = Path(self._py_file)
        return str(compiled_folder() / f"{path.stem}-{digest(path)}")

    def get_source_stamp(self) -> str:
        return digest(Path(self._py_file))

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Place:
        return cls(py_func, py_file)


def keeper(base: type, kind: type) -> type:
    """A cache of Numba's, ``base`` with its ``kind`` of what it keeps, that keeps here, and fails without harm."""

    class Kind(kind):  # type: ignore[misc]
        _locator_classes = (_Place,)

    class Keeper(base):  # type: ignore[misc]
        _impl_class = Kind

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            try:
                return super().load_overload(sig, target_context)
            except _BROKEN:  # half a file, another release's: it is compiled again
                with suppress(OSError):
                    self.flush()
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            try:
                super().save_overload(sig, data)
            except OSError as error:
                self.disable()
                _say(
                    f"compiled code cannot be kept in {compiled_folder()} ({error.strerror}): it is compiled each time"
                )

    return Keeper


def keep(dispatcher: Any) -> Any:
    """Let a CPU's function find its compiled code again; ``dispatcher`` is ``njit``'s."""
    return _kept(dispatcher, _for_cpu)


def keep_cuda(dispatcher: Any) -> Any:
    """The same of a CUDA kernel, ``cuda.jit``'s."""
    return _kept(dispatcher, _for_cuda)


def _kept(dispatcher: Any, of_target: Any) -> Any:
    try:
        dispatcher._cache = of_target()(dispatcher.py_func)
    except (OSError, RuntimeError) as error:  # no home, or a source that is no file
        _say(f"compiled code cannot be kept ({error}): it is compiled each time")
    return dispatcher


@cache
def _for_cpu() -> type:
    return keeper(caching.FunctionCache, caching.CompileResultCacheImpl)


@cache
def _for_cuda() -> type:
    found: Any = importlib.import_module("numba.cuda.dispatcher")
    return keeper(found.CUDACache, found.CUDACacheImpl)


@cache
def _say(line: str) -> None:
    warnings.warn(line, stacklevel=2)
