"""The report's comparison of backends, from files to verdict; on the simulator a small board, and a GPU it made up."""

from __future__ import annotations

import json

import pytest

from benchmarks_perf import gpu_parity, gpu_report
from dataperf_fast.boards.speech import baselines
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.kernels.svm import cuda as svc_cuda
from dataperf_fast.kernels.votes import cuda as vote_cuda
from dataperf_fast.models import known_answers
from tests.cuda.conftest import SIMULATED


@pytest.fixture
def case(device, tmp_path, monkeypatch):
    if SIMULATED:
        made_up = backends.Device("a simulated GPU", 10**9, 10**9, 2, (9, 0), (13, 0))
        monkeypatch.setattr(backends, "find_device", lambda: made_up)
        monkeypatch.setattr(known_answers, "check", lambda backend: "")  # which takes it minutes
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
    monkeypatch.setattr(known_answers, "check", lambda backend: "")  # which would see it first
    counts = vote_cuda.count
    monkeypatch.setattr(vote_cuda, "count", lambda *given: counts(*given) + 1)
    assert not any(one["same"] for one in gpu_parity.compare(case))


def test_a_section_that_fails_costs_itself(tmp_path, capsys):
    """And what was measured before it is written."""
    out, seen = tmp_path / "gpu.json", []

    def fail(found):
        seen.append(json.loads(out.read_text())["parity"])
        raise MemoryError("out of memory\nin a kernel")

    compared = {"compared": [{"same": True}, {"same": False}]}
    after = {"many_tasks": lambda found: {"seconds": 2.0 if "curve" in found else 3.0}}
    result = {}
    failed = gpu_report.run({"parity": lambda _: compared, "curve": fail} | after, result, out)
    assert failed == {"curve": "MemoryError: out of memory"}
    assert seen == [compared]
    written = json.loads(out.read_text())
    assert (written["many_tasks"], written["failed"]) == ({"seconds": 3.0}, failed)
    assert list(gpu_report.lines(result)) == [
        "2 scores compared, 1 differ",
        "1000 tasks of 300 retrains              3.0 s",
        "curve failed: MemoryError: out of memory",
    ]
    assert "curve: MemoryError: out of memory, 0.0 s" in capsys.readouterr().err


def test_every_section_is_known():
    names = list(gpu_report.sections(None))
    assert names == [
        "parity", "ceilings", "curve", "many_tasks", "fits", "speech", "shapley", "suite", "peers",
        "more parity",
    ]  # fmt: skip
