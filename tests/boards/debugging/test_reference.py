"""The live comparison with the PyTorch pipeline; ``make test-reference`` installs it."""

from __future__ import annotations

import pytest

import dataperf_fast as dpf
from dataperf_fast.boards.debugging import demo, synth
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.kernels.net import training
from tests.boards.debugging.test_board import fast_curve
from tests.tasks import order_of, reference_curve

pytestmark = pytest.mark.reference
torch = pytest.importorskip("torch", reason="the reference pipeline needs PyTorch: make test-reference")


def tasks_of(source, folder):
    if source == "digits":
        return demo.write(folder, synth.DebuggingScale(tasks=2, train=120, test=200, val=5))
    return list(synth.write(folder, synth.DebuggingScale(tasks=2, train=70 + 10 * source, test=100, val=5), source))


@pytest.mark.parametrize("source", ["digits", *(pytest.param(seed, marks=pytest.mark.long) for seed in range(5))])
def test_twelve_tasks_point_for_point(source, reference, tmp_path):
    engine = Engine(backends.choose("cpu"))
    tasks = tasks_of(source, tmp_path)
    assert len(tasks) == 2
    for task in tasks:
        order = order_of(task)
        expected = reference_curve(reference("debugging"), task, order)
        assert fast_curve(task, order, engine) == expected, task.data_id


def test_the_reference_backend_gives_the_same_records(suite):
    for curve, task in ((True, "synth01"), (False, "synth00-flipped")):
        random = suite / "submissions" / f"{task}_random.txt"
        fast = dpf.evaluate("debugging", suite, random, backend="cpu", curve=curve, cache=False)
        plain = dpf.evaluate("debugging", suite, random, backend="reference", jobs=1, curve=curve, cache=False)
        assert len(fast) == len(plain) == 1
        for mine, theirs in zip(fast, plain, strict=True):
            assert (mine.task, mine.submission, mine.status) == (theirs.task, theirs.submission, theirs.status)
            assert (mine.score, mine.details, mine.retrains) == (theirs.score, theirs.details, theirs.retrains)
            assert theirs.backend == "reference"


def test_initial_weights_are_bit_equal():
    torch.manual_seed(42)
    layers = torch.nn.Linear(2048, 128), torch.nn.Linear(128, 1)
    theirs = [parameter.detach().numpy().tobytes() for layer in layers for parameter in (layer.weight, layer.bias)]
    assert [part.tobytes() for part in training.initial_weights(2048)] == theirs
