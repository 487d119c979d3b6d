"""Set-up files: where they are found, what folder their paths are meant from, and the lines that errors name."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from dataperf_fast.boards.debugging import files as debugging
from dataperf_fast.boards.debugging import synth
from dataperf_fast.boards.vision import files as vision
from dataperf_fast.contest import manifest
from dataperf_fast.files.errors import InputError, not_json

DEBUGGING = """\
paths:
  embedding_folder: embeddings
  groundtruth_folder: data
  submission_folder: submissions
tasks:
- {data_id: a, train_size: 3, noise_level: 0.3, test_size: 2, val_size: 2}
"""
VISION = """\
data_dir: data
emb_file: embeddings/pool.parquet
dim: 4
eval_tasks: [Hawk]
Hawk: [train/Hawk.csv, test/Hawk.parquet]
"""
# The board's reader, its set-up's text and name, what its root is below the folder of the paths, and its data.
BOARDS = {
    "debugging": (debugging.open_setup, DEBUGGING, "task_setup.yml", "", "embeddings"),
    "vision": (vision.open_setup, VISION, "task_setup.yaml", "data", "data/embeddings/pool.parquet"),
}
KEYS = {"debugging": "line 2, paths.embedding_folder", "vision": "line 2, emb_file"}


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def error_of(call, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in caught.value.line
    return caught.value.line


@pytest.fixture(params=BOARDS)
def board(request):
    return request.param


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_paths_are_read_from_the_file_s_folder_before_the_working_directory(board, here, tmp_path):
    open_setup, text, name, below, part = BOARDS[board]
    for folder in (here, tmp_path / "there"):
        put(folder / part / "x", "")
    path = put(tmp_path / "there" / "mine.yaml", text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_setup(path)[0] == tmp_path / "there" / below
        assert open_setup(put(tmp_path / "there" / name, text).parent)[0] == tmp_path / "there" / below


@pytest.mark.parametrize("place", ["configs/custom.yaml", "app/task_setup.yml", "a/b/task_setup.yaml"])
def test_paths_are_read_from_the_working_directory_and_that_is_said(place, board, here):
    open_setup, text, _, below, part = BOARDS[board]
    put(here / part / "x", "")
    put(here / place, text)
    with pytest.warns(UserWarning, match="working directory") as said:
        assert open_setup(Path(place))[0] == Path(below)
    line = f"{place}: its paths are read from the working directory, {here}"
    assert [str(one.message) for one in said] == [line]


def test_a_checkout_s_set_up_in_app_with_the_data_beside_it(board, here, tmp_path):
    open_setup, text, name, below, part = BOARDS[board]
    checkout = tmp_path / "checkout"
    put(checkout / "app" / name, text)
    put(checkout / part / "x", "")
    put(here / part / "x", "")  # of which nothing is meant
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_setup(checkout)[0] == checkout / below
        put(checkout / "app" / part / "x", "")  # the file's own folder comes first
        assert open_setup(checkout)[0] == checkout / "app" / below


def test_where_nowhere_is_the_data_every_place_is_named(board, here, tmp_path):
    open_setup, text, name, _, part = BOARDS[board]
    wrong = f"{KEYS[board]}: names what is not there: '{part}'; expected it in"
    path = put(tmp_path / "configs" / "custom.yaml", text)
    there = f"{wrong} {path.parent} or in {here}, the working directory"
    assert error_of(open_setup, path) == f"{path}: {there}"
    own = put(here / "custom.yaml", text)
    assert error_of(open_setup, own) == f"{own}: {wrong} {here}, the working directory"
    path = put(tmp_path / "checkout" / "app" / name, text)
    line = error_of(open_setup, tmp_path / "checkout")
    assert line == f"{path}: {wrong} {path.parent} or in {path.parents[1]} or in {here}, the working directory"


def test_part_of_the_data_in_each_place_is_not_mixed(here, tmp_path):
    """Whichever has the embeddings has all: true labels in the other place are not looked at."""
    list(synth.write(tmp_path / "made", synth.DebuggingScale(1, 20, 20, 5), 3))
    shutil.move(tmp_path / "made" / "task_setup.yml", tmp_path / "task_setup.yml")
    folders = [entry.name for entry in (tmp_path / "made").iterdir()]
    for name in folders:
        shutil.copytree(tmp_path / "made" / name, here / name)
    with pytest.warns(UserWarning, match="from the working directory"):
        root, setup = debugging.open_setup(tmp_path / "task_setup.yml")
    task = debugging.read_task(root, setup, setup.tasks[0], None)
    shutil.copytree(tmp_path / "made" / setup.paths.embedding_folder, tmp_path / setup.paths.embedding_folder)
    root, setup = debugging.open_setup(tmp_path / "task_setup.yml")
    line = error_of(debugging.read_task, root, setup, setup.tasks[0], None)
    assert line.startswith(f"{debugging.true_labels_path(tmp_path, setup, setup.tasks[0])}: no such file")
    shutil.copytree(tmp_path / "made" / setup.paths.groundtruth_folder, tmp_path / setup.paths.groundtruth_folder)
    again = debugging.read_task(root, setup, setup.tasks[0], None)
    assert np.array_equal(again.train.features, task.train.features)
    assert np.array_equal(again.true_labels, task.true_labels)


@pytest.mark.parametrize("nearest", ["task_setup.yaml.txt", "app/task-setup.yml", "tasks_setup.yml"])
def test_a_folder_without_a_set_up_shows_the_nearest_name(nearest, board, tmp_path):
    open_setup, text, name, _, _ = BOARDS[board]
    what = f"expected the {board} board's {name}"
    put(tmp_path / "readme.md", "")
    assert error_of(open_setup, tmp_path) == f"{tmp_path}: holds no {name}; {what}"
    put(tmp_path / nearest, text)
    shown = Path(nearest).name
    assert error_of(open_setup, tmp_path) == f"{tmp_path}: holds no {name}, but {shown!r}; {what}"


@pytest.mark.parametrize("part", ["x" * 5000, "a\\0b", "/no/such"])
def test_a_path_that_no_file_system_has(part, here, tmp_path):
    path = put(tmp_path / "s.yml", DEBUGGING.replace("embeddings", f'"{part}"', 1))
    assert "line 2, paths.embedding_folder: names what is not there:" in error_of(debugging.open_setup, path)


# To YAML these end lines, to an editor they do not.
@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85"])
def test_lines_are_counted_as_editors_do(sign, tmp_path):
    comment = f"# one{sign}# two{sign}# three\r\n"
    misfit = put(tmp_path / "s.yml", comment + DEBUGGING.replace("test_size: 2", "test_size: two"))
    assert f"{misfit}: line 7, tasks.0.test_size: holds 'two'" in error_of(debugging.open_setup, misfit)
    broken = put(tmp_path / "b.yml", comment + DEBUGGING.replace("test_size: 2", "test_size: ]"))
    assert error_of(debugging.open_setup, broken).startswith(f"{broken}: line 7: is not YAML (")


@pytest.mark.parametrize("sign", ["\x00", "\x01", "\x1c", "\x7f"])
def test_control_characters_are_no_yaml(sign, tmp_path):
    path = put(tmp_path / "s.yml", "# ü\n" + DEBUGGING.replace("data\n", f"da{sign}ta\n"))
    assert error_of(debugging.open_setup, path).startswith(f"{path}: line 4: is not YAML (unacceptable character")


@pytest.mark.parametrize("number", ["\u0661", "\uff13", "'3 3'", "1e3", ".nan", ".inf", "9" * 5000, "0x", "-3", "0"])
def test_numbers_that_are_none(number, tmp_path):
    path = put(tmp_path / "s.yml", DEBUGGING.replace("train_size: 3", f"train_size: {number}"))
    assert error_of(debugging.open_setup, path).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; expected named fields"),
        ("# only a comment\n", "is empty; expected named fields"),
        ("null\n", "is empty; expected named fields"),
        ("contest: Spring\nboards:\n", "line 2, boards: is empty; expected a list"),
        ("contest: Spring\nboards: [debugging]\n", "line 2, boards.0: holds 'debugging'; expected named fields"),
        ("contest:\nboards: []\n", "line 1, contest: is empty; expected text"),
    ],
)
def test_what_is_empty_is_said_to_be(text, said, tmp_path):
    path = put(tmp_path / "contest.yaml", text)
    assert error_of(manifest.read, path) == f"{path}: {said}"


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_json_file_is_said_to_be(text, tmp_path):
    path = put(tmp_path / "Cupcake.json", text)
    with pytest.raises(json.JSONDecodeError) as error:
        json.loads(text)
    assert not_json(path, error.value, "a set").line == f"{path}: is empty; expected a set"
