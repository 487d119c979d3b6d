"""CUDA kernels against the CPU's path, on a GPU or on the simulator: ``NUMBA_ENABLE_CUDASIM=1 pytest tests/cuda``."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
from numba import config, cuda

SIMULATED = bool(config.ENABLE_CUDASIM)


@pytest.fixture
def device():
    if not cuda.is_available():
        pytest.skip("no GPU here, and the simulator is off: NUMBA_ENABLE_CUDASIM=1 turns it on")


@pytest.fixture
def nominal_device(monkeypatch):
    """Functions of the CPU that a kernel calls are compiled for the current device: there is none to ask."""
    dispatcher = import_module("numba.cuda.dispatcher")
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=(9, 0)))


@pytest.fixture(autouse=True)
def plain_arrays(monkeypatch):
    """Let simulated kernels have NumPy's arrays: the CPU's compiled functions do not know the wrapped ones."""
    if SIMULATED:
        from numba.cuda.simulator import kernel

        monkeypatch.setattr(kernel, "FakeWithinKernelCUDAArray", lambda array: array._ary)
