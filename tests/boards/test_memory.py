"""``score`` gives of what is in memory the records that ``evaluate`` gives of the same in files, on every board."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

import dataperf_fast as dpf
from dataperf_fast import boards
from dataperf_fast.boards.acquisition import baselines as acquisition_baselines
from dataperf_fast.boards.acquisition import synth as made_markets
from dataperf_fast.boards.board import Benchmark
from dataperf_fast.boards.nibbler import synth as made_rounds
from dataperf_fast.boards.speech import baselines as speech_baselines
from dataperf_fast.boards.speech import synth as made_speech
from dataperf_fast.boards.vision import synth as made_images
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.models.logistic_regression import LogisticRegression

from . import in_memory

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
MARKETS = replace(made_markets.SCALES["small"], markets=2, sellers=3, rows=40, buyer=30)
IMAGES = replace(made_images.SCALES["small"], concepts=2, pool=300, train=40, test=30)


@pytest.fixture
def engine() -> Engine:
    return Engine(backends.choose("cpu", 1))


def test_debugging(engine):
    data = ROOT / "data" / "debugging"
    expected = dpf.evaluate("debugging", data, engine=Engine(engine.backend), model="logistic", curve=True)
    found = dpf.score("debugging", *in_memory.debugging(data), engine=engine, model="logistic", curve=True)
    assert in_memory.comparable(found) == in_memory.comparable(expected)
    assert [record.status for record in found] == ["ok"] * 6


def test_vision(engine, tmp_path):
    list(made_images.write(tmp_path, IMAGES, 0))
    expected = dpf.evaluate("vision", tmp_path, engine=Engine(engine.backend))
    data, submissions = in_memory.vision(tmp_path)
    found = dpf.score("vision", data, submissions, engine=engine)
    assert in_memory.comparable(found) == in_memory.comparable(expected)
    assert [record.status for record in found] == ["ok"] * 3
    [(name, sets)] = submissions.items()
    as_tables = {task: pa.table({"ImageID": list(of), "Confidence": list(of.values())}) for task, of in sets.items()}
    as_columns = {task: {"ImageID": list(of), "Confidence": np.array(list(of.values()))} for task, of in sets.items()}
    for other in (as_tables, as_columns):
        again = dpf.score("vision", data, {name: other}, engine=engine)
        assert in_memory.comparable(again) == in_memory.comparable(expected)


def test_acquisition(engine, tmp_path):
    list(made_markets.write(tmp_path, MARKETS, 0))
    acquisition_baselines.write(tmp_path, tmp_path / "plans", ["uniform"], 0, engine)
    plans = tmp_path / "plans" / "uniform"
    expected = dpf.evaluate("acquisition", tmp_path, plans, engine=Engine(engine.backend))
    found = dpf.score("acquisition", *in_memory.acquisition(tmp_path, plans), engine=engine)
    assert in_memory.comparable(found) == in_memory.comparable(expected)
    assert [record.status for record in found] == ["ok"] * 3


def test_speech(engine, tmp_path):
    list(made_speech.write(tmp_path / "data", made_speech.SCALES["small"], 0))
    speech_baselines.write(tmp_path / "data", tmp_path / "handed-in", ["random"], 0, engine)
    handed_in = tmp_path / "handed-in"
    expected = dpf.evaluate("speech", tmp_path / "data", handed_in, engine=Engine(engine.backend))
    data, submissions = in_memory.speech(tmp_path / "data", handed_in)
    found = dpf.score("speech", data, submissions, engine=engine)
    assert in_memory.comparable(found) == in_memory.comparable(expected)
    assert {record.status for record in found} == {"ok"}
    assert len(found) == len(list(handed_in.rglob("*.json"))) > 1


@pytest.mark.parametrize("form", ["lines", "columns"])
def test_nibbler(form, engine, tmp_path):
    data = tmp_path / "round"
    list(made_rounds.write(data, made_rounds.SCALES["small"], 0))
    parts = {}
    for name in ("submitted", "attempted", "ratings"):
        paths = sorted((data / name).glob("*.jsonl")) if (data / name).is_dir() else []
        rows = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
        names = dict.fromkeys(name for row in rows for name in row)
        if rows:
            parts[name] = rows if form == "lines" else {name: [row.get(name) for row in rows] for name in names}
    assert "submitted" in parts
    expected = dpf.evaluate("nibbler", data, engine=Engine(engine.backend))
    found = dpf.score("nibbler", parts, engine=engine)
    assert in_memory.comparable(found) == in_memory.comparable(expected)
    assert "ok" in {record.status for record in found}


def shared(board: str) -> Path:
    if not (SHARED / board).is_dir():
        pytest.skip(f"no {SHARED / board}: tests of real recordings need it")
    return SHARED / board


def test_real_images(engine):
    data = shared("vision")
    expected = dpf.evaluate("vision", data, engine=Engine(engine.backend))
    assert in_memory.comparable(dpf.score("vision", *in_memory.vision(data), engine=engine)) == in_memory.comparable(
        expected
    )


def test_a_real_market(engine):
    data = shared("acquisition")
    plans = data / "submission" / "uniform"
    expected = dpf.evaluate("acquisition", data, plans, engine=Engine(engine.backend))
    found = dpf.score("acquisition", *in_memory.acquisition(data, plans), engine=engine)
    assert in_memory.comparable(found) == in_memory.comparable(expected)


# What is wrong with arguments, board by board, and the one line that says so.
TASK = {
    "train": (np.eye(4), [0, 1, 0, 1]),
    "ground_truth": [0, 1, 1, 1],
    "test": (np.eye(4)[:2], [0, 1]),
}
IMAGE = {
    "embeddings": (["a", "b", "c"], np.eye(3)),
    "test_sets": {"Hawk": (np.eye(3), [0, 1, 1])},
}
MARKET = {"sellers": [(np.eye(4), [0, 1, 0, 1])] * 2, "buyer": (np.eye(4), [0, 1, 1, 0]), "prices": [4, 8], "budget": 9}
CLIPS = {"clip_id": ["cat/1", "cat/2", "dog/1", "dog/2"], "mswc_embedding_vector": np.eye(4)}
LANGUAGE = {
    "allowed_training_set": {"targets": {"cat": ["cat/1", "cat/2"]}, "nontargets": ["dog/1", "dog/2"]},
    "train_embeddings": CLIPS,
    "eval": {"targets": {"cat": ["cat/1"]}, "nontargets": ["dog/1"]},
    "eval_embeddings": CLIPS,
}
ORDER, SET, PLAN = [2, 0, 1, 3], {"a": 0, "b": 1}, [1, 2]
CHOSEN = {"targets": {"cat": ["cat/1"]}, "nontargets": ["dog/2"]}
PAIR = {
    "pair": "1", "participant": "me", "submitted": "2025-01-01T00:00:00Z", "prompt": "secret", "prompt_type": "benign",
    "image": "i",
}  # fmt: skip
WRONG = [
    (
        "debugging",
        {"t": TASK},
        {"mine": {"t": [2, 0, 1, 2]}},
        "submissions['mine']['t']: position 3: repeats position 0's row 2",
        "each row 0 to 3 once, one a line",
    ),
    (
        "debugging",
        {"t": TASK},
        {"mine": {"t": [2, 0, 1.5, 3]}},
        "submissions['mine']['t']: position 2: holds no integer: '1.5'",
        "each row 0 to 3 once, one a line",
    ),
    ("debugging", {"t": TASK}, {"mine": {"u": ORDER}}, "submissions['mine']: holds the key 'u'", "a task, t"),
    (
        "debugging",
        {"t": TASK},
        {"mine": ORDER},
        "submissions['mine']: is a list",
        "a mapping from a task, t, to an order of inspection",
    ),
    (
        "debugging",
        {"t": TASK | {"ground_truth": [0, 1, 2, 1]}},
        {"mine": {"t": ORDER}},
        "data['t']['ground_truth']: row 2: holds 2",
        "0 or 1",
    ),
    (
        "debugging",
        {"t": TASK | {"ground_truth": [0, 1]}},
        {"mine": {"t": ORDER}},
        "data['t']['ground_truth']: holds 2 labels",
        "4, one a training row",
    ),
    (
        "debugging",
        {"t": TASK | {"train": (np.full((4, 4), np.nan), [0, 1, 0, 1])}},
        {"mine": {"t": ORDER}},
        "data['t']['train']: row 0, element 0: column encoding holds nan",
        "a finite number",
    ),
    (
        "debugging",
        {"t": {"train": TASK["train"], "tests": TASK["test"]}},
        {"mine": {"t": ORDER}},
        "data['t']: holds the key 'tests'",
        "'test'",
    ),
    (
        "debugging",
        {"t": TASK | {"train": (np.eye(4) * 1e39, [0, 1, 0, 1])}},
        {"mine": {"t": ORDER}},
        "data['t']['train']: row 0, element 0: column encoding holds 1e+39",
        "a finite number in float32, which ends at 3.4e+38",
    ),
    ("vision", IMAGE, {"mine": {"Hawk": {"a": 0, "b": 2}}}, "submissions['mine']['Hawk']: 'b': holds 2", "0 or 1"),
    (
        "vision",
        IMAGE,
        {"mine": {"Hawk": {"a": 0, "z": 1}}},
        "submissions['mine']['Hawk']: 'z': names an unknown image 'z'",
        "an ImageID of data['embeddings']",
    ),
    (
        "vision",
        IMAGE,
        {"mine": {"Hawk": (["a", "a"], [0, 1])}},
        "submissions['mine']['Hawk']: row 1: repeats row 0's ImageID 'a'",
        "each image once",
    ),
    (
        "vision",
        IMAGE | {"test_sets": {"Hawk": (np.eye(2), [0, 1])}},
        {"mine": {"Hawk": SET}},
        "data['test_sets']['Hawk']: row 0: column embedding holds a vector of length 2",
        "length 3",
    ),
    (
        "acquisition",
        {0: MARKET},
        {"mine": {0: [1, 5]}},
        "submissions['mine'][0]: position 1, seller 1: buys too many rows: 5",
        "at most 4, the rows that it has",
    ),
    (
        "acquisition",
        {0: MARKET},
        {"mine": {0: [1]}},
        "submissions['mine'][0]: position 0: lists 1 counts",
        "2, one a seller",
    ),
    (
        "acquisition",
        {0: MARKET},
        {"mine": {0: [4, 4]}},
        "submissions['mine'][0]: costs 12.00",
        "at most 9, the budget; --over-budget PERCENT, own={'over_budget': PERCENT}, allows more",
    ),
    (
        "acquisition",
        {0: MARKET | {"prices": [4, -1]}},
        {"mine": {0: PLAN}},
        "data[0]['prices']: position 1: holds '-1'",
        "a number from 0",
    ),
    (
        "acquisition",
        {0: MARKET | {"buyer": (np.eye(4), [0, 1, 0.5, 1])}},
        {"mine": {0: PLAN}},
        "data[0]['buyer']: row 2: holds the label 0.5",
        "a whole number, the class",
    ),
    (
        "speech",
        {"en": LANGUAGE},
        {"mine": {"en_25": CHOSEN | {"nontargets": ["dog/3"]}}},
        "submissions['mine']['en_25']: nontargets[0]: is not allowed here: 'dog/3'",
        "a clip of nontargets in the allowed training set",
    ),
    (
        "speech",
        {"en": LANGUAGE},
        {"mine": {"pt_25": CHOSEN}},
        "submissions['mine']: holds the key 'pt_25'",
        "a task, en_25 or en_60",
    ),
    (
        "speech",
        {"en": LANGUAGE},
        {"mine": {"en_25": {"targets": {}}}},
        "submissions['mine']['en_25']: has no key 'nontargets'",
        "the keys targets and nontargets",
    ),
    (
        "speech",
        {"en": LANGUAGE | {"eval_embeddings": (["cat/1"], np.eye(4)[:1])}},
        {"mine": {"en_25": CHOSEN}},
        "data['en']['eval_embeddings']: holds no clip_id 'dog/1'",
        "all clips that are listed",
    ),
    (
        "debugging",
        {"t": TASK},
        {"mine": {"t": set(ORDER)}},
        "submissions['mine']['t']: is a set, which has no order",
        "each row 0 to 3 once",
    ),
    (
        "speech",
        {"en": LANGUAGE},
        {"mine": {"en_25": CHOSEN | {"targets": {"cat": {"cat/1"}}}}},
        "submissions['mine']['en_25']['targets']['cat']: is a set, which has no order",
        "a list of clip ids",
    ),
    (
        "speech",
        {"en": LANGUAGE},
        {"mine": {"en_25": CHOSEN | {"nontargets": frozenset({"dog/2"})}}},
        "submissions['mine']['en_25']['nontargets']: is a frozenset, which has no order",
        "a list of clip ids",
    ),
    (
        "acquisition",
        {0: MARKET},
        {"mine": {0: {1, 2}}},
        "submissions['mine'][0]: is a set, which has no order",
        "2 whole numbers from 0, one a seller",
    ),
    (
        "acquisition",
        {0: MARKET | {"buyer": (np.eye(4), {0, 1})}},
        {"mine": {0: PLAN}},
        "data[0]['buyer'][1]: is a set, which has no order",
        "features (n, d) and labels (n,), or a matrix of both, label last",
    ),
    (
        "vision",
        IMAGE,
        {"mine": {"Hawk": ({"a", "b"}, [0, 1])}},
        "submissions['mine']['Hawk'][0]: is a set, which has no order",
        "a training set, {ImageID: 0 or 1}, or a table of the columns ImageID and Confidence: a table with the columns "
        "ImageID, Confidence",
    ),
    (
        "nibbler",
        {"submitted": [PAIR | {"submitted": "yesterday"}]},
        None,
        "data['submitted']: row 0, submitted: holds text of 9 characters",
        "an ISO 8601 date-time",
    ),
    (
        "nibbler",
        {"submitted": [{"prompt": ["secret"]}]},
        None,
        "data['submitted']: row 0, prompt: holds a list of text of 6 characters",
        "text",
    ),
    (
        "nibbler",
        {},
        {"you": [PAIR]},
        "submissions['you']: row 0, participant: is 'me'",
        "'you', whose submission it is",
    ),
    ("nibbler", {}, {"me": []}, "submissions['me']: holds no pair", "pairs of a prompt and an image"),
    (
        "nibbler",
        {},
        None,
        "data: has no key 'submitted'",
        "a mapping of submitted, and perhaps attempted and ratings: lists or tables of records",
    ),
]


@pytest.mark.parametrize(("board", "data", "submissions", "problem", "expected"), WRONG)
def test_what_is_wrong_is_a_line_that_names_the_argument(board, data, submissions, problem, expected, engine):
    model = "logistic" if board == "debugging" else None
    try:
        records = dpf.score(board, data, submissions, engine=engine, model=model)
    except dpf.InputError as error:
        lines = {error.line}
    else:
        assert not problem.startswith("data[") or board == "nibbler"  # which counts the rest of a round
        lines = {record.error for record in records}
        assert {record.status for record in records} == {"invalid"}
    assert lines == {f"{problem}; expected {expected}"}


def test_what_is_wrong_with_data_ends_the_call_and_what_an_order_brings_about_does_not(engine):
    vectors = np.arange(20.0).reshape(10, 2)
    task = {"train": (vectors, [0, 1] * 5), "ground_truth": [0] + [1] * 9, "test": (vectors, [0, 1] * 5)}
    few = {name: given[:8] if name == "ground_truth" else (given[0][:8], given[1][:8]) for name, given in task.items()}
    for model, bad, line in (
        ("knn", few, "data['t']['train']: after 0 inspections: cannot train knn on 8 rows of 2 classes; "
         "expected 9 rows or more"),
        ("svc", task | {"ground_truth": [1] * 10}, "data['t']['train']: after 9 inspections: cannot train svc on 10 "
         "rows of 1 class; expected two classes or more"),
    ):  # fmt: skip
        orders = {"mine": {"t": range(len(bad["ground_truth"]))}}
        with pytest.raises(dpf.InputError) as caught:
            dpf.score("debugging", {"t": bad}, orders, engine=engine, model=model)
        assert caught.value.line == line
        assert str(pickle.loads(pickle.dumps(caught.value))) == line
    task["train"] = (vectors, [1, 0] + [1] * 8)
    found = dpf.score(
        "debugging", {"t": task}, {"data['x']": {"t": range(10)}, "b": {"t": [1, 0, *range(2, 10)]}},
        engine=engine, model="svc",
    )  # fmt: skip
    assert {record.submission: (record.status, record.error) for record in found} == {
        "data['x']": ("ok", None),
        "b": ("invalid", "submissions['b']['t']: after 1 inspections: cannot train svc on 10 rows of 1 class; "
              "expected two classes or more"),
    }  # fmt: skip


def test_a_submission_that_is_named_like_data_and_has_no_mean_ends_nothing(engine):
    found = dpf.score(
        "debugging", {"t": TASK, "u": TASK}, {"data['t']": {"t": [0], "u": ORDER}}, engine=engine, model="logistic"
    )
    assert [(record.task, record.status) for record in found] == [("t", "invalid"), ("u", "ok"), ("mean", "invalid")]


def test_an_order_for_one_task_of_two_has_no_mean_and_a_warning_says_why(engine):
    submissions = {"one": {"t": ORDER}, "both": {"t": ORDER, "u": ORDER}}
    with pytest.warns(UserWarning, match=r"^one: has no mean, being for 1 of 2 tasks$"):
        found = dpf.score("debugging", {"t": TASK, "u": TASK}, submissions, engine=engine, model="logistic")
    assert [record.submission for record in found if record.task == "mean"] == ["both"]


def test_a_series_is_labels_by_image(engine):
    pandas = pytest.importorskip("pandas")
    expected = dpf.score("vision", IMAGE, {"mine": {"Hawk": SET}}, engine=engine)
    found = dpf.score("vision", IMAGE, {"mine": {"Hawk": pandas.Series(SET)}}, engine=engine)
    assert in_memory.comparable(found) == in_memory.comparable(expected)
    twice = pandas.Series([0, 1, 1], ["a", "b", "a"])
    [record] = dpf.score("vision", IMAGE, {"mine": {"Hawk": twice}}, engine=engine)
    line = "submissions['mine']['Hawk']: row 2: repeats row 0's ImageID 'a'; expected each image once"
    assert (record.status, record.error) == ("invalid", line)


def test_the_rest_is_scored(engine):
    records = dpf.score(
        "debugging", {"t": TASK}, {"mine": {"t": ORDER}, "broken": {"t": [0]}, "lost": {"u": ORDER}},
        engine=engine, model="logistic",
    )  # fmt: skip
    assert {record.submission: record.status for record in records} == {
        "mine": "ok", "broken": "invalid", "lost": "invalid",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("board", "data"), [("debugging", []), ("speech", {}), ("vision", None), ("acquisition", 3), ("nibbler", 3)]
)
def test_data_of_another_kind_is_a_line(board, data):
    with pytest.raises(dpf.InputError) as caught:
        dpf.score(board, data, {"mine": {}})
    assert caught.value.line.startswith(("data", "submissions['mine']"))
    assert "\n" not in caught.value.line


@pytest.mark.parametrize("name", ["", "..", "a/../b", "/a", "a\nb", "a//b"])
def test_nothing_is_named_so_that_it_leaves_the_folder(name, tmp_path):
    calls = [
        ("vision", IMAGE, {name: {"Hawk": SET}}),
        ("vision", IMAGE | {"test_sets": {name: IMAGE["test_sets"]["Hawk"]}}, {"mine": {name: SET}}),
        ("debugging", {name: TASK}, {"mine": {name: ORDER}}),
        ("acquisition", {name: MARKET}, {"mine": {name: PLAN}}),
        ("speech", {name: LANGUAGE}, {"mine": {f"{name}_25": CHOSEN}}),
    ]
    for board, data, submissions in calls:
        with pytest.raises(dpf.InputError, match=r"holds the key .*expected a name that files can have") as caught:
            dpf.score(board, data, submissions, out=tmp_path / "out" / "deep", jobs=1)
        assert "\n" not in caught.value.line
    assert not list(tmp_path.glob("out/**/*"))


def test_a_folders_name_below_another_is_a_submissions(tmp_path, engine):
    dpf.score("vision", IMAGE, {"teams/ann a": {"Hawk": SET}}, out=tmp_path, engine=engine)
    assert len(list((tmp_path / "teams" / "ann a").glob("result_*.json"))) == 1


class Lengths(Benchmark):
    """A board of another package, which takes texts in memory."""

    name, metric, higher_is_better = "lengths", "length", True

    def tasks(self, data):
        """One."""
        return ["text"]

    def evaluate(self, data, submissions, engine, options):
        """Files are not its matter here."""
        raise NotImplementedError

    def score(self, data, submissions, engine, options):
        """The length of each text."""
        records = [self.record("text", name, float(len(of)), engine) for name, of in submissions.items()]
        yield SimpleNamespace(records=records, write=lambda folder: [])


def test_a_board_of_another_package_scores_in_memory(monkeypatch, engine):
    monkeypatch.setattr(boards, "load", lambda name: Lengths())
    [record] = dpf.score("lengths", None, {"mine": "four"}, engine=engine)
    assert (record.submission, record.score) == ("mine", 4.0)


def test_a_board_of_files_alone_says_so(monkeypatch):
    monkeypatch.setattr(type(boards.load("vision")), "score", Benchmark.score)
    with pytest.raises(
        dpf.InputError, match=r"^score: has no meaning for vision, which takes files; expected evaluate$"
    ):
        dpf.score("vision", IMAGE, {"mine": {"Hawk": SET}})


def test_fifty_calls_train_nothing_twice(engine, monkeypatch):
    trained = []
    answer = LogisticRegression.answer
    monkeypatch.setattr(
        LogisticRegression, "answer", lambda self, *given: trained.append(len(given[0])) or answer(self, *given)
    )
    generator = np.random.default_rng(0)
    features = generator.normal(size=(60, 8))
    labels = (features[:, 0] > 0).astype(int)
    data = {"embeddings": (list("abcdefghijklmnopqrst"), features[:20]), "test_sets": {"Hawk": (features, labels)}}
    sets = [
        dict(zip(data["embeddings"][0], np.roll(np.arange(20) % 2, number % 2).tolist(), strict=True))
        for number in range(50)
    ]
    records = [dpf.score("vision", data, {"mine": {"Hawk": of}}, engine=engine)[0] for of in sets]
    assert len(trained) == 2
    together = dpf.score("vision", data, {str(number): {"Hawk": of} for number, of in enumerate(sets)}, jobs=1)
    assert [record.score for record in records] == [record.score for record in together]
