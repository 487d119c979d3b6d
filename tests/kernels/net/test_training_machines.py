"""The net's logits are the same bytes whatever vector unit the code is compiled for."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from dataperf_fast.kernels.net import training
from tests.conftest import ROOT

MACHINES = {
    "native": {},
    "haswell": {"NUMBA_CPU_NAME": "haswell"},
    "generic": {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""},  # two lanes a register, no fused multiply-add
}


def digest(dtype: type) -> str:
    """Of a net with a whole batch and a short one, over a rebase, and of one on a width that is no number of lanes."""
    generator = np.random.default_rng(0)
    found = hashlib.sha256()
    for rows, width in ((420, 50), (70, 2048)):
        features, evaluation = (np.maximum(generator.standard_normal((n, width)), 0).astype(dtype) for n in (rows, 9))
        labels = generator.integers(0, 2, (2, rows)).astype(np.uint8)
        for logits in training.train(training.prepare(rows, width, dtype), features, evaluation, labels):
            found.update(logits.tobytes())
    return found.hexdigest()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names x86-64 processors")
@pytest.mark.parametrize("dtype", [pytest.param(of, marks=pytest.mark.long) for of in ("float64", "float32")])
def test_same_bytes_for_any_vector_unit(dtype, tmp_path):
    code = f"import numpy; from {__name__} import digest; print(digest(numpy.{dtype}))"
    running = []
    for name, settings in MACHINES.items():
        given = {key: value for key, value in os.environ.items() if key not in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")}
        given |= {"NUMBA_CACHE_DIR": str(tmp_path / name)} | settings
        running.append(
            subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=given, stdout=subprocess.PIPE, text=True)
        )
    digests = {name: process.communicate()[0].strip() for name, process in zip(MACHINES, running, strict=True)}
    assert {process.returncode for process in running} == {0}
    assert len(digests["native"]) == 64
    assert len(set(digests.values())) == 1, digests
