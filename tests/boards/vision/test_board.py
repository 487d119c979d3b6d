"""The vision board from files to scores: the shared figures, the reference, and what is wrong with a submission."""

from __future__ import annotations

import json
import shutil
import unicodedata
from fractions import Fraction

import numpy as np
import pytest
from pyarrow import parquet

import dataperf_fast as dpf
from dataperf_fast.boards.vision import embeddings, files, synth
from dataperf_fast.boards.vision.board import BOARD, COUNTS

TASKS = ("Cupcake", "Hawk", "Sushi")
METRICS = ("accuracy", "recall", "precision", "f1", "average_precision")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vision")
    list(synth.write(folder, synth.VisionScale(3, 600, 90, 80, 10), seed=2))
    return folder


def variants(made, folder, count):
    """Submissions of half the official training rows each, in another order."""
    root, setup = files.open_setup(made)
    for number in range(count):
        generator = np.random.default_rng(number)
        for task in setup.tasks:
            chosen = files.read_training_set(root / setup.tasks[task].train)
            rows = generator.permutation(len(chosen.ids))[: 30 + number]
            (folder / f"team{number:02d}").mkdir(parents=True, exist_ok=True)
            path = folder / f"team{number:02d}" / f"{task}.csv"
            files.write_training_set(path, [chosen.ids[row] for row in rows], chosen.labels[rows])
    return folder


