"""Orders of inspection: DataScope's by the definition of its values, and that it finds wrong labels."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import dataperf_fast as dpf
from dataperf_fast import valuation
from dataperf_fast.boards.debugging import baselines, demo, files
from dataperf_fast.boards.debugging.synth import DebuggingScale
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import machine
from dataperf_fast.engine.engine import Engine
from dataperf_fast.valuation import MonteCarloShapley
from tests.kernels.neighbours.test_shapley import recursion


def write(data, out, methods, seed=0, threads=1):
    return baselines.write(data, out, methods, seed, Engine(backends.choose("cpu", threads)))


def test_datascope_inspects_the_least_valuable_rows_first(suite, tmp_path):
    _, setup = files.open_setup(suite)
    for path, task in zip(write(suite, tmp_path / "a", ["datascope"]), setup.tasks, strict=True):
        train, val = (files.read_vectors(suite, setup, task, part, None) for part in ("train", "val"))
        values = recursion(train.features, train.labels, val.features, val.labels, 1)
        order = files.read_submission(path, task.train_size)
        assert np.ptp(values) > 0.01
        assert np.diff(values[order]).min() > -1e-15
    again = write(suite, tmp_path / "b", ["datascope"], threads=2)
    assert [path.read_text() for path in again] == [(tmp_path / "a" / path.name).read_text() for path in again]


def test_valued_rows_need_fewer_inspections_than_chance(tmp_path):
    tasks = demo.write(tmp_path / "data", DebuggingScale(tasks=2, train=100, test=100, val=60))
    write(tmp_path / "data", tmp_path / "data" / "submissions", None)
    records = dpf.evaluate("debugging", tmp_path / "data", backend="cpu", cache=False)
    score = {record.submission: record.score for record in records if record.task == "mean"}
    assert set(score) == {"consecutive", "random", "datascope", "confident", "influence", "loo"}
    assert score["datascope"] < min(score["random"], score["consecutive"]) - 0.15
    # Of labels inverted at random these find most; a weak model's wrong labels are as learnable as the right ones.
    inverted = next(task for task in tasks if task.data_id.endswith("-flipped"))
    wrong = inverted.train.labels != inverted.true_labels
    for method in ("confident", "influence"):
        path = tmp_path / "data" / "submissions" / f"{inverted.data_id}_{method}.txt"
        assert wrong[files.read_submission(path, 100)[:30]].mean() > 2 * wrong.mean()


def test_the_page_says_what_each_method_fits():
    """Every method's row of docs/scoring.md, fitted to the same vectors, inspects in the method's order."""
    page = (Path(__file__).parents[3] / "docs" / "scoring.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([\w-]+) \| (?:nothing: )?`(.+?)` \|$", page, re.MULTILINE))
    assert list(rows) == list(baselines.METHODS)
    generator = np.random.default_rng(4)
    truth = [generator.integers(0, 2, count) for count in (12, 20)]
    vectors = [generator.normal(labels[:, None], 1, (len(labels), 8)).astype(np.float32) for labels in truth]
    train, val = (files.Vectors([], *of) for of in zip(vectors, truth, strict=True))
    noisy = baselines.Noisy(train, val, 5, Engine(backends.choose("cpu", 1)))
    for method, made in rows.items():
        called = eval(made, {**vars(valuation), "np": np, "n": 12, "seed": 5})
        data = train.features, train.labels, val.features, val.labels
        order = called.fit(*data).order_ if isinstance(called, valuation.Valuation) else called
        assert baselines.METHODS[method](noisy).tolist() == order.tolist(), method


def test_monte_carlo_on_request_beats_chance(tmp_path, monkeypatch):
    # A quarter of the permutations do for 24 rows, and take five seconds.
    monkeypatch.setattr(valuation, "MonteCarloShapley", partial(MonteCarloShapley, n_permutations=25))
    demo.write(tmp_path / "data", DebuggingScale(tasks=1, train=24, test=100, val=60))
    written = write(tmp_path / "data", tmp_path / "made", ["mc-shapley", "consecutive", "random"])
    assert sorted(map(int, written[0].read_text().split())) == list(range(24))
    scores = dpf.evaluate("debugging", tmp_path / "data", [tmp_path / "made"], backend="cpu", cache=False)
    by_method = {record.submission: record.score for record in scores}
    assert by_method["mc-shapley"] < min(by_method["random"], by_method["consecutive"])


def test_labels_that_a_method_cannot_do_with_are_named(suite, tmp_path):
    _, setup = files.open_setup(suite)
    train = files.read_vectors(suite, setup, setup.tasks[0], "train", None)
    path = files.embedding_path(suite, setup, setup.tasks[0], "train")
    files.write_vectors(path, files.Vectors(train.names, train.features, np.zeros(70, np.uint8)))
    with pytest.raises(dpf.InputError, match=r"_train_.*: confident cannot value its rows: train_y has"):
        write(suite, tmp_path, ["confident"])


def test_a_task_without_its_validation_set_is_named(suite, tmp_path):
    next((suite / "embeddings").glob("synth01_val_*")).unlink()
    with pytest.raises(dpf.InputError, match=r"synth01_val_10\.parquet: no such file"):
        write(suite, tmp_path, ["datascope"])


def test_what_libraries_valued_says_which_and_where(suite, tmp_path):
    methods = ["confident", "influence", "datascope", "loo", "random", "consecutive"]
    write(suite, tmp_path / "out", methods, seed=2)
    notes = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out").glob("*.json")}
    assert set(notes) == {f"made_with_{method}" for method in baselines.BY_LIBRARIES}
    made_with = machine.made_with("scikit-learn", "scipy", "numpy")
    assert notes["made_with_influence"] == {"method": "influence", "seed": 2, "made_with": made_with}
    records = dpf.evaluate("debugging", suite, [tmp_path / "out"], backend="cpu", cache=False)
    assert {(record.submission, record.status) for record in records} == {(method, "ok") for method in methods}
