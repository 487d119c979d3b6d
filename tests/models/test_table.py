"""Each frozen model has one name: of its class, its file, its line in the table, its keys and its records."""

from __future__ import annotations

import re

import pytest

import dataperf_fast as dpf
from dataperf_fast import boards
from dataperf_fast.models import table
from tests.test_caches import FROZEN


def kebab(name):
    return re.sub("(?<!^)(?=[A-Z])", "-", name).lower()


def test_the_table_has_every_model_once():
    assert {model.__name__ for model in table.MODELS.values()} == set(FROZEN)
    assert len(table.MODELS) == len(FROZEN)


@pytest.mark.parametrize("name", table.MODELS)
def test_class_file_and_table_agree(name):
    model = table.MODELS[name]
    assert kebab(model.__name__) == name == model.name
    assert model.__module__.rpartition(".")[2] == name.replace("-", "_")


def test_boards_name_models_of_the_table():
    used = [name for board in boards.NAMES if board != "nibbler" for name in boards.load(board).models]
    assert set(used) == set(table.MODELS)
    for board in boards.NAMES:
        assert len(set(boards.load(board).short_models)) == len(boards.load(board).models)


@pytest.mark.parametrize(
    ("board", "given", "meant"),
    [
        ("acquisition", "lr", "logistic-regression"),
        ("acquisition", "knn", "nearest-neighbours"),
        ("acquisition", "rf", "boosted-stumps"),
        ("acquisition", None, "logistic-regression"),
        ("debugging", "logistic", "logistic-optimum"),
        ("debugging", "svc", "support-vectors"),
        ("debugging", "knn", "neighbour-votes"),
        ("debugging", "xgb", "boosted-trees"),
        ("debugging", "neighbour-votes", "neighbour-votes"),
        ("debugging", None, "linear-net"),
        ("speech", None, "voting"),
        ("nibbler", "dawid-skene", "dawid-skene"),
    ],
)
def test_a_short_name_is_an_alias(board, given, meant):
    assert boards.load(board).model_named(given) == meant


@pytest.mark.parametrize("model", ["lr", "nearest-neighbours", "", "Linear-net"])
def test_another_name_is_refused(model):
    expected = "linear-net or logistic or svc or knn or xgb"
    with pytest.raises(dpf.InputError, match=f"^model: is '{model}'; expected {expected}$"):
        boards.load("debugging").model_named(model)


def test_a_record_has_the_name_whatever_was_given(suite):
    given = ("neighbour-votes", "knn")
    by_name, by_alias = (dpf.evaluate("debugging", suite, model=of, cache=False)[:4] for of in given)
    assert [(of.details, of.score) for of in by_name] == [(of.details, of.score) for of in by_alias]
    assert {of.details["model"] for of in by_name} == {"neighbour-votes"}
