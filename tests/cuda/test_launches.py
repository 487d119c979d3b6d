"""Every kernel fits a multiprocessor as it is launched: linked for three kinds of cards, none of which need be here."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tests.cuda import kernels

pytestmark = kernels.NEEDS_A_COMPILER


@pytest.mark.parametrize("capability", kernels.CAPABILITIES)
@pytest.mark.parametrize("name", kernels.KERNELS)
def test_a_kernel_can_be_launched(name, capability):
    of = kernels.resources(name, capability)
    assert of.registers > 0
    assert kernels.problems(of, kernels.KERNELS[name].threads, capability) == []
    assert kernels.blocks_at_once(of, kernels.KERNELS[name].threads, capability) > 0


def test_a_launch_that_cannot_be_is_seen():
    """The linear net was launched with 512 threads once, which fails on every card."""
    net = kernels.resources("linear net, 2,048 columns", "9.0")
    assert kernels.problems(net._replace(registers=136), 512, "9.0") == ["69632 registers a block"]
    assert kernels.problems(net._replace(shared=50_000), 256, "9.0") == ["50000 bytes of shared memory a block"]
    assert kernels.problems(net._replace(stack=60_000), 256, "9.0") == ["16220160000 bytes of local memory"]
    assert kernels.problems(net._replace(registers=8), 1056, "9.0") == ["1056 threads a block"]


def test_what_ptxas_says_is_read():
    said = (
        "ptxas         .    224 bytes stack frame, 16 bytes spill stores, 20 bytes spill loads\n"
        "ptxas info    : Used 162 registers, used 0 barriers, 3072 bytes smem\n"
    )
    assert kernels.parsed(said) == kernels.Resources(162, 224, 3072, 16)


def test_the_page_shows_what_they_take():
    assert kernels.table() in (ROOT / "docs" / "gpu.md").read_text()
