"""A GPU is used once it has given known answers, and what it does wrong later costs time, never a score."""

from __future__ import annotations

import json

import numpy as np
import pytest

import dataperf_fast as dpf
from dataperf_fast import cli, parity
from dataperf_fast.boards.debugging import baselines, synth
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import engine as engines
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.kernels.folders import cache_folder
from dataperf_fast.kernels.net import cuda as net_cuda
from dataperf_fast.models import known_answers
from dataperf_fast.models.linear_net import LinearNet
from dataperf_fast.models.neighbour_votes import NeighbourVotes
from tests.cuda.conftest import SIMULATED

pytestmark = [
    pytest.mark.usefixtures("device"),
    pytest.mark.skipif(SIMULATED, reason="the simulator takes minutes for what a device does in a second"),
]
CUDA = Backend("cuda", "test", 1, 10**9, 2)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    list(synth.write(folder, synth.DebuggingScale(1, 40, 30, 8), 0))
    baselines.write(folder, folder / "submissions", ["random"], 0, Engine(backends.choose("cpu")))
    return folder


def wrong(monkeypatch, change=lambda value: np.nextafter(value, np.inf)):
    """The linear net's logits, off by one unit in the last place."""
    train = net_cuda.train

    def off(*given):
        of_rows, of_evaluation = train(*given)
        return of_rows, change(of_evaluation)

    monkeypatch.setattr(net_cuda, "train", off)


