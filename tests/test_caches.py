"""One cache for several machines: what a library decides stays with its machine, what our arithmetic decides is shared.

The oracle is a run without a cache.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import pkgutil
import shutil
import sqlite3
import warnings
from dataclasses import asdict, replace

import numpy as np
import pytest

import dataperf_fast as dpf
from dataperf_fast import boards, models
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import machine, plan
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.finished import ResultCache
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.kernels import arithmetic
from dataperf_fast.kernels.folders import cache_folder
from dataperf_fast.models import relabelled
from tests import tasks
from tests.engine.test_engine import LABELS, VALUES, Sums, backend, pool

xgboost = pytest.importorskip("xgboost", reason="the extra 'xgb' is not installed")


class Elsewhere:
    """XGBoost as it answers on one machine or another: the nearest centre, or the farther one of every ninth row."""

    odd = False

    def __init__(self, **options):
        pass

    def fit(self, features, labels):
        self.centres = np.stack([features[labels == label].mean(axis=0) for label in (0, 1)])
        return self

    def predict(self, features):
        distances = ((features[:, None] - self.centres) ** 2).sum(axis=2)
        answers = distances.argmin(axis=1).astype(np.uint8)
        answers[::9] ^= Elsewhere.odd
        return answers


@pytest.fixture
def narrow(suite):
    """The suite with 16 of its features, which trains in no time."""
    tasks.narrow(suite)
    return suite


@pytest.fixture
def go_to(monkeypatch):
    """Go to a machine: its facts, and what its library answers; or only to another version or build of the library."""
    monkeypatch.setattr(xgboost, "XGBClassifier", Elsewhere)
    here = machine.facts()

    def go(other: bool, by: str = "facts"):
        monkeypatch.setattr(Elsewhere, "odd", other)
        changed = {
            "facts": (machine, "facts", lambda: f"{here}, but old"),
            "version": (xgboost, "__version__", "9.9.9"),
            "build": (xgboost, "build_info", lambda: {"GCC_VERSION": [1, 2, 3], "libxgboost": "there"}),
        }
        monkeypatch.setattr(*changed[by]) if other else None

    return go


def scores(data, model, cache):
    records = dpf.evaluate("debugging", data, model=model, backend="cpu", curve=True, cache=cache)
    return {
        (r.task, r.submission): (r.score, r.details.get("curve"), r.details.get("accuracy_before")) for r in records
    }


def move(way, tmp_path, monkeypatch):
    """Another machine finds the cache where it is, or a copy of it."""
    if way == "copied":
        shutil.copytree(cache_folder(), tmp_path / "copied")
        monkeypatch.setenv("DATAPERF_FAST_CACHE", str(tmp_path / "copied"))


@pytest.mark.parametrize("way", ["shared", "copied"])
@pytest.mark.parametrize("by", ["facts", "version", "build"])
def test_what_a_library_decides_stays_with_its_machine(way, by, narrow, go_to, tmp_path, monkeypatch):
    go_to(False)
    first = scores(narrow, "xgb", cache=True)
    assert first == scores(narrow, "xgb", cache=False)
    monkeypatch.setattr(Elsewhere, "odd", True)
    assert scores(narrow, "xgb", cache=True) == first  # it is kept, or this test could not fail
    move(way, tmp_path, monkeypatch)
    go_to(True, by)
    second = scores(narrow, "xgb", cache=True)
    assert second == scores(narrow, "xgb", cache=False)
    assert second != first


@pytest.mark.parametrize("way", ["shared", "copied"])
@pytest.mark.parametrize("model", ["logistic", "svc", "knn"])
def test_what_our_arithmetic_decides_is_shared(way, model, narrow, go_to, tmp_path, monkeypatch):
    go_to(False)
    alone = scores(narrow, model, cache=False)
    assert scores(narrow, model, cache=True) == alone
    move(way, tmp_path, monkeypatch)
    go_to(True)

    def refuse(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(relabelled.GroupTrainer, "train", refuse)
    assert scores(narrow, model, cache=True) == alone


def test_records_say_what_made_them(narrow, go_to, monkeypatch):
    go_to(False)
    for model in ("logistic", "svc", "knn"):
        records = dpf.evaluate("debugging", narrow, model=model, backend="cpu")
        assert {record.arithmetic for record in records} == {arithmetic.VERSION}
    records = dpf.evaluate("debugging", narrow, model="xgb", backend="cpu")
    assert {record.task for record in records} == {"synth00-flipped", "synth01", "mean"}
    [made] = {json.loads(record.to_json())["arithmetic"] for record in records}
    assert made.startswith(f"XGBoost {xgboost.__version__} (build ")
    assert made.endswith(f"numpy {np.__version__} on {machine.facts()}")
    go_to(True)
    [other] = {record.arithmetic for record in dpf.evaluate("debugging", narrow, model="xgb", backend="cpu")}
    assert other != made
    assert other.endswith("but old")


def test_a_mean_names_all_that_its_scores_are_made_with(narrow):
    board = boards.load("debugging")
    engine = Engine(backends.choose("cpu"))
    made = [board.record(str(task), "mine", 0.5, engine, model) for task, model in enumerate(("knn", "xgb"))]
    assert board.mean(made, 2, engine).arithmetic == f"{arithmetic.VERSION}; {made[1].arithmetic}"
    refused = board.invalid("2", "mine", dpf.InputError("file", "is odd"), engine)
    assert board.mean([made[1], refused], 2, engine).arithmetic == made[1].arithmetic


@pytest.mark.reference
def test_the_reference_leaves_nothing_in_the_cache_and_takes_nothing(narrow, reference):
    pytest.importorskip("torch", reason="the reference pipeline needs PyTorch: make test-reference")
    reference("debugging")
    ours = dpf.evaluate("debugging", narrow, model="knn", backend="cpu")
    with contextlib.closing(sqlite3.connect(cache_folder() / "retrains.sqlite")) as connection:
        before = connection.execute("SELECT * FROM retrains").fetchall()
        with connection:  # what it took from there would be seen
            connection.execute("UPDATE retrains SET outcome = zeroblob(length(outcome))")
    theirs = dpf.evaluate("debugging", narrow, model="knn", backend="reference", jobs=1)
    assert [record.score for record in theirs] == [record.score for record in ours]
    with contextlib.closing(sqlite3.connect(cache_folder() / "retrains.sqlite")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM retrains").fetchall() == [(len(before),)]
    [made] = {record.arithmetic for record in theirs}
    assert made.startswith("reference 1: scikit-learn 1.9.")
    assert ", openblas " in made
    assert made.endswith(" Haswell")
    assert "torch" not in made


def test_of_one_name_and_another_version_is_another_model():
    """One engine, one pool, twice a model of one name, as with another parameter."""

    class Tripled(Sums):
        version = "1, times 3"

        def train(self, rows, labels, seeds, exact):
            outcomes, certain = super().train(rows, labels, seeds, exact)
            outcomes["value"] *= 3
            return outcomes, certain

    engine, shared = Engine(backend()), pool()
    assert engine.run(Plan(shared, Sums(), LABELS)).values["value"].tolist() == VALUES
    tripled = engine.run(Plan(shared, Tripled(), LABELS)).values["value"].tolist()
    assert tripled == [3 * value for value in VALUES]


def frozen_models():
    """Every model that can be made, of every file of ``models/``."""
    found = {}
    for module in pkgutil.iter_modules(models.__path__, f"{models.__name__}."):
        for name, made in vars(importlib.import_module(module.name)).items():
            of_file = inspect.isclass(made) and made.__module__ == module.name
            if of_file and hasattr(made, "outcome") and hasattr(made, "bind") and not inspect.isabstract(made):
                found[name] = made
    return found


FROZEN = frozen_models()


def other_value(parameter):
    """Another value of a constructor's parameter than its default."""
    value = parameter.default
    assert isinstance(value, bool | int | float | str), f"{parameter}: say here what else it can be"
    return not value if isinstance(value, bool) else value * 2 + 1 if not isinstance(value, str) else value + "x"


