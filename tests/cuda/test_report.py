"""The report's comparison of backends, from files to verdict; on the simulator a small board, and a GPU it made up."""

from __future__ import annotations

import pytest

from benchmarks_perf import gpu_parity
from dataperf_fast.boards.speech import baselines
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.kernels.svm import cuda as svc_cuda
from dataperf_fast.kernels.votes import cuda as vote_cuda
from tests.cuda.conftest import SIMULATED

pytestmark = pytest.mark.usefixtures("device")


@pytest.fixture
def case(tmp_path, monkeypatch):
    if SIMULATED:
        made_up = backends.Device("a simulated GPU", 10**9, 10**9, 2, (9, 0), (13, 0))
        monkeypatch.setattr(backends, "find_device", lambda: made_up)
        monkeypatch.setattr(vote_cuda, "_THREADS", 7)
        monkeypatch.setattr(svc_cuda, "_THREADS", 16)
    list(speech.write(tmp_path, speech.SpeechScale({"en": speech.LanguageSize((30, 30), (6, 6), 2, 3, 10)}), 0))
    baselines.write(tmp_path, tmp_path / "chosen", ["random"], 0, Engine(backends.choose("cpu")))
    return gpu_parity.Case("seeded", "speech", tmp_path, [tmp_path / "chosen"], None)


def test_both_backends_give_the_same_scores(case):
    found = gpu_parity.compare(case)
    assert [one["task"] for one in found] == ["en_25", "en_60"]
    assert all(one["same"] for one in found)


def test_a_score_that_differs_is_seen(case, monkeypatch):
    counts = vote_cuda.count
    monkeypatch.setattr(vote_cuda, "count", lambda *given: counts(*given) + 1)
    assert not any(one["same"] for one in gpu_parity.compare(case))
