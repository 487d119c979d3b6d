"""CUDA kernels against the CPU's path, on a GPU or on the simulator: ``NUMBA_ENABLE_CUDASIM=1 pytest tests/cuda``."""

from __future__ import annotations

import pytest
from numba import config, cuda

SIMULATED = bool(config.ENABLE_CUDASIM)


@pytest.fixture
def device():
    if not cuda.is_available():
        pytest.skip("no GPU here, and the simulator is off: NUMBA_ENABLE_CUDASIM=1 turns it on")


@pytest.fixture(autouse=True)
def plain_arrays(monkeypatch):
    """Let simulated kernels have NumPy's arrays: the CPU's compiled functions do not know the wrapped ones."""
    if SIMULATED:
        from numba.cuda.simulator import kernel

        monkeypatch.setattr(kernel, "FakeWithinKernelCUDAArray", lambda array: array._ary)
