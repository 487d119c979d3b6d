from __future__ import annotations

import numpy as np
import pytest

from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.kernels.launch import on_host
from dataperf_fast.kernels.net import cuda, training
from dataperf_fast.models.linear_net import LinearNet
from tests.cuda.conftest import SIMULATED

pytestmark = pytest.mark.usefixtures("device")
WIDTH = 20


@pytest.fixture(autouse=True)
def small_enough(monkeypatch):
    """On the simulator, whose threads are Python's, a few threads a block, and four epochs on both sides."""
    if SIMULATED:
        monkeypatch.setattr(cuda, "THREADS", 3)
        monkeypatch.setattr(training, "EPOCHS", 4)
        monkeypatch.setattr(cuda, "EPOCHS", 4)


def problem(rows, nets):
    generator = np.random.default_rng(rows)
    features, evaluation = (np.maximum(generator.standard_normal((n, WIDTH)), 0) for n in (rows, 11))
    features[:, 3] = 0  # a feature that never fires
    return features, evaluation, generator.integers(0, 2, (nets, rows)).astype(np.uint8)


def on_device(features, evaluation, labels, chosen=None, threads=None):
    rows = chosen or [np.arange(len(features), dtype=np.int32)] * len(labels)
    start = training.prepare(max(map(len, rows)), WIDTH, np.float64)
    found, logits = cuda.train(start, cuda.load(features, evaluation), rows, labels, threads)
    return [on_host(of) for of in found], on_host(logits)


def on_cpu(features, evaluation, labels):
    start = training.prepare(len(features), WIDTH, np.float64)
    return training.train(start, features, evaluation, labels)[:2]


@pytest.mark.parametrize("rows", [1, 70])  # one batch; a whole one and a short one
def test_logits_are_the_cpus_bytes(rows):
    given = problem(rows, 2)
    got, expected = on_device(*given), on_cpu(*given)
    for mine, theirs in zip(got, expected, strict=True):
        assert np.abs(theirs).max() > 0.1
        assert np.array(mine).tobytes() == theirs.tobytes()


def test_folding_the_powers_back_changes_nothing(monkeypatch):
    """Every third step here, and never in the CPU's eight or forty."""
    given = problem(70, 1)
    expected = on_cpu(*given)
    monkeypatch.setattr(training, "REBASE", 3)
    monkeypatch.setattr(cuda, "REBASE", 3)
    cuda._kernel.cache_clear()
    got = on_device(*given)
    cuda._kernel.cache_clear()
    np.testing.assert_allclose(got[1], expected[1], rtol=0, atol=1e-9 * np.abs(expected[1]).max())


def test_nets_with_rows_of_their_own_are_the_same_bytes_alone_and_with_any_threads():
    features, evaluation, labels = problem(20, 1)
    rows = [np.array(of, np.int32) for of in ([4, 2, 9], list(range(20)), [19, 0, 1, 7, 7])]
    chosen = [labels[0][of] for of in rows]
    together = on_device(features, evaluation, chosen, rows)
    for net, (of, given) in enumerate(zip(rows, chosen, strict=True)):
        alone = on_device(features, evaluation, [given], [of], threads=5)
        assert alone[0][0].tobytes() == together[0][net].tobytes()
        assert alone[1][0].tobytes() == together[1][net].tobytes()
        plain = on_cpu(features[of], evaluation, given[None])[1][0]
        assert alone[1][0].tobytes() == plain.tobytes()


def test_accuracies_are_the_cpus_after_certifying():
    features, evaluation, labels = problem(25, 4)
    truth = np.arange(11, dtype=np.uint8) % 2
    rows = [np.arange(25, dtype=np.int32)] * 3 + [np.arange(5, 25, dtype=np.int32)]
    labels = [*labels[:3], labels[3][5:]]
    outcomes = []
    for backend in (Backend("cpu", "test", 1, 10**9), Backend("cuda", "test", 1, 10**9, 2)):
        pool = Pool(features, evaluation, truth)
        outcomes.append(Engine(backend).run(Plan(pool, LinearNet(), labels, rows)))
    on_cpu, on_gpu = outcomes
    assert on_cpu.values["accuracy"].tolist() == on_gpu.values["accuracy"].tolist()
    assert len(set(on_cpu.values["accuracy"].tolist())) > 1
    assert on_cpu.identity == on_gpu.identity
