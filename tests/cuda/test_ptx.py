"""Every CUDA kernel compiles for compute capability 9.0, without a driver."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cuda, types

from dataperf_fast.kernels.neighbours import shapley_cuda
from dataperf_fast.kernels.net import cuda as net_cuda
from dataperf_fast.kernels.svm import cuda as svc_cuda
from dataperf_fast.kernels.votes import cuda as vote_cuda
from tests.cuda.conftest import SIMULATED

pytestmark = [
    pytest.mark.skipif(SIMULATED, reason="the simulator has no compiler"),
    pytest.mark.skipif(find_spec("numba_cuda") is None, reason="numba-cuda is not installed: pip install '.[ptx]'"),
]


@pytest.fixture(autouse=True)
def nominal_device(monkeypatch):
    """Functions of the CPU that a kernel calls are compiled for the current device: there is none to ask."""
    dispatcher = import_module("numba.cuda.dispatcher")
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=(9, 0)))


def test_linear_net():
    real = types.float64
    vector, matrix, table = real[::1], real[:, ::1], types.float64[:, ::1]
    signature = (
        matrix, matrix, types.int32[::1], types.int32[::1], types.uint8[::1], types.int64[::1], matrix,
        types.float64[::1], vector, table, types.float64[::1], real[:, :, :, ::1], vector, matrix,
    )  # fmt: skip
    text, _ = cuda.compile_ptx(net_cuda.body(np.float64, 2048), signature, cc=(9, 0))
    assert ".target sm_90" in text
    assert "sqrt.rn.f64" in text  # no approximation in the step of W1


def test_knn_shapley():
    whole, real = types.int64[::1], types.float64[::1]
    table = types.float64[:, ::1]
    signatures = {
        shapley_cuda._value: (types.int64[:, ::1], whole, whole, real, types.float64, table),
        shapley_cuda._add: (table, real),
    }
    for kernel, signature in signatures.items():
        text, _ = cuda.compile_ptx(kernel.py_func, signature, cc=(9, 0))
        assert ".target sm_90" in text


def test_svc():
    whole, real = types.int64, types.float64
    signature = (
        real[:, :, ::1], real[:, :, ::1], whole[:, ::1], whole[:, :, :, ::1], whole[:, ::1], types.int32[:, ::1],
        real[:, :, ::1], real[:, ::1], whole[:, ::1], real[:, :, :, ::1],
    )  # fmt: skip
    text, _ = cuda.compile_ptx(svc_cuda.body(), signature, cc=(9, 0))
    assert ".target sm_90" in text
    assert "mul.rn.f64" in text
    assert "fma.rn.f64" not in text  # the solver's path hangs on every bit


def test_soft_vote():
    whole, real, byte = types.int64, types.float64, types.uint8
    table, stack = real[:, ::1], real[:, :, ::1]
    signature = (
        table, real[::1], table, whole[:, ::1], table, whole[:, ::1], stack, table, table, stack, stack, table, table,
        byte[:, :, ::1], byte[:, ::1],
    )  # fmt: skip
    text, _ = cuda.compile_ptx(vote_cuda.body(6), signature, cc=(9, 0))
    assert ".target sm_90" in text
    assert "div.rn.f64" in text


def test_counts():
    byte = types.uint8
    signature = (byte[:, :, ::1], byte[:, ::1], byte[::1], byte[:, ::1], types.int32[:, :, :, ::1])
    text, _ = cuda.compile_ptx(vote_cuda.count_answers.py_func, signature, cc=(9, 0))
    assert "atom.shared.add" in text
