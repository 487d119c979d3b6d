from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

import dataperf_fast as dpf
from dataperf_fast.boards.debugging import board as debugging
from dataperf_fast.boards.debugging import files
from dataperf_fast.boards.options import Options
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.plan import Plan, Pool
from dataperf_fast.models.linear_net import LinearNet
from tests.conftest import ROOT
from tests.tasks import digits_tasks, input_hash, narrow, order_of, plain_curve, synthetic_tasks

GOLDEN = json.loads((ROOT / "data" / "golden" / "debugging.json").read_text())


def fast_curve(task, order, engine) -> list[float]:
    states, state_of = debugging.label_states(task, order)
    pool = Pool(task.train.features, task.test.features, task.test.labels)
    return engine.run(Plan(pool, LinearNet(), list(states))).values["accuracy"][state_of].tolist()


def example_tasks(folder):
    _, setup = files.open_setup(ROOT / "data" / "debugging")
    return [files.read_task(ROOT / "data" / "debugging", setup, task, 2048) for task in setup.tasks]


SOURCES = {
    "example": example_tasks,
    "digits": digits_tasks,
    "synthetic 0": lambda folder: synthetic_tasks(folder, range(1)),
}


@pytest.mark.parity
@pytest.mark.fused
@pytest.mark.parametrize("golden", GOLDEN["tasks"], ids=lambda golden: f"{golden['source']}-{golden['task']}")
def test_every_point_is_the_references(golden, tmp_path):
    task = next(t for t in SOURCES[golden["source"]](tmp_path) if t.data_id == golden["task"])
    assert input_hash(task) == golden["input_sha256"]
    assert len(set(golden["curve"])) > 5
    assert fast_curve(task, order_of(task), Engine(backends.choose("cpu"))) == golden["curve"]


@pytest.mark.parity
@pytest.mark.fused
@pytest.mark.parametrize("task", ["fsdd06v59-flipped", "fsdd17v38"])
def test_real_recordings_give_the_expected_file(task, shared_data, tmp_path):
    submissions = sorted((shared_data / "debugging" / "submissions").glob(f"{task}_*.txt"))
    records = dpf.evaluate(
        "debugging", shared_data / "debugging", submissions, backend="cpu", out=tmp_path, cache=False
    )
    got = json.loads((tmp_path / f"{task}_evaluation.json").read_text())
    expected = json.loads((shared_data / "expected" / f"debugging_{task}_evaluation.json").read_text())

    def points(result):
        return {(p["submission"], p["fixes"]): p["accuracy"] for p in result["submitted_evaluations"]}

    assert len(points(expected)) == 600
    assert points(got) == points(expected)
    assert got["before_acc"] == expected["before_acc"]
    assert got["auc_score"] == expected["auc_score"]
    assert list(got) == list(expected)
    scores = {record.submission: record.score for record in records if record.task == task}
    assert scores == {method: entry["fraction_fixes"] for method, entry in expected["auc_score"].items()}


def test_label_states_are_the_loops(suite):
    folder, setup = files.open_setup(suite)
    for task_setup in setup.tasks:
        task = files.read_task(folder, setup, task_setup, 2048)
        order = order_of(task)
        states, state_of = debugging.label_states(task, order)
        loop = plain_curve(task, order, lambda labels: labels.tolist())
        assert states[state_of].tolist() == loop
        assert len(np.unique(states, axis=0)) == len(states)


def test_score_only_gives_the_curves_score_from_fewer_retrains(suite):
    whole = {(r.task, r.submission): r for r in dpf.evaluate("debugging", suite, curve=True, cache=False)}
    quick = {(r.task, r.submission): r for r in dpf.evaluate("debugging", suite, curve=False, cache=False)}
    assert whole.keys() == quick.keys()
    for key, record in quick.items():
        assert record.score == whole[key].score
        assert record.distinct <= whole[key].distinct
    assert sum(r.distinct for r in quick.values()) < sum(r.distinct for r in whole.values())
    for record in whole.values():
        if record.task != "mean":
            curve, target = np.array(record.details["curve"]), record.details["target"]
            assert target == 0.95 * record.details["accuracy_cleaned"] == 0.95 * curve[-1]
            assert record.details["inspections"] == np.flatnonzero(curve >= target)[0] + 1
            assert record.score == (record.details["inspections"] - 1) / len(curve)


def test_mean_is_over_the_tasks(suite):
    records = dpf.evaluate("debugging", suite, cache=False)
    for method in ("consecutive", "random"):
        scores = {r.task: r.score for r in records if r.submission == method}
        assert scores["mean"] == pytest.approx((scores["synth00-flipped"] + scores["synth01"]) / 2)


@pytest.mark.parity
@pytest.mark.fused
@pytest.mark.parametrize(("jobs", "batch"), [(1, None), (2, None), (2, 1), (1, 7), (2, 1000)])
def test_same_file_for_any_threads_and_batch(jobs, batch, suite, tmp_path):
    def write(engine, out):
        return [
            path.read_bytes()
            for result in debugging.BOARD.evaluate(suite, None, engine, Options(whole=True))
            for path in result.write(out)
        ]

    expected = write(Engine(backends.choose("cpu", 1)), tmp_path / "a")
    assert len(expected) == 2
    assert write(Engine(backends.choose("cpu", jobs), batch_size=batch), tmp_path / "b") == expected


