"""Processes of their own for the reference: each runs the definition on one thread, whatever this process runs on.

They start at the first call, in an environment that is made before NumPy is loaded, and end when nothing was asked of
them for a minute, or with this process.
"""

from __future__ import annotations

import importlib
import os
import signal
import tempfile
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import joblib
from joblib.externals import loky
from joblib.externals.loky.backend import resource_tracker

from dataperf_fast.engine import definition
from dataperf_fast.engine.without_pandas import start_without_pandas
from dataperf_fast.files.errors import InputError

_IDLE_SECONDS = 60


class Processes:
    """``count`` processes for the functions of one module; ``accelerated`` by ``cuml.accel``, which is another library.

    Raises what a function raises, ``ModuleNotFoundError`` where something that the module needs is not installed, and
    ``RuntimeError`` where a process is ended from outside.

    >>> pipeline = open_processes("dataperf_fast.boards.vision.reference", 2)
    >>> list(pipeline.each("evaluate", [(features, labels)], shared=(evaluation, truth)))  # doctest: +SKIP
    """

    def __init__(self, module: str, count: int, accelerated: bool = False):
        self.module = module
        self.count = count
        self.accelerated = accelerated
        self._executor: loky.ProcessPoolExecutor | None = None
        self._made_with: dict[str, str] = {}  # by model

    @cached_property
    def departure(self) -> str:
        """How these processes depart from the definition, in a line; nothing where they run it.

        Imports the module in one of them.
        """
        [found] = self._run(_look, [(self.module,)])
        return "" if self.accelerated else definition.departure(found)

    def made_with(self, model: str = "") -> str:
        """What a score by these processes hangs on, in a line: the definition's version, libraries, and their machine.

        Some modules call more libraries for a ``model``: they say so as ``LIBRARIES``.
        """
        if model not in self._made_with:
            [found] = self._run(_look, [(self.module, model, ("cuml",) if self.accelerated else ())])
            self._made_with[model] = definition.made_with(found)
        return self._made_with[model]

    def each(
        self, function: str, calls: Iterable[tuple[Any, ...]], shared: tuple[Any, ...] = ()
    ) -> Generator[Any, None, None]:
        """Call a function of the module, by name, with each tuple of arguments; yields the answers in that order.

        ``shared`` are arguments that follow those of every call: they are written to a file once, and the processes map
        its arrays. Calls are taken as the processes get to them; those not begun are dropped with the iterator.
        """
        with _written(shared) as path:
            yield from self._run(_call, ((self.module, function, call, path) for call in calls))

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a function of the module once."""
        [answer] = self.each(function, [arguments])
        return answer

    def close(self) -> None:
        """End the processes, whatever they are doing; the next call starts others."""
        if self._executor is not None:
            executor, self._executor = self._executor, None
            executor.shutdown(kill_workers=True)

    def _run(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        waiting: deque[Future[Any]] = deque()
        try:
            for call in calls:
                if self._executor is None:
                    _start_tracker()
                    self._executor = loky.ProcessPoolExecutor(
                        self.count, timeout=_IDLE_SECONDS, env=definition.settings(),
                        initializer=_prepare, initargs=(self.module, self.accelerated),
                    )  # fmt: skip
                waiting.append(self._executor.submit(function, *call))
                if len(waiting) > 2 * self.count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            self.close()
            raise RuntimeError("a process of the reference was ended, as happens where memory is short") from error
        except KeyboardInterrupt:
            self.close()
            raise
        finally:
            for future in waiting:
                future.cancel()


@cache
def open_processes(module: str, count: int, accelerated: bool = False) -> Processes:
    """The processes of a module that this process has; the same ones every time."""
    return Processes(module, count, accelerated)


@contextmanager
def _written(shared: tuple[Any, ...]) -> Iterator[Path | None]:
    """A file with the shared arguments, while open."""
    if not shared:
        yield None
        return
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        said = os.environ.get("TMPDIR", "")
        raise InputError(
            "TMPDIR", "leads to no folder that can be written:", "", said, "one, for the reference"
        ) from error
    # Windows removes no file that is mapped; it is then left among the temporary ones.
    with tempfile.TemporaryDirectory(prefix="dataperf-fast-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "shared"
        joblib.dump(shared, path)
        yield path


def _start_tracker() -> None:
    """Start loky's helper, which removes what processes leave, deaf to SIGHUP as loky makes it to other signals."""
    if not hasattr(signal, "pthread_sigmask"):
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # which it inherits
    try:
        resource_tracker.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare(module: str, accelerated: bool) -> None:
    """Begin a process: the parent alone answers to what stops it; the module is loaded before anything is asked of it.

    Ctrl-C and a batch system's signal reach all processes of a job, and the parent ends its own.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    # That lbfgs stops at 100 iterations, that SVC's probabilities will go, that a metric without positives is 0.
    warnings.simplefilter("ignore")
    if accelerated:
        importlib.import_module("cuml.accel").install()
    start_without_pandas()
    with suppress(ModuleNotFoundError):  # the first call says so
        importlib.import_module(module)


def _look(module: str, model: str = "", more: tuple[str, ...] = ()) -> definition.Found:
    libraries = getattr(importlib.import_module(module), "LIBRARIES", {}).get(model, ())
    return definition.find({name: importlib.import_module(name).__version__ for name in (*libraries, *more)})


def _call(module: str, function: str, arguments: tuple[Any, ...], shared: Path | None) -> Any:
    return getattr(importlib.import_module(module), function)(*arguments, *(() if shared is None else _read(shared)))


@lru_cache(maxsize=1)
def _read(path: Path) -> tuple[Any, ...]:
    """The last shared arguments, mapped."""
    shared: tuple[Any, ...] = joblib.load(path, mmap_mode="r")
    return shared
