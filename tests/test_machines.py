"""A process of each machine runs what the machine says."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest
from llvmlite import binding

from tests.machines import MACHINES

LOOK = """
import json, math
import numpy, scipy.linalg
from llvmlite import binding
from dataperf_fast.engine import machine
from numba.core import config, registry
from threadpoolctl import threadpool_info
print(json.dumps({
    "blas": sorted({library.get("architecture", "") for library in threadpool_info()}),
    "numpy": numpy.show_config(mode="dicts")["SIMD Extensions"].get("found", []),
    "numba": registry.cpu_target.target_context.codegen().magic_tuple()[1:],
    "exp": [math.exp(n / 1000) for n in range(10_000)],
    "facts": machine.facts(),
}))
"""
POSSIBLE = [name for name, machine in MACHINES.items() if machine.is_possible()]


@pytest.fixture(scope="module")
def looks():
    def look(name: str) -> dict:
        command = [sys.executable, "-W", "error", "-c", LOOK]
        environment = MACHINES[name].environment()
        return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)

    return {name: look(name) for name in POSSIBLE}


@pytest.mark.parametrize("name", POSSIBLE)
def test_blas(looks, name):
    [found] = looks[name]["blas"]
    wanted = MACHINES[name].variables.get("OPENBLAS_CORETYPE", *looks["this"]["blas"])
    # OpenBLAS calls the kernels that it runs for Prescott after an older processor.
    assert found in ({"Prescott", "Katmai"} if wanted == "Prescott" else {wanted})


@pytest.mark.parametrize("name", POSSIBLE)
def test_numpy(looks, name):
    off = MACHINES[name].variables.get("NPY_DISABLE_CPU_FEATURES", "").split()
    assert looks[name]["numpy"] == [feature for feature in looks["this"]["numpy"] if feature not in off]


@pytest.mark.parametrize("name", POSSIBLE)
def test_numba(looks, name):
    cpu = MACHINES[name].variables.get("NUMBA_CPU_NAME")
    assert looks[name]["numba"] == ([cpu, ""] if cpu else looks["this"]["numba"])


def test_the_c_library_does_without_fused_multiply_add(looks):
    if not binding.get_host_cpu_features().get("fma"):
        pytest.skip("this processor has none")
    others = {name for name in looks if looks[name]["exp"] != looks["this"]["exp"]}
    assert others == {"libm-baseline"}


def test_machines_that_are_told_apart_have_other_facts(looks):
    """Numba compiles none of a library's code: what it is told is no fact."""
    told = {name: dict(MACHINES[name].variables) for name in looks}
    for variables in told.values():
        for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"):
            variables.pop(name, None)
        if variables.get("NPY_DISABLE_CPU_FEATURES") == "":
            del variables["NPY_DISABLE_CPU_FEATURES"]
        if variables.get("OPENBLAS_CORETYPE") == looks["this"]["blas"][0]:
            del variables["OPENBLAS_CORETYPE"]
    for one, other in itertools.combinations(looks, 2):
        assert (looks[one]["facts"] == looks[other]["facts"]) == (told[one] == told[other]), (one, other)