def keys_that_parameters_leave(made):
    """The parameters of a constructor that are in no key."""

    def key(**given):
        model = made(**given)
        return Plan(pool(), model, LABELS[:1]).keys

    parameters = list(inspect.signature(made).parameters.values())
    return [p.name for p in parameters if key(**{p.name: other_value(p)}) == key()]


def test_the_models_are_found():
    assert {
        "BoostedStumps", "BoostedTrees", "LogisticOptimum", "LinearNet", "LogisticRegression", "NearestNeighbours",
        "NeighbourVotes", "SupportVectors", "Voting",
    } <= set(FROZEN)  # fmt: skip
    assert list(inspect.signature(FROZEN["Voting"]).parameters) == ["held_out"]  # of which the next test is


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_every_parameter_of_a_model_is_in_its_keys(name):
    assert keys_that_parameters_leave(FROZEN[name]) == []


def test_a_parameter_that_is_in_no_key_is_seen():
    class Penalized(Sums):
        def __init__(self, C=1.0, folds=5):
            super().__init__()
            self.version = f"1, {folds} folds"

    assert keys_that_parameters_leave(Penalized) == ["C"]


def test_no_two_models_share_keys():
    keys = [Plan(pool(), made(), LABELS[:1]).keys[0] for made in FROZEN.values()]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_a_model_of_our_arithmetic_has_its_version_in_its_keys_and_another_the_machine(name, monkeypatch):
    here = FROZEN[name]().version
    monkeypatch.setattr(machine, "facts", lambda: "another machine")
    there = FROZEN[name]().version
    if name == "BoostedTrees":
        assert here != there
    else:
        assert here == there
        assert f"arithmetic {arithmetic.VERSION}" in here.split(", ")


