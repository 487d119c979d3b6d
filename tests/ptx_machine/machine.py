"""Run numba-cuda's kernels on a CPU: compile to PTX, translate to C, compile that, call it.

``Machine().installed()`` puts this in the place of a card: ``kernel[blocks, threads](...)`` runs here, device arrays
are NumPy's, and ``import cupy`` gives NumPy. Nothing else of a program need know.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numba import cuda, types
from numpy.lib.array_utils import byte_bounds

from . import texts
from .translate import Kernel, translate

CAPABILITY = (9, 0)
ORDERS = {"forward": 0, "backward": 1}
_SOURCE = Path(__file__).with_name("machine.c")
# No product is fused into a sum but where the PTX says fma, and no sum is reordered.
_GCC = ("gcc", "-O2", "-march=native", "-ffp-contract=off", "-fno-fast-math", "-fno-math-errno", "-fwrapv",
        "-fno-strict-aliasing", "-shared", "-fPIC", "-w")  # fmt: skip


class FaultError(Exception):
    """What a kernel may not do: which line of the PTX did what, with the PTX's file."""


class DeviceArray(np.ndarray):
    """What ``cuda.to_device`` gives: an array of NumPy that also answers as a device's."""

    def copy_to_host(self, ary: np.ndarray | None = None, stream: Any = 0) -> np.ndarray:
        """A copy, or into ``ary``."""
        if ary is None:
            return np.array(self)
        ary[...] = self
        return ary

    def copy_to_device(self, ary: np.ndarray, stream: Any = 0) -> None:
        """From ``ary``."""
        self[...] = ary


class _Array(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("address", "size", "item")] + [("cells", ctypes.c_void_p)]


class _Launch(ctypes.Structure):
    _fields_ = [
        ("arguments", ctypes.c_void_p), ("grid", ctypes.c_uint32 * 4), ("block", ctypes.c_uint32 * 4),
        ("first", ctypes.c_uint64), ("last", ctypes.c_uint64), ("order", ctypes.c_uint32), ("poison", ctypes.c_uint32),
        ("arrays", ctypes.POINTER(_Array)), ("array_count", ctypes.c_uint64), ("messages", ctypes.c_void_p),
        ("faults", ctypes.c_uint64),
    ]  # fmt: skip


_CELL = np.dtype([("epoch", "u4"), ("thread", "u4"), ("block", "u4"), ("kinds", "u1"), ("block_kinds", "u1"),
                  ("written", "u1"), ("owned", "u1")])  # fmt: skip


class Built(NamedTuple):
    """A kernel for one signature: its PTX's file, its translation, and its code for this CPU."""

    ptx: Path
    kernel: Kernel
    library: ctypes.CDLL


