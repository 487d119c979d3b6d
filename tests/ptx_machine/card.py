"""dataperf-fast with the machine for its card: ``backend="cuda"`` runs here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from .machine import CAPABILITY, Machine

MEMORY = 10**9  # bytes that batches are cut to


def from_environment() -> Machine:
    """The machine that the environment asks for.

    ``PTX_MACHINE_CHECK=1`` looks at every access, ``PTX_MACHINE_ORDER`` is forward, backward or a number,
    ``PTX_MACHINE_POISON`` a byte in hexadecimal, ``PTX_MACHINE_WORKERS`` a number of CPU threads;
    ``PTX_MACHINE_CONTRACT=0`` fuses no product into a sum where the PTX does not.
    """
    order, poison = (os.environ.get(f"PTX_MACHINE_{name}", "") for name in ("ORDER", "POISON"))
    return Machine(
        check=os.environ.get("PTX_MACHINE_CHECK", "0") != "0",
        order=int(order) if order.isdigit() else order or "forward",
        poison=int(poison, 16) if poison else None,
        workers=int(os.environ.get("PTX_MACHINE_WORKERS", "1")),
        contract=os.environ.get("PTX_MACHINE_CONTRACT", "1") != "0",
    )


@contextlib.contextmanager
def inserted(machine: Machine) -> Iterator[Machine]:
    """Let dataperf-fast find the machine where it looks for a GPU."""
    from dataperf_fast.engine import backend

    found = backend.Device("a machine for PTX", MEMORY, MEMORY, 2, CAPABILITY, (13, 0))
    looked, backend.find_device = backend.find_device, lambda: found
    try:
        with machine.installed():
            yield machine
    finally:
        backend.find_device = looked


def summary(machine: Machine) -> list[str]:
    """A line for each kernel that ran."""
    times: dict[str, list[float]] = {}
    for name, seconds in machine.launches:
        times.setdefault(name, []).append(seconds)
    return [f"{name}: {len(each)} launches, {sum(each):.3f} s" for name, each in times.items()]
