"""The PTX of kernels, kept between processes: compiling one takes up to a minute."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from numba import cuda

from dataperf_fast.kernels.kept import digest


def folder() -> Path:
    """Where they are kept: ``$PTX_MACHINE_CACHE``, or among temporary files."""
    place = Path(os.environ.get("PTX_MACHINE_CACHE") or Path(tempfile.gettempdir()) / "ptx-machine")
    place.mkdir(parents=True, exist_ok=True)
    return place


def ptx_of(function: Callable[..., None], kinds: tuple[Any, ...], capability: tuple[int, int], **options: Any) -> str:
    """A kernel's PTX for arguments of these kinds; ``options`` are the compiler's."""
    enclosed = [repr(cell.cell_contents) for cell in function.__closure__ or ()]
    made_of = [digest(Path(function.__code__.co_filename)), str(function.__code__.co_firstlineno), *map(str, kinds)]
    made_of += [*enclosed, str(capability), str(sorted(options.items())), metadata.version("numba-cuda")]
    name = hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:16]
    path = folder() / f"{function.__name__}-{name}.text"
    if not path.is_file():
        text, _ = cuda.compile_ptx(function, kinds, cc=capability, **options)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(text)
        partial.replace(path)
    return path.read_text()
