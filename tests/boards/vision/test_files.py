"""The vision board's files: what is written is read back, and bad input is one exact line."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from dataperf_fast.boards.vision import files
from dataperf_fast.boards.vision.embeddings import read_embeddings
from dataperf_fast.files.errors import InputError
from tests.wording import ours

TRAINING = "a csv with the columns ImageID and Confidence, 0 or 1"
TEST = "a test set: a parquet file with the columns ImageID, Confidence and embedding"
OFFICIAL = """\
spark_driver_memory: 6g
data_dir: data
emb_file: embeddings/pool.parquet
Zero:
- train_sets/Zero.csv
- test_sets/Zero.parquet
Big Cat:
- train_sets/cat.csv
- test_sets/cat.parquet
results_dir: out
dim: 4
eval_tasks: [Big Cat, Zero]
docker_data_dir: data
"""


def error_of(call, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# The set-up.


def put_setup(path: Path, text: str) -> Path:
    """A set-up file with its pool beside it, which need not be one as long as nobody reads it."""
    put(path.parent / "data" / "embeddings" / "pool.parquet", "")
    return put(path, text)


@pytest.mark.parametrize("name", ["task_setup.yaml", "task_setup.yml"])
def test_the_set_up(name, tmp_path):
    path = put_setup(tmp_path / name, OFFICIAL)
    for data in (tmp_path, path):
        root, setup = files.open_setup(data)
        assert root == tmp_path / "data"
        assert (setup.emb_file, setup.dim, setup.results_dir) == (Path("embeddings/pool.parquet"), 4, Path("out"))
        assert list(setup.tasks) == setup.eval_tasks == ["Big Cat", "Zero"]
        assert setup.tasks["Zero"] == files.TaskFiles(Path("train_sets/Zero.csv"), Path("test_sets/Zero.parquet"))


def test_a_written_set_up_is_official_and_read_back(tmp_path):
    put_setup(tmp_path / "task_setup.yaml", OFFICIAL)
    _, setup = files.open_setup(tmp_path)
    path = put_setup(tmp_path / "again" / "task_setup.yaml", "")
    assert files.write_setup(path.parent, setup) == path
    theirs = yaml.safe_load(OFFICIAL)
    del theirs["spark_driver_memory"], theirs["docker_data_dir"]
    assert yaml.safe_load(path.read_text()) == theirs
    assert files.open_setup(path) == (tmp_path / "again" / "data", setup)


SETUP_FAULTS = {
    ("Zero:\n", "One:\n"): "line 1, Zero: is missing; expected {what}: each task's [train csv, test parquet]",
    (
        "- test_sets/Zero.parquet\n",
        "",
    ): "line 5, Zero.1: is missing; expected {what}: each task's [train csv, test parquet]",
    (
        "- test_sets/Zero.parquet\n",
        "- a\n- b\n",
    ): "line 5, Zero: holds ['train_sets/Zero.csv', 'a', 'b']; expected a list of at most 2",
    (
        "- test_sets/Zero.parquet",
        "- 7",
    ): "line 6, Zero.1: holds 7; expected text",
    ("dim: 4", "dim: 0"): "line 11, dim: holds 0; expected more than 0",
    ("dim: 4", "dim: '4'"): "line 11, dim: holds '4'; expected a whole number",
    ("dim: 4\n", ""): "line 1, dim: is missing; expected {what}",
    ("data_dir: data\nemb", "emb"): "line 1, data_dir: is missing; expected {what}",
    ("emb_file: embeddings/pool.parquet\n", ""): "line 1, emb_file: is missing; expected {what}",
    ("[Big Cat, Zero]", "[Zero, Zero]"): "eval_tasks.1: is listed twice: 'Zero'; expected each task once",
    (
        "[Big Cat, Zero]",
        "[]",
    ): "line 12, eval_tasks: holds []; expected a list of at least 1",
}


@pytest.mark.parametrize("edit", SETUP_FAULTS)
def test_a_broken_set_up(edit, tmp_path):
    assert edit[0] in OFFICIAL
    path = put(tmp_path / "task_setup.yaml", OFFICIAL.replace(*edit, 1))
    line = SETUP_FAULTS[edit].replace("{what}", "the vision board's task_setup.yaml")
    assert error_of(files.open_setup, tmp_path) == f"{path}: {line}"


def test_no_set_up(tmp_path):
    expected = "expected the vision board's task_setup.yaml"
    assert error_of(files.open_setup, tmp_path) == f"{tmp_path}: holds no task_setup.yaml; {expected}"
    assert error_of(files.open_setup, tmp_path / "no") == f"{tmp_path / 'no'}: no such file; {expected}"
    put(tmp_path / "task_setup.yaml.txt", OFFICIAL)
    line = f"{tmp_path}: holds no task_setup.yaml, but 'task_setup.yaml.txt'; {expected}"
    assert error_of(files.open_setup, tmp_path) == line


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", "", " x", "x ", "x.", "-x", "a\\b", "x\n"])
def test_a_task_s_name_is_safe_as_a_file_s(name, tmp_path):
    put(tmp_path / "task_setup.yaml", OFFICIAL.replace("[Big Cat, Zero]", json.dumps(["Zero", name])))
    line = error_of(files.open_setup, tmp_path)
    assert f"line 12, eval_tasks.1: holds {name!r}; expected text that matches " in line


@pytest.mark.parametrize("name", ["a", "Big_Cat", "a.b", "c03", "7-up", "a b_"])
def test_other_names_are_tasks(name, tmp_path):
    put_setup(tmp_path / "task_setup.yaml", OFFICIAL.replace("Big Cat", name))
    assert list(files.open_setup(tmp_path)[1].tasks) == [name, "Zero"]


# Training sets and examples.


def test_a_training_set(tmp_path):
    text = '\ufeffsource,Confidence ,ImageID\r\nx, 1,"a,b"\r\n\r\n"two\r\nlines",0 , c\r\nz,1,d\r\n'
    found = files.read_training_set(put(tmp_path / "a.csv", text))
    assert (found.ids, found.labels.tolist()) == (["a,b", "c", "d"], [1, 0, 1])
    assert found.places == ["line 2", "line 4", "line 6"]
    assert found.labels.dtype == np.uint8


def test_a_written_training_set(tmp_path):
    ids, labels = ["00ff", 'a "quoted", one', "c"], np.array([1, 0, 1], dtype=np.uint8)
    for name in "ab":
        files.write_training_set(tmp_path / name, ids, labels)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_text() == 'ImageID,Confidence\n00ff,1\n"a ""quoted"", one",0\nc,1\n'
    again = files.read_training_set(tmp_path / "a")
    assert (again.ids, again.labels.tolist()) == (ids, labels.tolist())


HEADER = "ImageID,Confidence\n"


def test_labels_as_numbers_are_written(tmp_path):
    """``1.0`` of pandas, what ``np.savetxt`` writes, and spaces as people leave them."""
    texts = ["1.0", "0.0", " 1", "01", "+1", "1.", "1.000000000000000000e+00", "-0", "0e+00"]
    rows = "".join(f"id{row},{text}\n" for row, text in enumerate(texts))
    found = files.read_training_set(put(tmp_path / "Zero.csv", HEADER + rows))
    assert found.labels.tolist() == [int(float(text)) for text in texts]
    put(tmp_path / "examples" / "alpha_example_set_Zero.csv", HEADER + rows)
    assert files.read_examples(tmp_path, "Zero") == ["id0", "id2", "id3", "id4", "id5", "id6"]


TRAINING_FAULTS = {
    "empty": ("", f"holds no rows; expected {TRAINING}"),
    "header only": (HEADER, f"holds no rows; expected {TRAINING}"),
    "no ImageID": ("id,Confidence\na,1\n", f"line 1: has no column 'ImageID'; expected {TRAINING}"),
    "another case": (
        "imageid,Confidence\na,1\n",
        f"line 1: has no column 'ImageID', but 'imageid'; expected {TRAINING}",
    ),
    "no Confidence": ("ImageID\na\n", f"line 1: has no column 'Confidence'; expected {TRAINING}"),
    "blank header": ("\na,1\n", f"line 1: has no column 'ImageID'; expected {TRAINING}"),
    "a column twice": (
        "ImageID,ImageID,Confidence\na,b,1\n",
        f"line 1: has 2 columns 'ImageID'; expected {TRAINING}",
    ),
    "label 2": (f"{HEADER}a,1\nb,2\n", "line 3: column Confidence holds '2'; expected 0 or 1"),
    "label 0.5": (f"{HEADER}a,0.5\n", "line 2: column Confidence holds '0.5'; expected 0 or 1"),
    "label True": (f"{HEADER}a,True\n", "line 2: column Confidence holds 'True'; expected 0 or 1"),
    "control character": (f"{HEADER}a,1\x1c\n", "line 2: column Confidence holds '1\\x1c'; expected 0 or 1"),
    "other digits": (f"{HEADER}a,\uff11\n", f"line 2: column Confidence holds {chr(0xFF11)!r}; expected 0 or 1"),
    "no line's end": (f"{HEADER}a,1\x85b,0\n", "line 2: holds 3 fields; expected 2, as line 1"),
    "no label": (f"{HEADER}a,\n", "line 2: column Confidence holds ''; expected 0 or 1"),
    "long label": (f"{HEADER}a,{'9' * 500}\n", f"line 2: column Confidence holds '{'9' * 76}...; expected 0 or 1"),
    "no id": (f"{HEADER}a,1\n  ,0\n", "line 3: holds no ImageID; expected an image's id"),
    "an id twice": (
        f"{HEADER}a,1\n\nb,0\na,0\n",
        "line 5: repeats line 2's ImageID 'a'; expected each image once",
    ),
    "few fields": (f"{HEADER}a,1\nb\n", "line 3: holds 1 fields; expected 2, as line 1"),
    "many fields": (f"{HEADER}a,1,\n", "line 2: holds 3 fields; expected 2, as line 1"),
    "one label": (f"{HEADER}a,1\nb,1\n", "holds only the label 1; expected rows of both labels, 0 and 1"),
    "the other label": (f"{HEADER}a,0\n", "holds only the label 0; expected rows of both labels, 0 and 1"),
    "NUL": (f"{HEADER}a,1\nb\0,0\n", f"line 3: holds a NUL byte; expected {TRAINING}"),
    "open quote": (
        f'{HEADER}a,1\n"b,0\nc,1\n',
        f"line 3: is not a csv file; expected {TRAINING}",
    ),
    "long field": (
        f"{HEADER}{'a' * 200_000},1\n",
        f"line 2: is not a csv file; expected {TRAINING}",
    ),
    "not text": (b"ImageID,Confidence\n\xff", f"byte 19: is not UTF-8 text; expected {TRAINING}"),
}


@pytest.mark.parametrize("fault", TRAINING_FAULTS)
def test_a_broken_training_set(fault, tmp_path):
    content, line = TRAINING_FAULTS[fault]
    path = put(tmp_path / "Zero.csv", content)
    assert ours(error_of(files.read_training_set, path)) == f"{path}: {line}"


def test_no_training_set(tmp_path):
    path = tmp_path / "Zero.csv"
    assert error_of(files.read_training_set, path) == f"{path}: no such file; expected {TRAINING}"
    assert error_of(files.read_training_set, tmp_path) == f"{tmp_path}: is a folder; expected {TRAINING}"


def test_a_huge_training_set_is_not_read(tmp_path):
    size = 10 << 40
    with (tmp_path / "Zero.csv").open("wb") as file:
        os.truncate(file.fileno(), size)  # sparse: it takes no space, and reading it would take all memory
    line = error_of(files.read_training_set, tmp_path / "Zero.csv")
    assert line == f"{tmp_path / 'Zero.csv'}: is too large ({size} bytes); expected at most 67108864"


def test_examples(tmp_path):
    path = files.write_examples(tmp_path, "Zero", ["a", "b"])
    assert path == tmp_path / "examples" / "alpha_example_set_Zero.csv"
    assert path.read_text() == "ImageID,Confidence\na,1\nb,1\n"
    assert files.read_examples(tmp_path, "Zero") == ["a", "b"]
    put(path, "ImageID\na\nc\n")
    assert files.read_examples(tmp_path, "Zero") == ["a", "c"]
    put(path, "ImageID,Confidence\na,0\nc,1\n")
    assert files.read_examples(tmp_path, "Zero") == ["c"]
    put(path, "ImageID,Confidence\na,1\nc,yes\n")
    line = "line 3: column Confidence holds 'yes'; expected 0 or 1"
    assert error_of(files.read_examples, tmp_path, "Zero") == f"{path}: {line}"
    put(path, "Confidence\n1\n")
    expected = "expected a csv with the column ImageID: examples of Zero"
    assert error_of(files.read_examples, tmp_path, "Zero") == f"{path}: line 1: has no column 'ImageID'; {expected}"
    path.unlink()
    assert error_of(files.read_examples, tmp_path, "Zero") == f"{path}: no such file; {expected}"


# Test sets.


def test_a_written_test_set(tmp_path):
    ids = [f"{row:016x}" for row in range(9)]
    features = np.random.default_rng(0).standard_normal((9, 4), dtype=np.float32)
    labels = np.array([0, 1, 1, 0, 0, 0, 1, 0, 1], dtype=np.uint8)
    for name in "ab":
        files.write_test_set(tmp_path / name, ids, labels, features)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    table = parquet.read_table(tmp_path / "a")
    assert table.schema.names == ["ImageID", "Confidence", "embedding"]
    assert table.schema.types == [pa.string(), pa.string(), pa.list_(pa.float32())]
    assert table["Confidence"].to_pylist() == ["0", "1", "1", "0", "0", "0", "1", "0", "1"]
    again = files.read_test_set(tmp_path / "a", 4)
    assert again.ids == ids
    assert np.array_equal(again.features, features)
    assert np.array_equal(again.labels, labels)
    assert (again.labels.dtype, again.features.dtype) == (np.uint8, np.float32)


def rewrite(path: Path, column: str, values: object) -> Path:
    columns = parquet.read_table(path).to_pydict()
    parquet.write_table(pa.table({**columns, column: values}), path)
    return path


@pytest.mark.parametrize("values", [[1, 0, 1], ["1", "0", "1"], [1.0, 0.0, 1.0], [True, False, True]])
def test_labels_of_any_type(values, tmp_path):
    files.write_test_set(tmp_path / "t", ["a", "b", "c"], np.zeros(3, np.uint8), np.ones((3, 4), np.float32))
    assert files.read_test_set(rewrite(tmp_path / "t", "Confidence", values), 4).labels.tolist() == [1, 0, 1]


LABELS_WANTED = "expected 0 or 1"
TEST_FAULTS = {
    "label 2": ("Confidence", ["0", "1", "2"], f"row 2: column Confidence holds '2'; {LABELS_WANTED}"),
    "number 2": ("Confidence", [0, 2, 1], f"row 1: column Confidence holds 2; {LABELS_WANTED}"),
    "half": ("Confidence", [0.5, 2, 1], f"row 0: column Confidence holds 0.5; {LABELS_WANTED}"),
    "no label": ("Confidence", ["1", None, "0"], f"row 1: column Confidence holds no value; {LABELS_WANTED}"),
    "no id": ("ImageID", ["a", None, "c"], "row 1: column ImageID holds no value; expected a string"),
    "short": ("embedding", [[1.0]] * 3, "row 0: column embedding holds a vector of length 1; expected length 4"),
    "NaN": (
        "embedding",
        [[1.0] * 4, [float("nan")] * 4, [1.0] * 4],
        "row 1, element 0: column embedding holds nan; expected a finite number",
    ),
}


@pytest.mark.parametrize("fault", TEST_FAULTS)
def test_a_broken_test_set(fault, tmp_path):
    column, values, line = TEST_FAULTS[fault]
    path = tmp_path / "t"
    files.write_test_set(path, ["a", "b", "c"], np.zeros(3, np.uint8), np.ones((3, 4), np.float32))
    assert error_of(files.read_test_set, rewrite(path, column, values), 4) == f"{path}: {line}"


def test_no_test_set(tmp_path):
    path = tmp_path / "t"
    assert error_of(files.read_test_set, path, 4) == f"{path}: no such file; expected {TEST}"
    files.write_test_set(path, [], np.zeros(0, np.uint8), np.ones((0, 4), np.float32))
    assert error_of(files.read_test_set, path, 4) == f"{path}: holds no rows; expected {TEST}"
    parquet.write_table(pa.table({"ImageID": ["a"], "embedding": [[1.0]]}), path)
    columns = "columns ImageID, Confidence, embedding"
    assert error_of(files.read_test_set, path, 4) == f"{path}: has no column 'Confidence'; expected {columns}"
    put(path, b"PAR1")
    assert error_of(files.read_test_set, path, 4).startswith(f"{path}: is not a readable parquet file (")


# Results.


def test_a_result(tmp_path):
    scores = {"Zero": {"accuracy": 0.1, "recall": 1 / 3, "precision": 0.0, "f1": 1.0, "average_precision": 2 / 3}}
    when = datetime(2024, 2, 29, 23, 59, 59, 999, tzinfo=UTC)
    first = files.write_result(tmp_path / "results", scores, when)
    assert first == tmp_path / "results" / "result_UTC-2024-02-29-23-59-59.json"
    assert first.read_text() == json.dumps(scores, indent=4)
    assert json.loads(first.read_text()) == scores
    second = files.write_result(tmp_path / "results", {}, when.astimezone(timezone(timedelta(hours=5))))
    third = files.write_result(tmp_path / "results", {}, when.replace(tzinfo=None))
    assert [second.name, third.name] == [
        "result_UTC-2024-03-01-00-00-00.json",
        "result_UTC-2024-03-01-00-00-01.json",
    ]
    assert json.loads(first.read_text()) == scores


def test_the_real_recordings(shared_data):
    root, setup = files.open_setup(shared_data / "vision")
    assert (list(setup.tasks), setup.dim) == (["Zero", "Three", "Seven"], 256)
    whole = parquet.read_table(root / setup.emb_file)
    vectors = dict(zip(whole["ImageID"].to_pylist(), whole["embedding"].to_pylist(), strict=True))
    for task, file in setup.tasks.items():
        train = files.read_training_set(root / file.train)
        assert train.places == [f"line {line}" for line in range(2, 502)]
        row_of, features = read_embeddings(root / setup.emb_file, train.ids, setup.dim)
        assert list(row_of) == train.ids
        assert np.array_equal(features, np.array([vectors[name] for name in train.ids], np.float32))
        test = files.read_test_set(root / file.test, setup.dim)
        labels = parquet.read_table(root / file.test)["Confidence"].to_pylist()
        assert test.labels.tolist() == list(map(int, labels))
        assert set(files.read_examples(root, task)) <= set(vectors)