@pytest.mark.parametrize(
    "change",
    [
        lambda of: replace(of, labels=[of.labels[0].astype(np.int64)]),
        lambda of: replace(of, pool=replace(of.pool, features=of.pool.features.astype(np.float64))),
        lambda of: replace(of, pool=replace(of.pool, evaluation_features=of.pool.evaluation_features + 1)),
        lambda of: replace(of, pool=replace(of.pool, evaluation_labels=of.pool.evaluation_labels + 1)),
        lambda of: replace(of, pool=replace(of.pool, evaluation_labels=of.pool.evaluation_labels.astype(np.int64))),
        lambda of: replace(of, rows=[np.array([0, 1, 3, 2], np.int32)]),
        lambda of: replace(of, seeds=np.array([1])),
        lambda of: replace(of, labels=[1 - of.labels[0]]),
    ],
)
def test_whatever_a_retrain_is_made_of_is_in_its_key(change):
    whole = Plan(pool(), Sums(uses_seed=True), LABELS[:1])
    assert change(whole).keys != whole.keys
    assert replace(whole).keys == whole.keys


def test_a_row_counts_to_its_end(monkeypatch):
    """Rows may be longer than the block that is hashed at once."""
    monkeypatch.setattr(plan, "_BLOCK", 16)
    features = np.ones((1, 8), np.float32)
    ends_otherwise = features.copy()
    ends_otherwise[0, -1] = 2
    pools = [Pool(of, np.zeros((1, 8), np.float32), np.zeros(1, np.uint8)) for of in (features, ends_otherwise)]
    one, other = (Plan(of, Sums(), [np.ones(1, np.uint8)]).keys for of in pools)
    assert one != other


def test_a_row_has_the_key_that_finished_retrains_have():
    """Pinned: another one would throw away what users have kept."""
    assert Plan(pool(), Sums(), LABELS[:1]).keys[0].hex() == "13386d78983ade4897d6cc34a90dee3b"


def run(path):
    """A run that may warn that nothing is kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cache = ResultCache(path)
        found = Engine(backend(), cache).run(Plan(pool(), Sums(), LABELS))
        cache.close()
    return found.values["value"].tolist(), found.trained


def test_a_damaged_cache_gives_no_wrong_score(tmp_path):
    path = tmp_path / "retrains.sqlite"
    assert run(path) == (VALUES, 3)
    whole = path.read_bytes()
    used = [at for at, byte in enumerate(whole) if byte]
    trained = set()
    for at in used:
        for file in tmp_path.iterdir():
            file.unlink()
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        values, again = run(path)
        assert values == VALUES, at
        trained.add(again)
    assert trained >= {0, 1, 3}  # some bytes do not matter, some are an outcome, some the file's


FOREIGN = {
    "another version's": "UPDATE retrains SET outcome = x'07000000000000000100'",
    "zeros": "UPDATE retrains SET outcome = zeroblob(length(outcome))",
    "exchanged": "UPDATE retrains SET outcome = (SELECT max(outcome) FROM retrains)",
    "text": "UPDATE retrains SET outcome = 'eighteen letters..'",
    "a number": "UPDATE retrains SET outcome = 7",
    "nothing": "UPDATE retrains SET outcome = x''",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_others_put_there_is_not_known(name, tmp_path):
    path = tmp_path / "retrains.sqlite"
    run(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(FOREIGN[name])
    values, trained = run(path)
    assert values == VALUES
    assert trained >= 2  # of those exchanged one is its own
    assert run(path) == (VALUES, 0)


@pytest.mark.parametrize(
    "table", ["(key BLOB, outcome BLOB)", "(key BLOB PRIMARY KEY)", "(id, key, outcome)", "AS SELECT 1 AS x"]
)
def test_a_table_of_others_costs_time_and_nothing_else(table, tmp_path):
    path = tmp_path / "retrains.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE retrains {table}")
    assert run(path)[0] == VALUES
    assert run(path)[0] == VALUES


@pytest.mark.parametrize("board", boards.NAMES)
def test_versions_fit_into_a_store(board, monkeypatch):
    """And are those of the machine where a library has a say."""
    loaded = boards.load(board)
    monkeypatch.setattr(backends, "reference_made_with", lambda *of: "reference 1: " + " ".join(map(str, of)))
    ours, theirs = backends.choose("cpu"), backends.choose("reference")
    for model in (None, *loaded.models):
        versions = [loaded.version_on(model, of) for of in (ours, theirs)]
        assert versions[0] == loaded.version(model) != versions[1]
        assert max(map(len, versions)) <= 128
        with monkeypatch.context() as there:
            there.setattr(machine, "facts", lambda: "another machine")
            by_library = board == "nibbler" or model == "boosted-trees"
            assert (loaded.version(model) != versions[0]) == by_library


def test_two_references_are_kept_apart(monkeypatch):
    board, theirs = boards.load("vision"), backends.choose("reference")
    versions = set()
    for made in (
        "reference 1: scikit-learn 1.9.1",
        "reference 1: scikit-learn 1.9.2",
        "reference 2: scikit-learn 1.9.1",
    ):
        monkeypatch.setattr(backends, "reference_made_with", lambda *of, made=made: made)
        versions.add(board.version_on(None, theirs))
        record = board.record("task", "mine", 0.5, Engine(theirs))
        assert asdict(record)["arithmetic"] == made
    assert len(versions) == 3
