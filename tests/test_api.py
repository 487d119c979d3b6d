"""docs/api.md is what the docstrings say, and they say all; test_docs.py runs its examples."""

from __future__ import annotations

import inspect

import pytest

import dataperf_fast as dpf
from dataperf_fast import parity, profiling
from tests.write_api import NAMES, PAGE, entries, page, public, sections

EVERY = [name for names in NAMES.values() for name in names]


def test_the_page_is_what_the_docstrings_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "docs/api.md is not up to date: make api"


def test_every_public_name_is_on_it():
    assert set(dpf.__all__) - {"__version__"} <= set(EVERY)
    assert {"parity.verify", "profile", "boards.board.Benchmark", "engine.plan.Plan"} <= set(EVERY)
    assert public("parity.verify") is parity.verify
    assert public("profile") is profiling.profile
    methods = {name.rpartition(".")[2] for name in EVERY if name.startswith("valuation.")}
    assert methods == {
        "Valuation", "NeighbourShapley", "LeaveOneOut", "MonteCarloShapley", "LogisticInfluence", "NetInfluence",
        "ConfidentLearning",
    }  # fmt: skip
    assert len(EVERY) == len(set(EVERY)) > 30


@pytest.mark.parametrize("name", EVERY)
def test_a_name_says_what_it_takes_gives_and_raises_and_shows_it(name):
    documented = public(name)
    said = sections(documented)
    assert said[""]
    assert ">>> " in said["Example"]
    if getattr(documented, "_is_protocol", False) or inspect.isabstract(documented):
        return
    of_names = entries(said.get("Args", "")) | entries(said.get("Attributes", ""))
    found = inspect.signature(documented)
    assert set(found.parameters) <= set(of_names)
    if inspect.isfunction(documented):
        assert "Raises" in said
        assert ("Returns" in said) == (found.return_annotation != "None")


def test_sections_are_read():
    def documented():
        """What it is.

        Args:
            one: of one
                line or two.
            two: ``of`` one.

        Returns:
            Something.
        """

    said = sections(documented)
    assert list(said) == ["", "Args", "Returns"]
    assert entries(said["Args"]) == {"one": "of one line or two.", "two": "``of`` one."}
    assert said["Returns"] == "Something."
