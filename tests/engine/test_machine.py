"""What a machine is for libraries: the same at every look, another on another processor, library or belief."""

from __future__ import annotations

import platform
from importlib.metadata import version

import pytest
from llvmlite import binding

from dataperf_fast import cli
from dataperf_fast.engine import machine


@pytest.fixture
def look(monkeypatch):
    """The facts, asked for again, and not remembered."""
    monkeypatch.setattr(machine, "facts", machine.facts.__wrapped__)
    return machine.facts


@pytest.fixture
def change(monkeypatch):
    return {
        "processor": lambda: monkeypatch.setattr(binding, "get_host_cpu_name", lambda: "another"),
        "vector units": lambda: monkeypatch.setattr(
            binding, "get_host_cpu_features", lambda: {"avx2": True, "fma": False, "sse2": True}
        ),
        "C library": lambda: monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.1")),
        "system": lambda: monkeypatch.setattr(platform, "machine", lambda: "aarch64"),
        "BLAS": lambda: monkeypatch.setattr(
            machine, "blas", lambda: [machine.Blas("openblas", "0.3.30", "Sandybridge")]
        ),
        "NumPy's kernels": lambda: monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", "X86_V4"),
        "libm's": lambda: monkeypatch.setenv("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-FMA"),
        "PyTorch's": lambda: monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default"),
    }


def test_a_machine_is_the_same_at_every_look(look):
    assert look() == look() == machine.facts()
    assert look().startswith(f"{platform.system()} {platform.machine()}, {binding.get_host_cpu_name()}")


@pytest.mark.parametrize(
    "what", ["processor", "vector units", "C library", "system", "BLAS", "NumPy's kernels", "libm's", "PyTorch's"]
)
def test_every_fact_counts(what, change, look):
    before = look()
    change[what]()
    assert look() != before


def test_a_processor_that_llvm_cannot_ask_has_its_name(monkeypatch, look):
    def fail():
        raise RuntimeError("no cpuid")

    monkeypatch.setattr(binding, "get_host_cpu_features", fail)
    assert f", {binding.get_host_cpu_name()}, " in look()


def test_versions_and_the_machine_are_told_apart(monkeypatch):
    made = machine.made_with("numpy", "scipy")
    assert made == f"numpy {version('numpy')}, scipy {version('scipy')} on {machine.facts()}"
    assert machine.made_with("numpy") != made
    monkeypatch.setattr(machine.metadata, "version", lambda package: "9")
    assert machine.digest(machine.made_with("numpy", "scipy")) != machine.digest(made)


def test_info_shows_it(capsys):
    assert cli.main(["info"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["machine"] == machine.facts()
    assert lines["scipy"] == version("scipy")