def test_submissions_share_their_label_states(suite):
    same = suite / "submissions" / "synth01_same.txt"
    same.write_text((suite / "submissions" / "synth01_random.txt").read_text())
    engine = Engine(backends.choose("cpu"))
    trained = []
    run = engine.run
    engine.run = lambda *plan: trained.append(run(*plan)) or trained[-1]
    results = list(
        debugging.BOARD.evaluate(
            suite, sorted((suite / "submissions").glob("synth01_*.txt")), engine, Options(whole=True)
        )
    )
    records = {r.submission: r for r in results[0].records}
    assert records["same"].score == records["random"].score
    distinct = records["random"].distinct + records["consecutive"].distinct
    # before and cleaned are common to both orders; the third submission adds nothing
    assert sum(outcomes.trained for outcomes in trained) == distinct - 2


def test_a_target_met_at_the_first_inspection_scores_zero(suite):
    folder, setup = files.open_setup(suite)
    task = files.read_task(folder, setup, setup.tasks[0], 2048)
    files.write_vectors(
        files.embedding_path(folder, setup, setup.tasks[0], "train"),
        files.Vectors(task.train.names, task.train.features, task.true_labels),
    )
    record = next(r for r in dpf.evaluate("debugging", suite, cache=False) if r.task == setup.tasks[0].data_id)
    assert (record.score, record.details["inspections"], record.distinct) == (0.0, 1, 1)


def fit_and_score(estimator, task, labels):
    fitted = estimator.fit(task.train.features.astype(float), labels)
    return round(fitted.score(task.test.features.astype(float), task.test.labels), 2)


@pytest.mark.parity
@pytest.mark.fused
@pytest.mark.parametrize(
    ("given", "model"), [("logistic", "logistic-optimum"), ("svc", "support-vectors"), ("knn", "neighbour-votes")]
)
def test_other_models_score_as_fits_from_scratch(given, model, suite, tmp_path):
    tasks = narrow(suite)
    theirs = {
        "logistic": LogisticRegression(solver="newton-cholesky", tol=1e-12),
        "svc": SVC(tol=1e-8),
        "knn": KNeighborsClassifier(9, algorithm="brute"),
    }[given]
    records = dpf.evaluate("debugging", suite, model=given, out=tmp_path, cache=False)
    quick = dpf.evaluate("debugging", suite, model=given, curve=False, cache=False)
    assert [(r.task, r.submission, r.score) for r in quick] == [(r.task, r.submission, r.score) for r in records]
    scores = {(r.task, r.submission): r for r in records}
    for task_setup in tasks:
        task = files.read_task(suite, files.open_setup(suite)[1], task_setup, None)
        order = files.read_submission(suite / "submissions" / f"{task.data_id}_random.txt", len(task.true_labels))
        curve = plain_curve(task, order, partial(fit_and_score, theirs, task))
        record = scores[task.data_id, "random"]
        assert record.details["curve"] == curve[1:]
        assert record.details["model"] == model
        crossing = next(k for k, accuracy in enumerate(curve[1:], 1) if accuracy >= 0.95 * curve[-1])
        assert record.score == (crossing - 1) / len(order)
        written = json.loads((tmp_path / f"{task.data_id}_{given}_evaluation.json").read_text())
        assert written["auc_score"]["random"]["fraction_fixes"] == record.score


def test_models_that_cannot_be_had_are_named(suite, monkeypatch):
    with pytest.raises(dpf.InputError, match=r"^model: is 'lr'; expected linear-net or logistic or svc or knn or xgb"):
        dpf.evaluate("debugging", suite, model="lr", cache=False)
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(dpf.InputError, match=r"xgb needs the package xgboost; expected pip install .*\[xgb\]"):
        dpf.evaluate("debugging", suite, model="xgb", cache=False)


def test_a_task_of_one_label_is_refused_by_models_of_two(suite):
    _, setup = files.open_setup(suite)
    train = files.read_vectors(suite, setup, setup.tasks[0], "train", None)
    path = files.embedding_path(suite, setup, setup.tasks[0], "train")
    files.write_vectors(path, replace(train, labels=np.zeros(70, np.uint8)))
    records = dpf.evaluate("debugging", suite, model="svc", cache=False)
    broken = [record for record in records if record.task == setup.tasks[0].data_id]
    assert {record.status for record in broken} == {"invalid"}
    assert "_train_" in broken[0].error
    assert "after 0 inspections: cannot train svc on 70 rows of 1 class; expected two classes or" in broken[0].error
    assert {record.status for record in records if record.task == setup.tasks[1].data_id} == {"ok"}


def test_the_time_that_a_method_took_comes_with_its_score(suite, tmp_path):
    times = suite / "submissions" / "time_synth01_random.txt"
    times.write_text("12.5\n")
    (suite / "submissions" / "time_synth01_consecutive.txt").unlink()
    records = {(r.task, r.submission): r for r in dpf.evaluate("debugging", suite, cache=False)}
    assert records["synth01", "random"].details["method_seconds"] == 12.5
    assert "method_seconds" not in records["synth01", "consecutive"].details


@pytest.mark.parametrize("text", ["", "fast", "-1", "nan", "inf", "1 2", "9" * 101])
def test_a_broken_time_file_costs_a_warning_and_not_the_score(text, suite):
    (suite / "submissions" / "time_synth01_random.txt").write_text(text)
    with pytest.warns(UserWarning, match=r"time_synth01_random\.txt: .*expected the seconds"):
        records = dpf.evaluate("debugging", suite, [suite / "submissions" / "synth01_random.txt"], cache=False)
    assert [record.status for record in records] == ["ok"]
