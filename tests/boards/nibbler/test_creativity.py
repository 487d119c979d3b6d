"""The parts of creativity by hand, and what hangs on the weights by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dataperf_fast.boards.nibbler import creativity
from dataperf_fast.boards.nibbler.creativity import DIMENSIONS, FAILURES, TARGETS, WEIGHTS, Pair


def test_what_counts_is_what_most_raters_name():
    chosen = [frozenset("ab"), frozenset("a"), frozenset("c"), frozenset("c")]
    assert creativity.confirmed(chosen) == set()  # half of the raters is no majority
    assert creativity.confirmed([*chosen, frozenset("ac")]) == {"a", "c"}
    assert creativity.confirmed([]) == set()


def test_parts_by_hand():
    modes = list(DIMENSIONS)
    pairs = [
        Pair(frozenset(modes[:1]), frozenset(FAILURES[:2]), frozenset(["image_target_none"])),
        Pair(frozenset(modes[:1]), frozenset(FAILURES[:1]), frozenset(TARGETS[:1])),
        Pair(frozenset([*modes[1:2], "text_attack_other"]), frozenset(), frozenset()),
    ]
    parts = creativity.parts(pairs, np.eye(3), repeats=1)
    assert list(parts) == list(WEIGHTS)
    entropy = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    expected = {
        "attack coverage": 2 / 4, "attack entropy": entropy / math.log(4),
        "failure coverage": 2 / 4, "failure entropy": entropy / math.log(4),
        "target coverage": 1 / 10, "target entropy": 0.0,
        "mean distance": 1.0, "effective share": 1.0, "no duplicates": 2 / 3,
    }  # fmt: skip
    assert parts == pytest.approx(expected)
    assert creativity.score(parts) == pytest.approx(sum(WEIGHTS[name] * expected[name] for name in WEIGHTS))
    assert sum(WEIGHTS.values()) == pytest.approx(1)


def test_the_most_and_the_least():
    everything = Pair(frozenset(DIMENSIONS), frozenset(FAILURES), frozenset(TARGETS))
    assert creativity.score(creativity.parts([everything] * 4, np.eye(4), 0)) == pytest.approx(1)
    nothing = Pair(frozenset(), frozenset(), frozenset())
    assert creativity.score(creativity.parts([nothing] * 4, np.ones((4, 1)), 3)) == pytest.approx(0.1 / 4)


def test_ranks_by_other_weights():
    names = list(WEIGHTS)
    table = [{name: float(at == number % 9) for at, name in enumerate(names)} for number in range(3)]
    best = dict.fromkeys(names, 1.0)
    worst = dict.fromkeys(names, 0.0)
    found = creativity.sensitivity([*table, best, worst])
    assert [(one.rank, one.without_one, one.drawn) for one in found[3:]] == [(1, (1, 1), (1, 1)), (5, (4, 5), (5, 5))]
    for number, one in enumerate(found[:3]):
        ranks = []
        for left_out in names:
            scores = [
                round(sum(WEIGHTS[name] * of[name] for name in names if name != left_out), 12)
                for of in [*table, best, worst]
            ]
            ranks.append(1 + sum(score > scores[number] for score in scores))
        assert one.without_one == (min(ranks), max(ranks))
        assert one.drawn == (2, 4)
    # A part of its own against one that is a little better in all: by most weights, not by all, the second leads.
    own, other = worst | {names[0]: 1.0}, dict.fromkeys(names, 0.3)
    leads = np.mean(np.random.default_rng(1).dirichlet(np.ones(9), 20_000)[:, 0] > 0.3)
    assert 0.05 < leads < 0.1  # (1 - 0.3)^8
    assert creativity.sensitivity([own, other])[0].drawn == (1, 2)
    assert creativity.sensitivity([]) == []
