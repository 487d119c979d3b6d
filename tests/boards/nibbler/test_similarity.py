"""Near-duplicates against planted repeats and brute force; spread against its definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dataperf_fast.boards.nibbler import similarity, synth
from dataperf_fast.files.errors import InputError


@pytest.mark.parametrize("rate", [0.0, 0.15, 0.5])
def test_planted_repeats_are_found(rate):
    texts, planted = synth.prompts(1500, rate, np.random.default_rng(int(100 * rate)))
    found = similarity.near_duplicates(texts, similarity.terms_alone(), threads=2) >= 0
    assert found.sum() == pytest.approx((planted >= 0).sum(), abs=3)
    assert (found & (planted < 0)).sum() == 0
    assert abs(found.mean() - rate) < 0.04


def test_against_every_pair():
    texts, _ = synth.prompts(300, 0.4, np.random.default_rng(1))
    space = similarity.terms_alone()
    cosines = (space.rows(texts) @ space.rows(texts).T).toarray()
    expected = [next((j for j in range(i) if cosines[i, j] >= similarity.NEAR), -1) for i in range(len(texts))]
    found = similarity.near_duplicates(texts, space)
    same = [similarity.plain(text) for text in texts]
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        # The first of those that it repeats: by the words, or by another that is plainly the same.
        assert (one < 0) == (other < 0)
        assert one == other or same[one] == same[i]


def test_looks_do_not_matter_and_nothing_repeats_nothing():
    texts = [
        "A red fox, running!",
        "a RED fox running",
        "\uff41 red fox  running",
        "???",
        "!!",
        "a blue whale asleep",
        "",
    ]
    found = similarity.near_duplicates(texts, similarity.terms_alone())
    assert found.tolist() == [-1, 0, 0, -1, -1, -1, -1]
    assert similarity.near_duplicates([], similarity.terms_alone()).tolist() == []
    assert similarity.near_duplicates(["one"], similarity.terms_alone()).tolist() == [-1]


def test_any_embedding():
    vectors = {"a": [1, 0], "b": [0.99, 0.1], "c": [0, 2], "d": [-1, 0]}
    space = similarity.embedded(lambda texts: np.array([vectors[text] for text in texts]))
    assert similarity.near_duplicates(["a", "c", "b", "d"], space).tolist() == [-1, -1, 0, -1]


def test_a_template_is_the_same_whoever_else_is_there():
    generator = np.random.default_rng(4)
    others, _ = synth.prompts(500, 0.0, generator)
    words = (others[0] + " " + others[1]).split()[:20]
    made = [" ".join([*words[:9], f"zz{number}q", *words[10:]]) for number in range(30)]
    assert (similarity.near_duplicates(made, similarity.terms_alone()) >= 0).tolist() == [False] + [True] * 29
    beside = similarity.near_duplicates([*others[2:], *made], similarity.terms_alone())
    assert (beside[-30:] >= 0).tolist() == [False] + [True] * 29
    assert (beside[:-30] < 0).all()


def test_tf_idf_sees_kinds():
    texts, _ = synth.prompts(400, 0.0, np.random.default_rng(2))
    vectors = similarity.tf_idf(texts).embed([*texts[:3], *texts[:3]])
    assert similarity.effective_number(vectors) == pytest.approx(3, abs=0.3)
    np.testing.assert_allclose(vectors[:3], vectors[3:], atol=1e-12)


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros((2, 4)), np.full((3, 2), np.nan)])
def test_an_embedding_that_is_none(wrong):
    with pytest.raises(InputError, match=r"^own\['embedding'\]: gives an array of shape .*; expected 3 finite vectors"):
        similarity.embedded(lambda texts: wrong).embed(["a", "b", "c"])


@pytest.mark.parametrize(("count", "width"), [(40, 7), (7, 40), (12, 12)])
def test_spread_by_definition(count, width):
    generator = np.random.default_rng(count)
    vectors = similarity.unit(generator.standard_normal((count, width)))
    distances = [1 - one @ other for one, other in itertools.combinations(vectors, 2)]
    assert similarity.mean_distance(vectors) == pytest.approx(np.mean(distances), abs=1e-12)
    values = np.linalg.eigvalsh(vectors @ vectors.T / count)
    entropy = -sum(value * np.log(value) for value in values if value > 1e-14)
    assert similarity.effective_number(vectors) == pytest.approx(np.exp(entropy), rel=1e-9)


def test_the_effective_number_counts_kinds():
    kinds = np.eye(5)
    assert similarity.effective_number(np.repeat(kinds, 8, axis=0)) == pytest.approx(5)
    assert similarity.effective_number(kinds[:1]) == pytest.approx(1)
    assert similarity.mean_distance(np.repeat(kinds, 2, axis=0)) == pytest.approx(40 * 2 / 90)  # of 90 ordered pairs
    assert similarity.mean_distance(kinds[:1]) == 0.0
