"""The debugging board's net on larger noisy pools, against a plain NumPy loop in float64."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_perf import linear_net_certainty
from dataperf_fast.boards.debugging.synth import two_classes
from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.models.linear_net import LinearNet
from tests.kernels.net.test_decisions import plain_score
from tests.kernels.net.test_training import initial_weights_of_pytorch


def f32(value: float) -> float:
    return float(np.float32(value))


def plain_accuracy(features, labels, evaluation, truth):
    """Train and score as the reference, in float64 with AdamW's factors as its float32 run holds them.

    The forward pass goes by W1' w2, or an epoch of 1,500 rows would take NumPy three seconds.
    """
    w1, b1, w2, b2 = (part.astype(np.float64) for part in initial_weights_of_pytorch(features.shape[1]))
    parameters = [w1, b1, w2, b2]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
    decay, gain1, keep2, gain2 = f32(1 - 0.01 * 0.9), f32(1 - 0.9), f32(0.999), f32(1 - 0.999)
    step = 0
    for _ in range(20):
        for start in range(0, len(features), 64):
            x, y = features[start : start + 64].astype(np.float64), labels[start : start + 64]
            z = x @ (w1.T @ w2) + b1 @ w2 + b2[0]
            g = (1 / (1 + np.exp(-z)) - y) / len(x)
            s, total = x.T @ g, g.sum()
            gradients = [np.outer(w2, s), w2 * total, w1 @ s + b1 * total, np.array([total])]
            step += 1
            size, root = f32(0.01 / (1 - 0.9**step)), f32(np.sqrt(1 - 0.999**step))
            for p, (m, v), gradient in zip(parameters, moments, gradients, strict=True):
                p *= decay
                m += gain1 * (gradient - m)
                v *= keep2
                v += gain2 * gradient**2
                p -= size * m / (np.sqrt(v) / root + f32(1e-8))
    u, c = w1.T @ w2, b1 @ w2 + b2[0]
    return plain_score(features @ u + c, labels, evaluation @ u + c, truth)[1]


_NOISE = (0.1, 0.3, 0.5, 0.3, 0.2, 0.3, 0.4, 0.3, 0.1, 0.3)
POOLS = list(zip((600, 600, 700, 800, 900, 1000, 1100, 1200, 1300, 1500), _NOISE, strict=True))


@pytest.mark.parametrize(
    ("number", "points"),
    [(1, 2), (7, 2), *(pytest.param(number, 6, marks=pytest.mark.long) for number in range(10))],
)
def test_curves_of_large_noisy_pools_are_the_plain_loops(number, points):
    rows, noise = POOLS[number]
    generator = np.random.default_rng([number, rows])
    features, labels = two_classes(generator, rows + 300)
    pool = Pool(features[:rows], features[rows:], labels[rows:])
    states = linear_net_certainty.label_states(generator, labels[:rows], noise, 10)[:points]
    outcomes = Engine(Backend("cpu", "test", 2, 10**9)).run(Plan(pool, LinearNet(), list(states)))
    expected = [plain_accuracy(pool.features, state, pool.evaluation_features, labels[rows:]) for state in states]
    assert outcomes.values["accuracy"].tolist() == expected


@pytest.mark.parametrize("pools", [9, pytest.param(90, marks=pytest.mark.long)])
def test_what_is_called_certain_is_float64s(pools):
    """A sample of what ``benchmarks_perf/linear_net_certainty.py`` counts; of 5,000 rows only in the long one."""
    sizes, certain, wrong = set(), 0, 0
    for (rows, _, pool, states), _ in zip(linear_net_certainty.rounds(seed=1), range(pools), strict=False):
        if rows <= 600 or pools > 9:
            sure, other = linear_net_certainty.compare(pool, states, jobs=2)
            sizes.add(rows)
            certain += int(sure.sum())
            wrong += int(other.sum())
    assert wrong == 0
    assert certain >= 40 * (pools // 9)
    assert len(sizes) == (6 if pools == 9 else 9)
