"""The support vector classifier, bit for bit against scikit-learn's, and against what a solution must satisfy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.svm import SVC

from dataperf_fast.kernels.svm import gram, platt, smo, svc
from tests import long
from tests.problems import board, small_problem

pytestmark = pytest.mark.parity

GOLDEN = Path(__file__).parents[3] / "data" / "golden" / "svc.json"
needs_probability = pytest.mark.skipif(
    "probability" not in SVC().get_params(), reason="this scikit-learn has no SVC(probability=True); goldens stand in"
)


def check(oracle, features, labels, seed, rows):
    ours = svc.fit(features, labels, np.array([seed]))
    theirs, expected = oracle.fit(SVC(probability=True, random_state=seed), features, labels, predict_proba=rows)
    np.testing.assert_array_equal(ours.a[0], theirs._probA)
    np.testing.assert_array_equal(ours.b[0], theirs._probB)
    np.testing.assert_array_equal(-ours.rho, theirs._intercept_)
    np.testing.assert_array_equal(ours.iterations, theirs.n_iter_)
    np.testing.assert_array_equal(ours.order[(ours.coefficients != 0).any(axis=0)], theirs.support_)
    probabilities = svc.predict_proba(ours, features, rows)[0]
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), expected.argmax(axis=1))


@needs_probability
@pytest.mark.parametrize("part", long.after(2, range(6)))
def test_three_thousand_problems_equal_scikit_learns_to_the_last_bit(oracle, part):
    generator = np.random.default_rng([17, part])
    for _ in range(500):
        check(oracle, *small_problem(generator))


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text())["problems"], ids=lambda case: case["name"])
def test_goldens(case):
    features, labels, seed, rows = small_problem(np.random.default_rng(case["generator"]))
    ours = svc.fit(features, labels, np.array([seed]))
    assert ours.a[0].tolist() == case["a"]
    assert ours.b[0].tolist() == case["b"]
    assert ours.rho.tolist() == case["rho"]
    assert ours.iterations.tolist() == case["iterations"]
    np.testing.assert_allclose(svc.predict_proba(ours, features, rows)[0], case["probabilities"], rtol=0, atol=1e-9)


def test_one_solve_serves_every_seed():
    features, labels, _, _ = board(3, training=40, evaluation=1, width=20)
    seeds = np.array([5, 69, 0])
    together = svc.fit(features, labels, seeds)
    for number, seed in enumerate(seeds):
        alone = svc.fit(features, labels, seeds[number : number + 1])
        np.testing.assert_array_equal(together.a[number], alone.a[0])
        np.testing.assert_array_equal(together.b[number], alone.b[0])
        assert seed == 5 or not np.array_equal(together.a[number], together.a[0])


@pytest.mark.parametrize("seed", range(20))
def test_a_solution_is_optimal(seed):
    """The optimality conditions of the dual, which the solver promises to 1e-3, on the float32 Q that it is given."""
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((40, 5))
    y = np.where(features[:, 0] + generator.standard_normal(40) > 0, 1, -1)
    kernel, _ = gram.gram(features, gram.scale_gamma(features))
    q = (y[:, None] * y * kernel).astype(np.float32)
    alpha = np.empty(40)
    rho, iterations = smo.solve_c_svc(q, y, alpha, smo.new_room(len(y)))
    assert iterations > 5
    assert ((alpha >= 0) & (alpha <= 1)).all()
    assert abs(alpha @ y) < 1e-12
    slope = -y * (q.astype(np.float64) @ alpha - 1)
    up = np.where(y > 0, alpha < 1, alpha > 0)
    down = np.where(y > 0, alpha > 0, alpha < 1)
    assert slope[up].max() - slope[down].min() < 1.0001e-3
    free = (alpha > 0) & (alpha < 1)
    np.testing.assert_allclose(-slope[free], rho, atol=1.0001e-3)


@pytest.mark.parametrize("seed", range(20))
def test_a_start_from_other_labels_ends_at_the_same_optimum(seed):
    """Cold and warm, in float64 down to 1e-10: the duality gap, and the decision values."""
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((60, 5))
    y = np.where(features[:, 0] + generator.standard_normal(60) > 0, 1, -1)
    kernel, _ = gram.gram(features, gram.scale_gamma(features))

    def improve(y, alpha):
        q = y[:, None] * y * kernel
        rho, iterations = smo.improve(q, y, alpha, 1e-10, smo.new_room(len(y)))
        margins = y * (kernel @ (alpha * y) - rho)
        gap = alpha @ q @ alpha + np.maximum(0, 1 - margins).sum() - alpha.sum()
        assert abs(gap) < 1e-8
        assert abs(alpha @ y) < 1e-12
        return kernel @ (alpha * y) - rho, iterations

    before = np.zeros(60)
    improve(y, before)
    changed = y.copy()
    changed[generator.permutation(60)[: 1 + seed % 3]] *= -1
    warm, cold = np.where(changed == y, before, 0.0), np.zeros(60)
    smo.balance(changed, warm)
    assert abs(warm @ changed) < 1e-12
    assert ((warm >= 0) & (warm <= before)).all()
    from_warm, steps = improve(changed, warm)
    from_cold, _ = improve(changed, cold)
    np.testing.assert_allclose(from_warm, from_cold, rtol=0, atol=1e-8)
    np.testing.assert_allclose(warm, cold, rtol=0, atol=1e-8)
    room = smo.new_room(len(y))
    assert smo.improve(changed[:, None] * changed * kernel, changed, warm, 1e-10, room)[1] == 0 < steps


def test_the_sigmoid_is_the_maximum_of_its_likelihood():
    generator = np.random.default_rng(0)
    y = np.where(generator.random(200) < 0.4, 1, -1)
    decisions = y * 0.7 + generator.standard_normal(200)
    a, b = platt.sigmoid_train(decisions, y)
    positive, negative = (y > 0).sum(), (y < 0).sum()
    target = np.where(y > 0, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(a, b):
        p = 1 / (1 + np.exp(a * decisions + b))
        return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum()

    assert a < 0
    best = loss(a, b)
    for da, db in ((1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3)):
        assert loss(a + da, b + db) > best


def test_shuffles_are_permutations_and_differ():
    orders = [platt.shuffled(seed, 30) for seed in range(50)]
    for order in orders:
        assert sorted(order) == list(range(30))
    assert len({order.tobytes() for order in orders}) == 50


def test_constant_rows_have_gamma_one():
    assert gram.scale_gamma(np.full((4, 3), 2.5, np.float32)) == 1.0


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 2, 2], []])
def test_labels_that_cannot_be_fitted(labels):
    with pytest.raises(ValueError, match="labels must hold each of"):
        svc.fit(np.zeros((len(labels), 2), np.float32), np.array(labels, int), np.array([0]))
