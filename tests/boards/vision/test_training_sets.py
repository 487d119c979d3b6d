"""Training sets in JSON: the same as in csv, whoever's shape they have, and every bad one is a line."""

from __future__ import annotations

import json
import shutil

import pytest

import dataperf_fast as dpf
from dataperf_fast.boards.vision import files, synth, training_sets
from dataperf_fast.files.handed_in import find

TASKS = ["Cupcake", "Hawk", "Sushi"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vision")
    list(synth.write(folder, synth.VisionScale(3, 300, 50, 60, 10), seed=4))
    return folder


def labels_of(made):
    """Every concept's {ImageID: label} as the official csv files have it."""
    root, setup = files.open_setup(made)
    sets = {task: files.read_training_set(root / of.train) for task, of in setup.tasks.items()}
    return {task: dict(zip(of.ids, of.labels.tolist(), strict=True)) for task, of in sets.items()}


def write_all(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(labels))


def test_every_shape_of_json_has_the_csv_files_scores(made, tmp_path):
    labels, teams = labels_of(made), tmp_path / "teams"
    write_all(teams / "one file.json", labels)
    write_all(teams / "other letters.json", {task.lower(): of for task, of in labels.items()})
    write_all(teams / "texts.json", {task: {k: str(v) for k, v in of.items()} for task, of in labels.items()})
    write_all(teams / "truth.json", {task: {k: bool(v) for k, v in of.items()} for task, of in labels.items()})
    write_all(teams / "floats.json", {task: {k: float(v) for k, v in of.items()} for task, of in labels.items()})
    for task, of in labels.items():
        write_all(teams / "a file a concept" / f"{task}.json", of)
        write_all(teams / "nested" / f"{task.lower()}.json", {task: of})
    for task in ("Cupcake", "Hawk"):
        write_all(teams / "mixed" / f"{task}.json", labels[task])
    shutil.copy(
        made / "train_sets" / next(p.name for p in (made / "train_sets").iterdir() if "Sushi" in p.name),
        teams / "mixed" / "sushi.csv",
    )
    (teams / "notes.json").write_text('{"author": "anna"}')
    expected = {(r.task): r.score for r in dpf.evaluate("vision", made, cache=False)}
    with pytest.warns(UserWarning, match="is passed over"):  # folders beside files that are submissions themselves
        records = dpf.evaluate("vision", made, teams, cache=False)
    names = {record.submission for record in records}
    assert names == {"one file", "other letters", "texts", "truth", "floats"}
    assert all(record.score == expected[record.task] for record in records)
    folders = [teams / name for name in ("a file a concept", "nested", "mixed")]
    records = dpf.evaluate("vision", made, folders, cache=False)
    assert {record.submission for record in records} == {folder.name for folder in folders}
    assert all(record.score == expected[record.task] for record in records)


def read(path, task="Hawk"):
    [submission], _ = find([path], training_sets.recognizer(TASKS), "")
    return training_sets.read(submission, task)[1]


def refusal(path, task="Hawk"):
    with pytest.raises(dpf.InputError) as caught:
        read(path, task)
    assert "\n" not in caught.value.line
    return caught.value.line.removeprefix(f"{path}: ")


SHAPE = '; expected JSON: {"ImageID": 0 or 1, ..}, or that of each concept by its name'
BROKEN = {
    "label": ('{"a": 1, "b": 2}', "'b': holds 2; expected 0 or 1"),
    "no label": ('{"a": 1, "b": null}', "'b': holds no value; expected 0 or 1"),
    "text": ('{"a": "1", "b": "zero"}', "'b': holds 'zero'; expected 0 or 1"),
    "one label": ('{"a": 1, "b": 1}', "holds only the label 1; expected rows of both labels, 0 and 1"),
    "nothing": ("{}", f"holds no image{SHAPE}"),
    "twice": ('{"a": 1, "b": 0, "a": 0}', "holds twice: 'a'; expected each image once"),
    "list": ('["a", "b"]', f"holds a list{SHAPE}"),
    "null": ("null", f"holds nothing{SHAPE}"),
    "empty": ("", f"is empty{SHAPE}"),
    "cut off": (
        '{"a": 1,',
        f"line 1, column 9: is not JSON (Expecting property name enclosed in double quotes){SHAPE}",
    ),
    "deep": ("[" * 100_000, f"is nested too deeply{SHAPE}"),
    "long number": ('{"a": ' + "1" * 5000 + "}", f"holds a number that is too long{SHAPE}"),
    "another concept": ('{"Cupcake": {"a": 1, "b": 0}}', f"holds no concept 'Hawk'{SHAPE}"),
    "a list of labels": ('{"Hawk": [["a", 1]]}', "'Hawk': holds [['a', 1]]; expected 0 or 1"),
    "a concept's label": ('{"hawk": {"a": 1, "b": "x"}}', "hawk, 'b': holds 'x'; expected 0 or 1"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_json_is_one_line(kind, tmp_path):
    text, line = BROKEN[kind]
    path = tmp_path / "Hawk.json"
    path.write_text(text)
    found = refusal(path)
    assert found == line or (kind in ("cut off", "deep") and found.split("(")[0] == line.split("(")[0])


def test_one_broken_concept_costs_itself(made, tmp_path):
    labels = labels_of(made)
    first = next(iter(labels["Hawk"]))
    labels["Hawk"][first] = 7
    del labels["Sushi"]
    write_all(tmp_path / "anna.json", labels)
    records = {r.task: r for r in dpf.evaluate("vision", made, tmp_path / "anna.json", cache=False)}
    assert records["Cupcake"].status == "ok"
    path = tmp_path / "anna.json"
    assert records["Hawk"].error == f"{path}: Hawk, {first!r}: holds 7; expected 0 or 1"
    assert records["Sushi"].error == f"{path}: holds no concept 'Sushi'{SHAPE}"


def test_an_unknown_image_is_named(made, tmp_path):
    labels = labels_of(made)
    labels["Hawk"]["nobody knows"] = 1
    write_all(tmp_path / "anna.json", labels)
    [hawk] = [r for r in dpf.evaluate("vision", made, tmp_path, cache=False) if r.task == "Hawk"]
    assert "Hawk, 'nobody knows': names an unknown image 'nobody knows'" in hawk.error