@pytest.mark.parametrize(("ours", "theirs"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_images_are_found_in_another_normal_form(ours, theirs, made, tmp_path):
    """An id in the pool ends in an umlaut, the submission's in the other form of it; the score is that of equal ids."""
    root, setup = files.open_setup(shutil.copytree(made, tmp_path / "data"))
    pool = parquet.read_table(root / setup.emb_file)
    ids = [f"{name}\u00fc" for name in pool["ImageID"].to_pylist()]
    vectors = np.array(pool["embedding"].to_pylist(), np.float32)
    embeddings.write_embeddings(root / setup.emb_file, [unicodedata.normalize(theirs, name) for name in ids], vectors)
    task = next(iter(setup.tasks))
    chosen = files.read_training_set(root / setup.tasks[task].train)
    for form in (ours, theirs):
        names = [unicodedata.normalize(form, f"{name}\u00fc") for name in chosen.ids]
        files.write_training_set(tmp_path / form / f"{task}.csv", names, chosen.labels)
    twice = [unicodedata.normalize(form, f"{chosen.ids[0]}\u00fc") for form in (ours, theirs)]
    files.write_training_set(tmp_path / "twice" / f"{task}.csv", twice, np.array([0, 1]))
    files.write_training_set(tmp_path / "none" / f"{task}.csv", ["\u00e9", twice[0]], np.array([0, 1]))
    paths = [tmp_path / name for name in (ours, theirs, "twice", "none")]
    records = {r.submission: r for r in dpf.evaluate("vision", tmp_path / "data", paths, cache=False) if r.task == task}
    (plain,) = [r for r in dpf.evaluate("vision", made, cache=False) if r.task == task]
    assert records[ours].details == records[theirs].details == plain.details
    assert f"line 2: names an unknown image {twice[0]!r}" in records["twice"].error
    assert "line 2: names an unknown image 'é'" in records["none"].error


@pytest.mark.parity
def test_every_shared_figure(shared_data):
    expected = json.loads((shared_data / "expected/vision.json").read_text())
    records = {r.task: r for r in dpf.evaluate("vision", shared_data / "vision", cache=False)}
    assert list(records) == [*expected, "mean"]
    for task, figures in expected.items():
        for metric, value in figures.items():
            assert records[task].details[metric] == pytest.approx(value, abs=1e-12)
    for metric in METRICS:
        assert records["mean"].details[metric] == pytest.approx(np.mean([of[metric] for of in expected.values()]))
    assert records["mean"].score == pytest.approx(records["mean"].details["f1"])


@pytest.mark.parity
def test_same_figures_as_the_reference(made, tmp_path):
    teams = variants(made, tmp_path / "teams", 8)
    fast = dpf.evaluate("vision", made, teams, cache=False)
    plain = dpf.evaluate("vision", made, teams, cache=False, backend="reference")
    assert [(r.task, r.submission) for r in fast] == [(r.task, r.submission) for r in plain]
    assert len(fast) == 8 * 4
    for ours, theirs in zip(fast, plain, strict=True):
        for metric in METRICS:
            assert ours.details[metric] == pytest.approx(theirs.details[metric], abs=1e-12)
        if ours.task != "mean":
            assert [ours.details[name] for name in COUNTS] == [theirs.details[name] for name in COUNTS]
            right, claimed_wrongly, missed, _ = (theirs.details[name] for name in COUNTS)
            assert BOARD.exact([ours]) == [Fraction(2 * right, 2 * right + claimed_wrongly + missed)]


def test_official_result_file(made, tmp_path):
    records = dpf.evaluate("vision", made, out=tmp_path, cache=False)
    (path,) = tmp_path.rglob("result_UTC-*.json")
    assert path.parent.name == records[0].submission == "train_sets"
    result = json.loads(path.read_text())
    assert list(result) == list(TASKS)
    for record in records[:3]:
        assert result[record.task] == {metric: record.details[metric] for metric in METRICS}


def test_bad_submissions_cost_only_themselves(made, tmp_path):
    teams = variants(made, tmp_path / "teams", 4)
    hawk = [teams / f"team{number:02d}" / "Hawk.csv" for number in range(4)]
    text = hawk[0].read_text().splitlines()
    hawk[0].write_text("\n".join([*text, "ffffffffffffffff,1"]) + "\n")
    hawk[1].write_text("\n".join([*text, f"{text[1].split(',')[0]},1"]) + "\n")
    hawk[2].write_text("\n".join([*text[:4], text[4].split(",")[0] + ",2"]) + "\n")
    hawk[3].unlink()
    records = {(r.submission, r.task): r for r in dpf.evaluate("vision", made, teams, cache=False)}
    end = len(text) + 1
    assert records["team00", "Hawk"].error == (
        f"{hawk[0]}: line {end}: names an unknown image 'ffffffffffffffff'; "
        "expected an ImageID of train_emb_256_dataperf.parquet"
    )
    assert records["team01", "Hawk"].error.startswith(f"{hawk[1]}: line {end}: ")
    assert records["team02", "Hawk"].error == f"{hawk[2]}: line 5: column Confidence holds '2'; expected 0 or 1"
    assert records["team03", "Hawk"].error == (
        f"{hawk[3].parent}: holds no Hawk.csv but Cupcake.csv, Sushi.csv; expected a file named Hawk.csv"
    )
    for number in range(4):
        assert [records[f"team{number:02d}", task].status for task in ("Cupcake", "Sushi")] == ["ok", "ok"]
        assert records[f"team{number:02d}", "mean"].error == f"team{number:02d}: only 2 of 3 tasks were scored"


def test_a_broken_test_set_costs_only_its_concept(made, tmp_path):
    shutil.copytree(made, tmp_path / "data")
    root, setup = files.open_setup(tmp_path / "data")
    (root / setup.tasks["Hawk"].test).write_bytes(b"no parquet")
    records = {r.task: r for r in dpf.evaluate("vision", tmp_path / "data", cache=False)}
    assert records["Hawk"].error.startswith(f"{root / setup.tasks['Hawk'].test}: is not a readable parquet file")
    assert records["Cupcake"].status == records["Sushi"].status == "ok"


def test_finished_retrains_are_known_again(made, tmp_path, monkeypatch):
    monkeypatch.setenv("DATAPERF_FAST_CACHE", str(tmp_path / "cache"))
    first = dpf.evaluate("vision", made)
    from dataperf_fast.kernels.logistic import binary

    monkeypatch.setattr(binary, "fit", lambda *_: pytest.fail("trained again"))
    assert [r.details for r in dpf.evaluate("vision", made)] == [r.details for r in first]