class Machine:
    """A stand-in for a card.

    ``check``: look at every access, which is slow, and raise ``FaultError``. ``order``: how a block's threads take
    turns, "forward", "backward" or a number to shuffle by; no result may depend on it. ``poison``: the byte that memory
    is filled with before anything is written; no result may depend on it either. 0xFF makes floats that are no numbers;
    with ``check`` 0xA5, by which elements of 4 bytes and more are known that nobody has written to. ``workers``: CPU
    threads, over blocks.
    ``contract``: fuse the products that ptxas fuses by default (``translate.translate``).
    """

    def __init__(
        self, check: bool = False, order: str | int = "forward", poison: int | None = None, workers: int = 1,
        contract: bool = True, folder: str | Path | None = None,
    ):  # fmt: skip
        self.check, self.workers, self.contract = check, workers, contract
        self.poison = poison if poison is not None else 0xA5 if check else 0xFF
        self.order = ORDERS[order] if isinstance(order, str) else order + 2
        self.folder = Path(folder or texts.folder())
        self.folder.mkdir(parents=True, exist_ok=True)
        self.launches: list[tuple[str, float]] = []  # names and seconds
        self._built: dict[Any, Built] = {}

    def launch(
        self, dispatcher: Any, blocks: int | tuple[int, ...], threads: int | tuple[int, ...], *given: Any
    ) -> None:
        """Run a kernel of ``cuda.jit`` to its end."""
        kinds = tuple(_kind(dispatcher, value) for value in given)
        built = self._build(dispatcher, kinds)
        slots: list[int] = []
        for kind, value in zip(kinds, given, strict=True):
            _flatten(kind, value, slots)
        if len(slots) != len(built.kernel.parameters):
            raise FaultError(f"{len(slots)} arguments for {len(built.kernel.parameters)} parameters: {built.ptx}")
        started = time.perf_counter()
        self.call(built, blocks, threads, slots, _arrays_of(given))
        self.launches.append((dispatcher.py_func.__name__, time.perf_counter() - started))

    def _build(self, dispatcher: Any, kinds: tuple[Any, ...]) -> Built:
        key = dispatcher.py_func, kinds
        if key not in self._built:
            asked = dispatcher.targetoptions
            options = {name: asked[name] for name in ("fastmath", "opt") if name in asked}
            text = texts.ptx_of(dispatcher.py_func, kinds, CAPABILITY, **options)
            self._built[key] = self.build(text, dispatcher.py_func.__name__)
        return self._built[key]

    def build(self, text: str, name: str) -> Built:
        """The code of a PTX text, from the folder if it is there already."""
        kernel = translate(text, self.contract)
        flags = (*_GCC, *(["-DCHECK"] if self.check else []))
        digest = hashlib.sha256("\0".join([kernel.text, _SOURCE.read_text(), *flags]).encode()).hexdigest()[:16]
        source, library, ptx = (self.folder / f"{name}-{digest}{end}" for end in (".inc", ".so", ".ptx"))
        if not library.exists():
            ptx.write_text(text)
            source.write_text(kernel.text)
            partial = library.with_suffix(f".{os.getpid()}")
            subprocess.run([*flags, f'-DKERNEL="{source}"', str(_SOURCE), "-o", str(partial), "-lm"], check=True)
            partial.replace(library)
        loaded = ctypes.CDLL(str(library))
        loaded.run_blocks.restype = ctypes.c_uint64
        return Built(ptx, kernel, loaded)

    def call(
        self, built: Built, blocks: int | tuple[int, ...], threads: int | tuple[int, ...], arguments: list[int],
        arrays: list[np.ndarray],
    ) -> None:  # fmt: skip
        """Call a kernel with arguments of 8 bytes each, the bits of what they are; ``arrays`` are all it may touch."""
        grid, block, slots = _three(blocks), _three(threads), np.array(arguments, np.uint64)
        if int(np.prod(block)) > 1024:
            raise FaultError("more than 1,024 threads a block")
        count, workers = int(np.prod(grid)), self.workers
        if self.check or built.kernel.global_atomics:
            workers = 1
        owned = np.zeros(built.kernel.shared_bytes, np.uint8)
        for of in built.kernel.shared:
            owned[of.offset : of.offset + of.size] = 1
        cells, table = [], (_Array * max(1, len(arrays)))()
        for at, array in enumerate(arrays if self.check else []):
            begin, end = byte_bounds(array)
            if not array.size:
                continue
            cells.append(np.zeros(-(-(end - begin) // array.itemsize), _CELL))
            cells[-1]["owned"] = 1
            cells[-1]["written"] = self._written(array)
            table[at] = _Array(begin, end - begin, array.itemsize, cells[-1].ctypes.data)
        messages = ctypes.create_string_buffer(1024)

        def run(part: int) -> None:
            launch = _Launch(
                slots.ctypes.data, (*grid, 0), (*block, 0), count * part // workers, count * (part + 1) // workers,
                self.order, self.poison, table, len(arrays), ctypes.addressof(messages), 0,
            )  # fmt: skip
            if built.library.run_blocks(ctypes.byref(launch), owned.ctypes.data_as(ctypes.c_void_p)):
                raise FaultError(f"{launch.faults} in {built.ptx}\n{messages.value.decode()}")

        if workers == 1:
            run(0)
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(run, range(workers)))

    @contextlib.contextmanager
    def installed(self) -> Iterator[Machine]:
        """Be the card, until the end of the block."""
        dispatching = importlib.import_module("numba.cuda.dispatcher")
        machine = self

        def to_device(value: Any, stream: Any = 0, copy: bool = True, to: Any = None) -> np.ndarray:
            if to is not None:
                to[...] = value
                return to
            return np.array(value, order="K").view(DeviceArray)

        def device_array(shape: Any, dtype: Any = np.float64, **_: Any) -> np.ndarray:
            return self._empty(shape, dtype).view(DeviceArray)

        cupy = ModuleType("cupy", "NumPy in CuPy's place.")
        cupy.__getattr__ = lambda name: getattr(np, name)  # type: ignore[method-assign]
        cupy.empty = lambda shape, dtype=np.float64, **_: self._empty(shape, dtype)  # type: ignore[attr-defined]
        cupy.__spec__ = ModuleSpec("cupy", None)
        here = SimpleNamespace(compute_capability=CAPABILITY, MULTIPROCESSOR_COUNT=2)

        def configure(kernel: Any, shape: Any) -> Any:
            blocks, threads, *_ = shape
            return lambda *given: machine.launch(kernel, blocks, threads, *given)

        changes = [
            (dispatching.CUDADispatcher, "__getitem__", configure), (dispatching, "get_current_device", lambda: here),
            (cuda, "to_device", to_device), (cuda, "device_array", device_array), (cuda, "is_available", lambda: True),
        ]  # fmt: skip
        before = [(place, name, getattr(place, name)) for place, name, _ in changes]
        real_cupy = sys.modules.get("cupy")
        try:
            for place, name, value in changes:
                setattr(place, name, value)
            sys.modules["cupy"] = cupy
            yield self
        finally:
            for place, name, value in before:
                setattr(place, name, value)
            sys.modules.pop("cupy", None)
            if real_cupy is not None:
                sys.modules["cupy"] = real_cupy

    def _written(self, array: np.ndarray) -> Any:
        """Which elements are certain to hold something, in the order of memory."""
        if array.itemsize < 4 or self.poison in (0, 0xFF) or not (array.flags.c_contiguous or array.flags.f_contiguous):
            return True
        elements = array.reshape(-1, order="A").view(np.ndarray).view(np.uint8).reshape(-1, array.itemsize)
        return (elements != self.poison).any(axis=1)

    def _empty(self, shape: Any, dtype: Any) -> np.ndarray:
        array = np.empty(shape, dtype)
        array.reshape(-1).view(np.uint8)[...] = self.poison
        return array


def _kind(dispatcher: Any, value: Any) -> Any:
    """The Numba type that an argument has on a device, where every array may be written to."""
    if isinstance(value, np.ndarray):
        kind = dispatcher.typeof_pyval(value.view(np.ndarray))
        return kind.copy(readonly=False)
    return dispatcher.typeof_pyval(value)


def _flatten(kind: Any, value: Any, slots: list[int]) -> None:
    """What numba-cuda hands to a kernel for an argument, 8 bytes each."""
    if isinstance(value, np.ndarray):
        slots += [0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape]
        slots += [stride % 2**64 for stride in value.strides]
    elif isinstance(kind, types.BaseTuple):
        for of, part in zip(kind, value, strict=True):
            _flatten(of, part, slots)
    else:
        bits = {"float32": np.float32, "float64": np.float64}.get(str(kind))
        if bits is None and not str(kind).startswith(("int", "uint", "bool", "Literal", "Integer")):
            raise FaultError(f"an argument of the kind {kind}")
        if bits is None:
            slots.append(int(value) % 2**64)
        else:
            slots.append(int.from_bytes(bits(value).tobytes(), "little"))


def _arrays_of(given: Any) -> list[np.ndarray]:
    arrays: list[np.ndarray] = []
    for value in given:
        if isinstance(value, np.ndarray):
            arrays.append(value)
        elif isinstance(value, tuple):
            arrays += _arrays_of(value)
    return arrays


def _three(shape: int | tuple[int, ...]) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, tuple) else (shape,)
    return (*map(int, sizes), 1, 1)[:3]
