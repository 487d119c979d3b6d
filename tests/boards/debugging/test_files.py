"""Every kind of bad input: one line that names file, place, value and expectation; exit 2; the rest is scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from dataperf_fast import cli
from dataperf_fast.boards.debugging import files
from dataperf_fast.files.errors import InputError

TRAIN = "embeddings/synth00-flipped_train_0.3_70.parquet"
TEST = "embeddings/synth00-flipped_test_60.parquet"
TRUTH = "data/dataset_synth00-flipped_train.csv"
RANDOM = "submissions/synth00-flipped_random.txt"


def edit_text(name: str, old: str, new: str):
    def spoil(suite: Path) -> None:
        path = suite / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return spoil


def edit_table(name: str, change):
    def spoil(suite: Path) -> None:
        path = suite / name
        columns = parquet.read_table(path).to_pydict()
        change(columns)
        parquet.write_table(pa.table(columns), path)

    return spoil


def put(column, row, value):
    return lambda columns: columns[column].__setitem__(row, value)


def put_element(row, at, value):
    return lambda columns: columns["encoding"][row].__setitem__(at, value)


def edit_lines(change):
    def spoil(suite: Path) -> None:
        path = suite / RANDOM
        path.write_text("\n".join(change(path.read_text().split())) + "\n")

    return spoil


# What is spoiled, how, and what the line must hold besides the file's name.
TASK_FAULTS = {
    "missing file": (TRAIN, lambda s: (s / TRAIN).unlink(), ["no such file", "train embeddings"]),
    "missing column": (TRAIN, edit_table(TRAIN, lambda c: c.pop("encoding")), ["has no column 'encoding'"]),
    "missing test labels": (TEST, edit_table(TEST, lambda c: c.pop("label")), ["has no column 'label'"]),
    "short vector": (TRAIN, edit_table(TRAIN, lambda c: c["encoding"][3].pop()), ["row 3", "length 2047", "2048"]),
    "no vector": (TRAIN, edit_table(TRAIN, put("encoding", 4, None)), ["row 4", "no vector", "2048"]),
    "empty vectors": (TEST, edit_table(TEST, lambda c: c.update(encoding=[[0.0]] * 60)), ["row 0", "length 1", "2048"]),
    "vectors of text": (TEST, edit_table(TEST, lambda c: c.update(encoding=[["a"]] * 60)), [f"lists of {pa.string()}"]),
    "no list": (
        TEST,
        edit_table(TEST, lambda c: c.update(encoding=[1.0] * 60)),
        [f"holds {pa.float64()}", "list of numbers"],
    ),
    "NaN": (TRAIN, edit_table(TRAIN, put_element(5, 7, float("nan"))), ["row 5, element 7", "nan", "finite"]),
    "infinity": (TEST, edit_table(TEST, put_element(6, 8, float("inf"))), ["row 6, element 8", "inf", "finite"]),
    "label 2": (TRAIN, edit_table(TRAIN, put("label", 9, 2)), ["label", "row 9", "2", "0 or 1"]),
    "no label": (TRAIN, edit_table(TRAIN, put("label", 9, None)), ["label", "row 9", "no value", "0 or 1"]),
    "label of text": (TEST, edit_table(TEST, lambda c: c.update(label=["yes"] * 60)), ["row 0", "'yes'", "0 or 1"]),
    "no name": (TRAIN, edit_table(TRAIN, put("filename", 2, None)), ["filename", "row 2", "a string"]),
    "too few rows": (
        TRAIN,
        edit_table(TRAIN, lambda c: [v.pop() for v in c.values()]),
        ["69 rows", "70", "train_size"],
    ),
    "truncated parquet": (
        TRAIN,
        lambda s: (s / TRAIN).write_bytes((s / TRAIN).read_bytes()[:5000]),
        ["not a readable parquet"],
    ),
    "empty parquet": (TEST, lambda s: (s / TEST).write_bytes(b""), ["not a readable parquet"]),
    "no ground truth": (TRUTH, lambda s: (s / TRUTH).unlink(), ["no such file", "hv_label"]),
    "ground truth column": (TRUTH, edit_text(TRUTH, "hv_label", "label"), ["line 1", "no column 'hv_label'"]),
    "id not in ground truth": (
        TRUTH,
        edit_text(TRUTH, "synth00-flipped_000003,", "other,"),
        ["no ImageID 'synth00-flipped_000003'", "training row 3"],
    ),
    "ground truth label": (TRUTH, edit_text(TRUTH, "_000001,", "_000001,7"), ["line 3", "hv_label", "0 or 1"]),
    "ground truth text": (
        TRUTH,
        edit_text(TRUTH, "_000001,", "_000001,True"),
        ["line 3", "hv_label", "'True", "0 or 1"],
    ),
    "ground truth column twice": (
        TRUTH,
        edit_text(TRUTH, "ImageID,hv_label", "ImageID,hv_label,hv_label"),
        ["line 1", "has 2 columns 'hv_label'"],
    ),
    "ground truth not text": (TRUTH, lambda s: (s / TRUTH).write_bytes(b"\xff\xfe\x00"), ["not UTF-8"]),
}

SUBMISSION_FAULTS = {
    "duplicate": (edit_lines(lambda rows: [rows[0], rows[0], *rows[2:]]), ["line 2", "line 1's row"]),
    "negative": (edit_lines(lambda rows: [*rows[:4], "-1", *rows[5:]]), ["line 5", "-1", "0 to 69"]),
    "too large": (edit_lines(lambda rows: [*rows[:4], "70", *rows[5:]]), ["line 5", "70", "0 to 69"]),
    "huge": (edit_lines(lambda rows: ["9" * 50_000, *rows]), ["is too large"]),
    "fraction": (edit_lines(lambda rows: [*rows[:6], "3.5", *rows[7:]]), ["line 7", "no integer", "3.5"]),
    "word": (edit_lines(lambda rows: ["first", *rows[1:]]), ["line 1", "no integer", "first"]),
    "code": (edit_lines(lambda rows: ["__import__('os')", *rows[1:]]), ["line 1", "no integer", "__import__"]),
    "blank line": (edit_lines(lambda rows: [*rows[:2], "", *rows[2:]]), ["line 3", "no row"]),
    "missing row": (edit_lines(lambda rows: [r for r in rows if r != "17"]), ["69 of 70", "17"]),
    "extra row": (edit_lines(lambda rows: [*rows, rows[0]]), ["line 71", "line 1's row"]),
    "empty": (lambda s: (s / RANDOM).write_text(""), ["is empty"]),
    "not text": (lambda s: (s / RANDOM).write_bytes(b"\x80\x81\n" * 30), ["not UTF-8"]),
}


def run(capsys, *arguments: str) -> tuple[int, list[dict], list[str]]:
    status = cli.main(["evaluate", "debugging", *arguments, "--format", "json", "--no-cache"])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return status, [json.loads(line) for line in printed.out.splitlines()], printed.err.splitlines()


@pytest.mark.parametrize("fault", TASK_FAULTS)
def test_a_broken_task(fault, suite, capsys):
    name, spoil, words = TASK_FAULTS[fault]
    spoil(suite)
    status, records, errors = run(capsys, str(suite))
    assert status == 2
    of_task = [r for r in records if r["task"] == "synth00-flipped"]
    assert [r["status"] for r in of_task] == ["invalid", "invalid"]
    assert [r["status"] for r in records if r["task"] == "synth01"] == ["ok", "ok"]
    for record in of_task:
        assert record["score"] is None
        assert record["error"].startswith(str(suite / name))
        assert all(word in record["error"] for word in words), record["error"]
        assert f"dataperf-fast: {record['error']}" in errors
        assert "\n" not in record["error"]


@pytest.mark.parametrize("fault", SUBMISSION_FAULTS)
def test_a_broken_submission(fault, suite, capsys):
    spoil, words = SUBMISSION_FAULTS[fault]
    spoil(suite)
    status, records, errors = run(capsys, str(suite))
    assert status == 2
    by_name = {(r["task"], r["submission"]): r for r in records}
    broken = by_name["synth00-flipped", "random"]
    assert broken["status"] == "invalid"
    assert broken["error"].startswith(str(suite / RANDOM))
    assert all(word in broken["error"] for word in words), broken["error"]
    assert f"dataperf-fast: {broken['error']}" in errors
    assert by_name["synth00-flipped", "consecutive"]["status"] == "ok"
    assert by_name["synth01", "random"]["status"] == "ok"
    assert by_name["mean", "consecutive"]["status"] == "ok"
    assert by_name["mean", "random"]["status"] == "invalid"  # an average over fewer tasks would compare to no other


def test_a_file_named_after_no_task(suite, capsys):
    (suite / "submissions" / "nosuchtask_method.txt").write_text("0\n")
    (suite / "submissions" / "synth01.txt").write_text("0\n")
    status, records, _ = run(capsys, str(suite))
    assert status == 2
    errors = [r["error"] for r in records if r["status"] == "invalid"]
    assert len(errors) == 2
    assert all("named after no task" in error and "synth00-flipped, synth01" in error for error in errors)
    assert sum(r["status"] == "ok" for r in records) == 6


def test_the_same_method_twice_is_two_submissions(suite, capsys, tmp_path):
    twin = tmp_path / "twin" / "synth01_random.txt"
    twin.parent.mkdir()
    twin.write_text((suite / "submissions" / "synth01_random.txt").read_text())
    status, records, _ = run(capsys, str(suite), "--submissions", str(suite / "submissions"), str(twin))
    assert status == 0
    scores = {(r["submission"], r["task"]): r["score"] for r in records}
    assert scores["twin/random", "synth01"] == scores["submissions/random", "synth01"]
    assert {name for name, _ in scores} == {"consecutive", "submissions/random", "twin/random"}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("synth00_flipped_ours", "synth00-flipped_ours.txt"),
        ("Synth00 flipped ours", "synth00-flipped_ours.txt"),
        ("synth1_ours", "synth01_ours.txt"),
        ("synth01", "synth01_{method}.txt"),
        ("order", "{data_id}_{method}.txt"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(suite, capsys, name, nearest):
    path = suite / "submissions" / f"{name}.txt"
    path.write_text("0\n")
    status, records, _ = run(capsys, str(suite))
    assert status == 2
    assert [record["error"] for record in records if record["status"] == "invalid"] == [
        f"{path}: is named after no task of the set-up; expected {nearest} with data_id synth00-flipped, synth01"
    ]


SETUP_FAULTS = {
    "no file": (lambda s: (s / "task_setup.yml").unlink(), ["holds no task_setup.yml"]),
    "not yaml": (lambda s: (s / "task_setup.yml").write_text("paths: [\n"), ["line 2", "is not YAML"]),
    "no tasks": (lambda s: (s / "task_setup.yml").write_text("paths: {}\n"), ["line 1", "is missing"]),
    "size": (
        edit_text("task_setup.yml", "train_size: 70", "train_size: seventy"),
        ["train_size", "'seventy'", "line "],
    ),
    "zero": (edit_text("task_setup.yml", "test_size: 60", "test_size: 0"), ["test_size", "more than 0"]),
    "id": (edit_text("task_setup.yml", "data_id: synth01", "data_id: ../../etc"), ["data_id", "'../../etc'"]),
    "twice": (edit_text("task_setup.yml", "data_id: synth01", "data_id: synth00-flipped"), ["listed twice"]),
    "code": (
        lambda s: (s / "task_setup.yml").write_text("paths: !!python/object/apply:os.system [echo]\n"),
        ["line 1: is not YAML", "the tag 'tag:yaml.org,2002:python/object/apply:os.system' is unknown"],
    ),
}


@pytest.mark.parametrize("fault", SETUP_FAULTS)
def test_a_broken_setup(fault, suite, capsys):
    spoil, words = SETUP_FAULTS[fault]
    spoil(suite)
    status, records, errors = run(capsys, str(suite))
    assert (status, records, len(errors)) == (2, [], 1)
    assert all(word in errors[0] for word in words), errors


def test_the_line_of_a_field(suite, capsys):
    text = (suite / "task_setup.yml").read_text().replace("val_size: 10", "val_size: ten", 1)
    (suite / "task_setup.yml").write_text(text)
    line = text[: text.index("val_size: ten")].count("\n") + 1
    assert f"line {line}, tasks.0.val_size" in run(capsys, str(suite))[2][0]


ORDER = "2\n0\n1\n"


@pytest.mark.parametrize(
    "text",
    [ORDER, "2\r\n0\r\n1", "2\r0\r1", " 2\n\t0 \n1\n\n", "+2\n-0\n001\n", "2.0\n0.\n1e0\n", "\ufeff2\n0\n1"],
)
def test_ways_to_write_an_order(text, tmp_path):
    path = tmp_path / "a_b.txt"
    path.write_bytes(text.encode())
    assert files.read_submission(path, 3).tolist() == [2, 0, 1]


@pytest.mark.parametrize("style", [{}, {"fmt": "%d"}, {"fmt": "%g"}])
def test_an_order_as_savetxt_writes_it(style, tmp_path):
    order = np.random.default_rng(0).permutation(3000)
    np.savetxt(tmp_path / "a_b.txt", order, **style)
    assert np.array_equal(files.read_submission(tmp_path / "a_b.txt", 3000), order)


# int() reads some of these, and to splitlines() others end a line.
@pytest.mark.parametrize(
    "odd",
    [
        "1_0",
        "\u0661",
        "\uff11",
        "1\x1c",
        "1\x0b",
        "\x851",
        "1\u2028",
        "1\x1c0",
        "1\x00",
        "1.5",
        "nan",
        "9" * 5000,
        "1e999",
        "0x1",
    ],
)
def test_numbers_that_are_no_row(odd, tmp_path):
    path = tmp_path / "a_b.txt"
    path.write_text(f"2\n0\n{odd}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        files.read_submission(path, 3)
    shown = f"{odd!r}" if len(odd) < 70 else f"'{odd[:76]}..."
    assert caught.value.line == f"{path}: line 3: holds no integer: {shown}; expected each row 0 to 2 once, one a line"


@pytest.mark.parametrize(
    ("text", "seconds"), [("12\n", 12), ("0", 0), (" 1.5e-3 \n\n", 0.0015), ("+.25\r\n", 0.25), ("9" * 90, 1e90)]
)
def test_a_time(text, seconds, tmp_path):
    (tmp_path / "time_a_b.txt").write_bytes(text.encode())
    assert files.read_time(tmp_path / "a_b.txt") == seconds


@pytest.mark.parametrize(
    "odd", ["", "1_0", "\u0661", "\uff11", "1\x1c", "1\x85", "\u20281", "nan", "inf", "-1", "1e999", "1\x00", "1\n2"]
)
def test_a_time_that_is_none(odd, tmp_path):
    (tmp_path / "time_a_b.txt").write_text(odd, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        files.read_time(tmp_path / "a_b.txt")
    expected = "expected the seconds that the method took, one number from 0"
    assert caught.value.line == f"{tmp_path / 'time_a_b.txt'}: line 1: holds {odd!r}; {expected}"


def test_what_is_not_there(tmp_path, suite, capsys):
    assert run(capsys, str(tmp_path / "none"))[0] == 2
    assert run(capsys, str(suite), "--submissions", str(tmp_path / "none"))[0] == 2
    (tmp_path / "empty").mkdir()
    assert "holds no submission" in run(capsys, str(suite), "--submissions", str(tmp_path / "empty"))[2][0]


def test_written_files_are_read_back(suite):
    folder, setup = files.open_setup(suite / "task_setup.yml")
    task = files.read_task(folder, setup, setup.tasks[0], 2048)
    path = suite / "again.parquet"
    files.write_vectors(path, task.train)
    table = parquet.read_table(path)
    assert table.schema.equals(parquet.read_table(suite / TRAIN).schema)
    assert table.schema.field("encoding").type == pa.list_(pa.float32())
    assert np.array_equal(np.array(table["encoding"].to_pylist(), np.float32), task.train.features)


def test_of_the_ground_truth_only_the_first_line_of_each_training_row_matters(suite):
    """As the reference looks labels up: other images' labels are not read, and 1.0 is a label as any number is."""
    folder, setup = files.open_setup(suite)
    expected = files.read_task(folder, setup, setup.tasks[0], 2048).true_labels
    _, *lines = (suite / TRUTH).read_text().splitlines()
    pairs = [line.split(",") for line in lines]
    others = ["elsewhere,maybe", "elsewhere,", "nowhere,7", "short"]
    texts = ["{}.0", " {}", "{}", "0{}", "{}e0"]
    truth = [f"{name},{texts[row % 5].format(label)}" for row, (name, label) in enumerate(pairs)]
    contradicted = [f"{name},{1 - int(label)}" for name, label in pairs[:5]] + [f"{pairs[5][0]},unknown"]
    (suite / TRUTH).write_text("\n".join(["ImageID,hv_label", *others, *truth, *contradicted]) + "\n")
    found = files.read_task(folder, setup, setup.tasks[0], 2048).true_labels
    assert np.array_equal(found, expected)
    assert found.tolist() == [int(label) for _, label in pairs]


def test_an_image_is_found_in_its_other_normal_form(suite):
    folder, setup = files.open_setup(suite)
    task = files.read_task(folder, setup, setup.tasks[0], 2048)
    names = ["caf\u00e9.jpg", "e\u0301clair.jpg", *task.train.names[2:]]
    path = files.embedding_path(folder, setup, setup.tasks[0], "train")
    files.write_vectors(path, files.Vectors(names, task.train.features, task.train.labels))
    listed = ["cafe\u0301.jpg", "\u00e9clair.jpg", *names[2:]]
    files.write_true_labels(suite / TRUTH, listed, task.true_labels)
    assert np.array_equal(files.read_task(folder, setup, setup.tasks[0], 2048).true_labels, task.true_labels)


def test_a_set_up_file_nested_without_end_is_refused(tmp_path):
    """libyaml recurses in C: without the check, the process dies."""
    (tmp_path / "task_setup.yml").write_text("[" * 200_000)
    with pytest.raises(InputError, match="line 1: is nested too deeply; expected at most 100 levels"):
        files.open_setup(tmp_path)