def raising(monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(net_cuda, "train", fail)


def test_every_answer_is_known():
    assert known_answers.check(CUDA) == ""


def test_a_device_is_asked_once(monkeypatch):
    assert known_answers.choose("cuda").name == "cuda"
    [key] = json.loads((cache_folder() / "trusted_gpus.json").read_text())
    assert len(key) > 8

    def refuse(_):
        raise AssertionError("asked again")

    monkeypatch.setattr(known_answers, "check", refuse)
    assert known_answers.choose("auto").name == "cuda"


def test_another_driver_is_asked_again(monkeypatch):
    known_answers.choose("cuda")
    device = backends.find_device()
    monkeypatch.setattr(backends, "find_device", lambda: device._replace(driver=device.driver + 1))
    wrong(monkeypatch)
    with pytest.warns(UserWarning, match="its linear net gave other answers than the CPU's"):
        assert known_answers.choose("auto").name == "cpu"


@pytest.mark.parametrize("content", ["", "{}", "[1", "null"])
def test_a_broken_note_is_no_trust(content, monkeypatch):
    cache_folder().mkdir(parents=True)
    (cache_folder() / "trusted_gpus.json").write_text(content)
    wrong(monkeypatch)
    with pytest.raises(RuntimeError, match="other answers"):
        known_answers.choose("cuda")


def test_a_wrong_bit_is_seen_and_auto_goes_on(data, monkeypatch, capsys):
    expected = dpf.evaluate("debugging", data, backend="cpu", cache=False)
    wrong(monkeypatch)
    monkeypatch.setattr(engines, "_WORTH_A_GPU", 0.0)
    line = "the GPU is not used: its linear net gave other answers than the CPU's"
    with pytest.warns(UserWarning, match=line):
        found = dpf.evaluate("debugging", data, backend="auto", cache=False)
    assert [(of.score, of.backend) for of in found] == [(of.score, "cpu") for of in expected]
    assert cli.main(["evaluate", "debugging", str(data), "--backend", "cuda"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert [of for of in said if "GPU" in of] == [
        "dataperf-fast: failed: RuntimeError: the GPU is not to be trusted: its linear net gave other answers than the "
        "CPU's (--debug shows where)"
    ]


def test_auto_goes_on_on_the_gpu_with_the_same_scores(data, monkeypatch):
    expected = dpf.evaluate("debugging", data, backend="cpu", curve=True, cache=False)
    monkeypatch.setattr(engines, "_WORTH_A_GPU", 0.0)
    found = dpf.evaluate("debugging", data, backend="auto", curve=True, cache=False)
    assert {of.backend for of in found} == {"cuda"}
    assert [(of.score, of.details) for of in found] == [(of.score, of.details) for of in expected]


def test_a_kernel_that_raises_is_seen(monkeypatch):
    raising(monkeypatch, OSError("libnvvm is not here\nat all"))
    assert known_answers.check(CUDA) == "its linear net failed (OSError: libnvvm is not here)"


def retrains(model, labels=12):
    generator = np.random.default_rng(0)
    truth = np.resize([0, 1], 70).astype(np.uint8)
    features = np.maximum(generator.standard_normal((70, 24)) + truth[:, None], 0).astype(np.float32)
    states = [np.where(np.arange(50) < n, 1 - truth[:50], truth[:50]).astype(np.uint8) for n in range(labels)]
    return Plan(Pool(features[:50], features[50:], truth[50:]), model, states)


def test_a_device_that_is_lost_costs_no_score(monkeypatch):
    plan = retrains(LinearNet())
    expected = Engine(backends.choose("cpu", 1)).run(plan)
    train, calls = net_cuda.train, []

    def lose(*given):
        calls.append(1)
        if len(calls) > 2:
            raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS\nsomewhere")
        return train(*given)

    monkeypatch.setattr(net_cuda, "train", lose)
    engine = Engine(CUDA, batch_size=3)
    line = r"the GPU failed \(RuntimeError: CUDA_ERROR_ILLEGAL_ADDRESS\): the rest is scored on the CPU"
    with pytest.warns(UserWarning, match=line):
        found = engine.run(plan)
    assert found.values["accuracy"].tolist() == expected.values["accuracy"].tolist()
    assert (engine.backend.name, len(calls)) == ("cpu", 3)


def test_a_device_that_is_lost_is_not_compared(data, monkeypatch):
    """``verify`` would say the same of the CPU and itself."""
    known_answers.choose("cuda")  # it is trusted, and fails later
    raising(monkeypatch, RuntimeError("lost"))
    with (
        pytest.warns(UserWarning, match="the GPU failed"),
        pytest.raises(RuntimeError, match="cuda failed on the way: nothing is compared with it"),
    ):
        parity.verify("debugging", data, names=["cpu", "cuda"], jobs=1)


def test_a_device_without_room_gets_smaller_batches(monkeypatch):
    plan = retrains(LinearNet())
    expected = Engine(backends.choose("cpu", 1)).run(plan)
    train, sizes = net_cuda.train, []

    def fit(start, pool, rows, *given):
        sizes.append(len(rows))
        if len(rows) > 3:
            raise MemoryError("out of memory")
        return train(start, pool, rows, *given)

    monkeypatch.setattr(net_cuda, "train", fit)
    engine = Engine(CUDA)
    found = engine.run(plan)
    assert found.values["accuracy"].tolist() == expected.values["accuracy"].tolist()
    assert engine.backend.name == "cuda"
    assert max(sizes[-3:]) <= 3


@pytest.mark.parametrize("batch_size", [None, 8])
def test_what_never_has_room_is_the_cpus(batch_size, monkeypatch):
    raising(monkeypatch, MemoryError("out of memory"))
    with pytest.warns(UserWarning, match=r"the GPU failed \(MemoryError: out of memory\)"):
        found = Engine(CUDA, batch_size=batch_size).run(retrains(LinearNet()))
    assert found.trained == 12


def test_a_pool_that_does_not_fit_is_the_cpus(monkeypatch):
    plan = retrains(LinearNet())
    raising_load = MemoryError("cannot allocate 80 GB")

    def load(*_):
        raise raising_load

    monkeypatch.setattr(net_cuda, "load", load)
    with pytest.warns(UserWarning, match=r"the GPU failed \(MemoryError: cannot allocate 80 GB\)"):
        found = Engine(CUDA).run(plan)
    assert found.trained == 12


def test_what_is_wrong_with_a_plan_is_said_as_on_the_cpu():
    plan = retrains(NeighbourVotes())
    with pytest.raises(ValueError, match="cannot be trained on 50 rows of 3 classes"):
        Engine(CUDA).run(Plan(plan.pool, LinearNet(), [np.arange(50) % 3]))
