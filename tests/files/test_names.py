"""Names find their other normal form, and only where one is meant."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from dataperf_fast.files.names import forms, spelled, spelled_path

# Of one character, of two, and with marks in an order of no normal form.
COMPOSED, DECOMPOSED = "n\u00e3o", "na\u0303o"
MIXED, MIXED_COMPOSED = "q\u0307\u0323", "q\u0323\u0307"


@pytest.mark.parametrize("word", [COMPOSED, "\uac00\ub098", "\u00c5ngstr\u00f6m", "\u1e69"])
def test_each_form_finds_the_other(word):
    composed, decomposed = (unicodedata.normalize(form, word) for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert forms(composed) == forms(decomposed) == {composed, decomposed}
    for name, known in ((composed, decomposed), (decomposed, composed)):
        assert spelled([name, "cat", name], {known, "cat"}) == [known, "cat", known]


def test_what_is_there_stays_and_so_does_what_is_not():
    both = [COMPOSED, DECOMPOSED]
    assert spelled(both, both) == both
    assert spelled(["nao", "owl", "\u00e9"], both) == ["nao", "owl", "\u00e9"]
    assert spelled([], both) == []
    assert spelled([MIXED], [MIXED_COMPOSED]) == [MIXED_COMPOSED]


def test_what_two_names_could_be_is_neither():
    assert spelled(["\u212bx"], ["\u00c5x", "A\u030ax"]) == ["\u212bx"]


def test_files(tmp_path: Path):
    (tmp_path / f"{DECOMPOSED}.parquet").write_text("")
    asked = tmp_path / f"{COMPOSED}.parquet"
    assert spelled_path(asked) == tmp_path / f"{DECOMPOSED}.parquet"
    asked.write_text("")
    assert spelled_path(asked) == asked
    for missing in (tmp_path / "\u00e9", tmp_path / "none" / "\u00e9", tmp_path / "cat"):
        assert spelled_path(missing) == missing
