"""Whole boards, from files to scores: what a GPU gives is what the CPU gives."""

from __future__ import annotations

import pytest

from benchmarks_perf import gpu_parity
from tests.cuda.conftest import SIMULATED

pytestmark = [
    pytest.mark.long,  # minutes on a CPU that runs a card's code
    pytest.mark.usefixtures("device"),
    pytest.mark.skipif(SIMULATED, reason="the simulator takes hours for what a device does in a second"),
]


def compare(cases):
    found = [one for case in cases for one in gpu_parity.compare(case)]
    assert [one for one in found if not one["same"]] == []
    return found


def test_seeded_tasks(tmp_path):
    """A sample of the twenty a board that ``benchmarks_perf/gpu_report.py`` compares."""
    assert len(compare(gpu_parity.seeded(tmp_path, 2))) > 10


def test_real_recordings(shared_data):
    assert len(compare(gpu_parity.given(shared_data))) > 10
