"""Every CUDA kernel compiles for compute capability 9.0, without a driver, to what its arithmetic allows."""

from __future__ import annotations

import pytest

from tests.cuda import kernels
from tests.ptx_machine.translate import translate

pytestmark = kernels.NEEDS_A_COMPILER
# An instruction that a kernel must have, and one that it may not.
MUST = {
    "linear net, 2,048 columns": "sqrt.rn.f64",  # no approximation in the step of W1
    "support vectors": "mul.rn.f64",
    "vote of 6 classes": "div.rn.f64",
    "logistic regression, rows": "fma.rn.f64",
    "logistic regression, columns": "fma.rn.f64",
    "logistic regression, a step": "fma.rn.f64",
    "counts of answers": "atom.shared.add",
}
# What is defined without fused operations. (Of a stump's split too, but a half of a number that is added is fused with
# the sum: a half is exact.)
UNFUSED = {
    "support vectors", "stumps, sums", "stumps, gains", "votes of neighbours", "counts of answers",
    "neighbour Shapley, values", "neighbour Shapley, sums",
}  # fmt: skip


@pytest.mark.parametrize("name", kernels.KERNELS)
def test_it_compiles(name):
    text = kernels.text_of(name)
    assert ".target sm_90" in text
    assert MUST.get(name, "") in text
    if name in UNFUSED:
        assert "fma.rn" not in text
    assert translate(text).fused == 0  # nor does the assembler fuse what the text does not
