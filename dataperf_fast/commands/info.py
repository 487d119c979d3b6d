"""The command ``info``: versions, backends, and what is missing for what."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import dataperf_fast
from dataperf_fast.commands import arguments
from dataperf_fast.report.terminal import OK

if TYPE_CHECKING:
    from dataperf_fast.engine.backend import Device

EXAMPLE = "info"


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """How to print."""
    arguments.add_format(command, "one object")


def run(options: argparse.Namespace) -> int:
    """Print them."""
    from dataperf_fast.boards import evaluation
    from dataperf_fast.engine import backend as backends
    from dataperf_fast.engine import limits
    from dataperf_fast.engine.finished import default_cache_path
    from dataperf_fast.files import csv_tables

    chosen = evaluation.backend_of()
    device = backends.find_device()
    tables = csv_tables.default_folder()
    size = 0 if tables is None else _size(tables)
    free = limits.available_memory()
    numbers = {
        "threads": chosen.threads, "memory_free_bytes": free, "memory_batch_bytes": chosen.memory,
        "parsed_tables_bytes": size,
    }  # fmt: skip
    if isinstance(device, backends.Device):
        numbers |= {"gpu_free_bytes": device.free, "gpu_total_bytes": device.total}
        numbers |= {"gpu_multiprocessors": device.multiprocessors}
        device = _described(device)
    lines = {
        "dataperf-fast": dataperf_fast.__version__,
        "python": sys.version.split()[0],
        **backends.versions(),
        "backend": f"{chosen.name} ({chosen.reason})",
        "gpu": device,
        "threads": str(chosen.threads),
        "memory": f"{free / 2**30:.1f} GiB free, batches use up to {chosen.memory / 2**30:.1f}",
        "finished retrains": str(default_cache_path() or "not kept"),
        "parsed tables": "not kept" if tables is None else f"{tables}, {size / 2**30:.1f} GiB",
    }
    if options.format == "json":
        print(json.dumps({name.replace(" ", "_"): value for name, value in lines.items()} | numbers))
        return OK
    for name, value in lines.items():
        print(f"{name:18} {value}")
    return OK


def _described(device: Device) -> str:
    free, total = device.free / 2**30, device.total / 2**30
    return (
        f"{device.name}, {free:.1f} of {total:.1f} GiB free, {device.multiprocessors} multiprocessors, compute "
        f"capability {device.capability[0]}.{device.capability[1]}, CUDA {device.cuda[0]}.{device.cuda[1]}"
    )


def _size(folder: Path) -> int:
    """Bytes of what can be looked at in a folder."""
    total = 0
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):  # removed meanwhile
                total += path.stat().st_size
    return total
