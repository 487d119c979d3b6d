"""Arguments of the public functions that are of another kind: one line, which names the argument as Python does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dataperf_fast as dpf
from dataperf_fast import cli
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.files.errors import ArgumentError

DATA = Path(__file__).parents[2] / "data" / "debugging"
TASKS = {"t": {"train": (np.eye(4), [0, 1, 0, 1]), "ground_truth": [0, 1, 1, 1], "test": (np.eye(4)[:2], [0, 1])}}
ORDERS = {"mine": {"t": [2, 0, 1, 3]}}
PATHS = "a path or a list of paths; score takes what is in memory"
OPEN = "the one of `with open_engine() as engine`, or None"
NAMES = "speech or vision or debugging or acquisition or nibbler"


def score(**given):
    return dpf.score("debugging", TASKS, ORDERS, **{"model": "logistic", **given})


def evaluate(*given, **named):
    return dpf.evaluate("debugging", *(given or (DATA,)), **{"model": "knn", **named})


def open_engine(*given, **named):
    with dpf.open_engine(*given, **named) as engine:
        return engine


WRONG = [
    (lambda: score(engine="cpu"), "engine: is a str", OPEN),
    (lambda: score(engine=dpf.open_engine()), "engine: is a _GeneratorContextManager", OPEN),
    (lambda: evaluate(engine=backends.choose("cpu")), "engine: is a Backend", OPEN),
    (lambda: score(jobs="2"), "jobs: is '2'", "a whole number from 1"),
    (lambda: evaluate(jobs=1.5), "jobs: is 1.5", "a whole number from 1"),
    (lambda: score(jobs=True), "jobs: is True", "a whole number from 1"),
    (lambda: dpf.profile("debugging", DATA, jobs=0), "jobs: is 0", "a whole number from 1"),
    (lambda: open_engine(jobs="all"), "jobs: is 'all'", "a whole number from 1"),
    (lambda: score(backend="gpu"), "backend: is 'gpu'", "auto or cpu or cuda or reference or reference-cuml"),
    (lambda: score(backend=None), "backend: is None", "auto or cpu or cuda or reference or reference-cuml"),
    (lambda: score(model="lr"), "model: is 'lr'", "linear-net or logistic or svc or knn or xgb"),
    (lambda: score(own=["curve"]), "own: is a list", "a mapping from options to values"),
    (lambda: score(own={"nope": 1}), "own['nope']: has no meaning for debugging", "curve"),
    (
        lambda: dpf.score("speech", {}, {}, own={"curve": True}),
        "own['curve']: has no meaning for speech",
        "none: the board has no options",
    ),
    (lambda: dpf.evaluate("x", DATA), "benchmark: is 'x'", NAMES),
    (lambda: dpf.score(None, TASKS, ORDERS), "benchmark: is None", NAMES),
    (lambda: evaluate(TASKS), "data: is a dict", "a path; score takes what is in memory"),
    (lambda: evaluate(None), "data: is nothing", "a path; score takes what is in memory"),
    (lambda: dpf.profile("debugging", TASKS), "data: is a dict", "a path; score takes what is in memory"),
    (lambda: dpf.open_market({}, 0), "data: is a dict", "a folder's path"),
    (lambda: evaluate(DATA, ORDERS), "submissions: is a dict", PATHS),
    (lambda: dpf.profile("debugging", DATA, ORDERS), "submissions: is a dict", PATHS),
    (lambda: evaluate(DATA, {"a", "b"}), "submissions: is a set, which has no order", PATHS),
    (lambda: evaluate(DATA, 5), "submissions: is a int", PATHS),
    (lambda: evaluate(DATA, [DATA, 5]), "submissions[1]: is a int", "a path; score takes what is in memory"),
    (lambda: evaluate(out=5), "out: is a int", "a folder's path"),
    (lambda: score(out=[]), "out: is a list", "a folder's path"),
    (lambda: evaluate(out=""), "out: is ''", "a folder's path"),
    (lambda: dpf.evaluate("debugging", ""), "data: is ''", "a path"),
    (lambda: dpf.evaluate("debugging", "data", ""), "submissions: is ''", "a path"),
    (lambda: open_engine(2), "board: is 2", "a board, its name or None; jobs=2 is two threads"),
    (lambda: open_engine("nope"), "benchmark: is 'nope'", NAMES),
    (lambda: dpf.to_arrow(None), "records: is nothing", "a list of records, as evaluate and score return them"),
    (lambda: dpf.to_frame(None), "records: is nothing", "a list of records, as evaluate and score return them"),
    (lambda: dpf.to_frame({}), "records: is a dict", "a list of records, as evaluate and score return them"),
]


@pytest.mark.parametrize(("call", "problem", "expected"), WRONG, ids=[problem for _, problem, _ in WRONG])
def test_an_argument_of_another_kind_is_a_line(call, problem, expected):
    with pytest.raises(dpf.InputError) as caught:
        call()
    assert caught.value.line == f"{problem}; expected {expected}"


def test_no_submission_is_a_line():
    with pytest.raises(dpf.InputError, match=r"^submissions: names nothing$"):
        evaluate(DATA, [])


def test_an_engine_is_opened_for_a_board_by_its_name():
    with dpf.open_engine("debugging", "knn", "cpu", 1, cache=False) as engine:
        assert isinstance(engine, Engine)
        assert {record.status for record in evaluate(engine=engine)} == {"ok"}


def test_the_command_line_names_its_options(capsys):
    assert cli.main(["evaluate", "debugging", str(DATA), "--model", "lr"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "dataperf-fast: --model: is 'lr'; expected linear-net or logistic or svc or knn or xgb"
    ]
    with pytest.raises(SystemExit, match="2"):
        cli.main(["evaluate", "debugging", str(DATA), "--jobs", "0"])
    assert capsys.readouterr().err.endswith("argument --jobs: is '0'; expected a whole number from 1\n")
    error = ArgumentError("own['over_budget']", "is", value=-1, expected="0 or more")
    assert (error.line, error.as_option()) == (
        "own['over_budget']: is -1; expected 0 or more", "--over-budget: is -1; expected 0 or more",
    )  # fmt: skip


def test_columns_are_named_by_numbers():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.column_stack([np.eye(4), [0, 1, 0, 1]]))
    with pytest.raises(dpf.InputError) as caught:
        dpf.score("debugging", {"t": TASKS["t"] | {"train": frame}}, ORDERS, model="logistic")
    assert caught.value.line == (
        "data['t']['train']: has no column 'encoding'; expected the train embeddings of task t: a table with the "
        "columns encoding, label"
    )


def test_records_may_come_one_by_one():
    records = score()
    assert dpf.to_arrow(iter(records)).equals(dpf.to_arrow(records))
    assert dpf.to_arrow(records).num_rows == 1
