"""Which backend is chosen and why, with drivers that answer as we like."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

import dataperf_fast as dpf
from dataperf_fast import boards, cli
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import processes
from dataperf_fast.models import known_answers

H200 = backends.Device("NVIDIA H200", 100 << 30, 139 << 30, 132, (9, 0), (13, 0))


class Driver:
    """A CUDA driver of so many devices, or one that fails."""

    def __init__(self, devices=0, error=0):
        self.devices, self.error = devices, error

    def cuInit(self, flags):  # noqa: N802 the driver's own names
        return self.error

    def cuDeviceGetCount(self, count):  # noqa: N802
        count._obj.value = self.devices
        return 0


def test_auto_takes_a_device_that_answers(monkeypatch):
    monkeypatch.setattr(backends, "find_device", lambda: H200)
    chosen = backends.choose("auto", 3)
    assert (chosen.name, chosen.reason) == ("cuda", "auto: NVIDIA H200 answers")
    assert (chosen.threads, chosen.lanes, chosen.memory) == (3, 132, 50 << 30)
    assert backends.choose("cuda").reason == "asked for"
    assert backends.choose("cpu", 3).lanes == 3


def test_what_has_no_cuda_path_runs_on_the_cpu(monkeypatch):
    monkeypatch.setattr(backends, "find_device", lambda: H200)
    assert backends.choose("auto", without_cuda="vision").reason == "auto: vision has no CUDA path"
    with pytest.raises(
        dpf.InputError, match=r"^backend: cuda cannot be used: vision has no CUDA path; expected cpu or"
    ):
        backends.choose("cuda", without_cuda="vision")
    assert boards.load("debugging").without_cuda(None) == boards.load("debugging").without_cuda("knn") == ""
    assert boards.load("speech").without_cuda(None) == ""
    assert boards.load("debugging").without_cuda("xgb") == "debugging by xgb"
    assert boards.load("vision").without_cuda(None) == boards.load("acquisition").without_cuda("lr") == ""
    assert boards.load("nibbler").without_cuda(None) == "nibbler"


@pytest.mark.parametrize(
    ("driver", "problem"),
    [
        (None, "no CUDA driver is installed"),
        (Driver(error=100), "the CUDA driver answers with error 100"),
        (Driver(0), "the CUDA driver knows no device"),
        (Driver(1), "numba-cuda is not installed (pip install '.[gpu]' in the checkout)"),
    ],
)
def test_why_there_is_no_device(driver, problem, monkeypatch, suite, capsys):
    def load(name):
        if driver is None:
            raise OSError(name)
        return driver

    monkeypatch.setattr(ctypes, "CDLL", load)
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    assert backends.find_device() == problem
    assert backends.choose("auto").reason == f"auto: {problem}"
    assert cli.main(["evaluate", "debugging", str(suite), "--backend", "cuda"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"dataperf-fast: --backend: cuda cannot be used: {problem}; expected cpu or auto"
    ]


def test_info_says_what_the_gpu_is(monkeypatch, capsys):
    monkeypatch.setattr(known_answers, "check", lambda backend: "")
    monkeypatch.setattr(backends, "find_device", lambda: H200)
    assert cli.main(["info"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["gpu"] == (
        "NVIDIA H200, 100.0 of 139.0 GiB free, 132 multiprocessors, compute capability 9.0, CUDA 13.0"
    )
    assert lines["backend"] == "cuda (auto: NVIDIA H200 answers)"


@pytest.mark.filterwarnings("always:the GPU is not used")
def test_info_says_why_a_gpu_is_not_used(monkeypatch, capsys):
    monkeypatch.setattr(known_answers, "check", lambda backend: "its linear net gave other answers than the CPU's")
    monkeypatch.setattr(backends, "find_device", lambda: H200)
    assert cli.main(["info"]) == 0
    shown = capsys.readouterr()
    assert "cpu (auto: its linear net gave other answers than the CPU's)" in shown.out
    assert "the GPU is not used: its linear net gave other answers" in shown.err


def test_cuml_stands_in_for_scikit_learn_only_where_it_can(monkeypatch, suite, capsys):
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    assert cli.main(["evaluate", "debugging", str(suite), "--backend", "reference-cuml"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "dataperf-fast: --backend: reference-cuml cannot be used: the package cuml is not installed; "
        "expected reference, or an environment with cuML, as docs/gpu.md says"
    ]
    monkeypatch.setattr(backends, "find_spec", lambda name: name)
    monkeypatch.setattr(backends, "find_device", lambda: "no CUDA driver is installed")
    with pytest.raises(dpf.InputError, match="reference-cuml cannot be used: no CUDA driver is installed"):
        backends.choose("reference-cuml")
    monkeypatch.setattr(backends, "find_device", lambda: H200)
    chosen = backends.choose("reference-cuml")
    assert (chosen.name, chosen.is_reference) == ("reference-cuml", True)
    assert not backends.choose("cpu").is_reference


def test_a_reference_that_departs_from_its_definition_warns(monkeypatch):
    module, asked = "dataperf_fast.boards.vision.reference", []
    found = SimpleNamespace(departure="found no OpenBLAS")
    monkeypatch.setattr(processes, "open_processes", lambda *arguments: asked.append(arguments) or found)
    with pytest.warns(UserWarning, match=r"^found no OpenBLAS$"):
        assert backends.reference_pipeline(module, backends.choose("reference", 3)) is found
    found.departure = ""
    backends.reference_pipeline(module, backends.Backend("reference-cuml", "test", 3, 1))
    assert asked == [(module, 3, False), (module, 1, True)]


def test_what_the_reference_lacks_is_named():
    with pytest.raises(dpf.InputError, match=r"reference needs the package dataperf_fast.boards.other; expected pip"):
        backends.reference_pipeline("dataperf_fast.boards.other", backends.choose("reference", 1))
