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
_SEAL = 32  # bytes


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
        path, folder = Path(self._py_file), compiled_folder()
        assert folder is not None  # or nobody asks
        return str(folder / f"{path.stem}-{digest(path)}")

    def get_source_stamp(self) -> str:
        return digest(Path(self._py_file))

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Place:
        return cls(py_func, py_file)


class _Sealed:
    """Before a class of Numba's that keeps files: each says whose code it holds, and its digest; no other is run.

    Of two processes that begin at once each may call its file by the other's name, and a damaged byte is code too.
    """

    _dump: Any
    _data_path: Any
    _open_for_write: Any

    def save(self, key: Any, data: Any) -> None:
        super().save(key, (key, data))  # type: ignore[misc]

    def load(self, key: Any) -> Any:
        found = super().load(key)  # type: ignore[misc]
        return found[1] if found is not None and found[0] == key else None

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(content[_SEAL:]).digest() != content[:_SEAL]:
            raise ValueError("damaged")
        return pickle.loads(content[_SEAL:])


def keeper(base: type, kind: type, files: type) -> type:
    """A cache of Numba's, ``base`` with its ``kind`` of what it keeps in ``files``: one that keeps here, sealed, and
    fails without harm.
    """

    class Kind(kind):  # type: ignore[misc]
        _locator_classes = (_Place,)

    class Files(_Sealed, files):  # type: ignore[misc]
        pass

    class Keeper(base):  # type: ignore[misc]
        _impl_class = Kind

        def __init__(self, function: Any):
            super().__init__(function)
            stamp = self._impl.locator.get_source_stamp()
            self._cache_file = Files(self._cache_path, self._impl.filename_base, stamp)

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            try:
                return super().load_overload(sig, target_context)
            except Exception:  # half a file, another release's, whatever pickle makes of it: it is compiled again
                with suppress(OSError):
                    self.flush()
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            try:
                super().save_overload(sig, data)
            except OSError as error:
                self.disable()
                reason = error.strerror or error
                _say(f"compiled code cannot be kept in {compiled_folder()} ({reason}): it is compiled each time")

    return Keeper


def keep(dispatcher: Any) -> Any:
    """Let a CPU's function find its compiled code again; ``dispatcher`` is ``njit``'s."""
    return _kept(dispatcher, _for_cpu)


def keep_cuda(dispatcher: Any) -> Any:
    """The same of a CUDA kernel, ``cuda.jit``'s."""
    return _kept(dispatcher, _for_cuda)


def _kept(dispatcher: Any, of_target: Any) -> Any:
    if compiled_folder() is None:  # which a line has said
        return dispatcher
    try:
        dispatcher._cache = of_target()(dispatcher.py_func)
    except (OSError, RuntimeError) as error:  # a source that is no file
        _say(f"compiled code cannot be kept ({error}): it is compiled each time")
    return dispatcher


@cache
def _for_cpu() -> type:
    return keeper(caching.FunctionCache, caching.CompileResultCacheImpl, caching.IndexDataCacheFile)


@cache
def _for_cuda() -> type:
    found: Any = importlib.import_module("numba.cuda.dispatcher")
    caches: Any = importlib.import_module(found.Cache.__module__)  # its own, since numba-cuda has left numba
    return keeper(found.CUDACache, found.CUDACacheImpl, caches.IndexDataCacheFile)


@cache
def _say(line: str) -> None:
    warnings.warn(line, stacklevel=2)
