"""The pictures: which files appear, what is in them, and what does not break them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
from matplotlib import image

from dataperf_fast import cli
from dataperf_fast.boards.acquisition import picture as acquisition_picture
from dataperf_fast.boards.debugging import picture as debugging_picture
from dataperf_fast.boards.debugging.board import DebuggingResult
from dataperf_fast.boards.vision import picture as vision_picture
from dataperf_fast.files.records import Record
from dataperf_fast.report import dots


@dataclass
class Scored:
    task: str
    records: list[Record]


def record(name, score, **details):
    return Record("board", "task", name, "ok" if score is not None else "invalid", "m", score, True, details)


def vision(name, score):
    metrics = {"accuracy": 0.8, "recall": 0.7, "precision": 0.9, "average_precision": 0.85}
    return record(name, score, **(metrics if score is not None else {}))


NAMES = ["plain", "$x_1$ and $", "_hidden", "long" * 30, "ünïcode"]


@pytest.mark.parametrize("task", ["Hawk", "c07"])
def test_a_concept(tmp_path, task):
    scored = Scored(task, [*(vision(name, 0.5) for name in NAMES), vision("broken", None)])
    assert vision_picture.draw(tmp_path, scored) == [tmp_path / f"{task}_scores.png"]
    assert image.imread(tmp_path / f"{task}_scores.png").shape[1] == 880


@pytest.mark.parametrize("task", ["0", "7"])
def test_a_market(tmp_path, task):
    scored = Scored(task, [record(name, 0.7, trials=[0.6, 0.8]) for name in NAMES])
    assert acquisition_picture.draw(tmp_path, scored) == [tmp_path / f"market_{task}_accuracy.png"]


@pytest.mark.parametrize("draw", [vision_picture.draw, acquisition_picture.draw])
def test_nothing_is_drawn_of_nothing(tmp_path, draw):
    assert draw(tmp_path, Scored("0", [vision("broken", None)])) == []
    assert draw(tmp_path, Scored("mean", [record("a", 0.5)])) == []
    assert list(tmp_path.iterdir()) == []


def test_the_best_forty_are_shown(tmp_path):
    def height(count):
        rows = [dots.Row(str(number), number / 100, {"all": [0.5]}) for number in range(count)]
        (path,) = dots.draw(tmp_path / f"{count}.png", dots.Chart("title", "axis"), rows)
        return image.imread(path).shape[0]

    assert height(5) < height(40) == height(60)


def test_a_sweep(tmp_path):
    path = tmp_path / "sweep_market_3.csv"
    lines = ["strategy,fraction,trial,rows,cost,accuracy", "uniform,0.1,0,5,2.5,0.6", "uniform,0.1,1,7,3.5,0.7"]
    path.write_text("\n".join([*lines, "single,0.1,0,4,4.0,", "single,0.2,0,8,8.0,0.5"]) + "\n")
    other = tmp_path / "uniform.csv"
    assert acquisition_picture.draw_sweeps([other, path]) == [tmp_path / "sweep_market_3.png"]
    path.write_text(lines[0] + "\n")
    assert acquisition_picture.draw_sweeps([path])[0].is_file()


@pytest.mark.parametrize(("model", "name"), [("linear-net", "time_to_value.png"), ("knn", "time_to_value_knn.png")])
def test_what_methods_cost_against_what_they_give(tmp_path, model, name):
    timed = [
        Record("debugging", f"task{task}", method, "ok", "m", 0.1 * task, False, {"method_seconds": 10.0**-task})
        for task in range(3)
        for method in NAMES
    ]
    untimed = [record("x", 0.5), record("y", None, method_seconds=1.0)]
    scored = DebuggingResult("mean", [], model, over_tasks=timed + untimed)
    assert debugging_picture.draw(tmp_path, scored) == [tmp_path / name]
    assert image.imread(tmp_path / name).shape[:2] == (605, 990)
    assert debugging_picture.draw(tmp_path / "none", DebuggingResult("mean", [], model, over_tasks=untimed)) == []


def test_a_notebooks_back_end_costs_no_picture(suite, tmp_path):
    """matplotlib refuses to be imported where it cannot import what its environment names."""
    command = [sys.executable, "-m", "dataperf_fast.cli", "evaluate", "debugging", str(suite), "--out", str(tmp_path)]
    environment = os.environ | {"MPLBACKEND": "not a back end of this environment"}
    refused = subprocess.run(
        [sys.executable, "-c", "import matplotlib"], env=environment, capture_output=True, check=False
    )
    assert refused.returncode  # or this test could not fail
    done = subprocess.run([*command, "--model", "knn"], env=environment, capture_output=True, text=True, check=True)
    assert "left out" not in done.stderr
    assert len(list(tmp_path.glob("*.png"))) == 3  # a task each, and both
    assert (tmp_path / "scores.csv").is_file()


@pytest.mark.filterwarnings("always:pictures are left out")
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("no font\nat all"), "RuntimeError: no font"),
        (FileNotFoundError(2, "No such file or directory", "a.ttf"), "a.ttf: No such file or directory"),
    ],
)
def test_a_picture_that_fails_costs_no_score(error, said, suite, tmp_path, monkeypatch, capsys):
    def fail(folder, result):
        raise error

    monkeypatch.setattr(debugging_picture, "draw", fail)
    monkeypatch.setenv("MPLBACKEND", "agg")
    command = ["evaluate", "debugging", str(suite), "--model", "knn", "--out", str(tmp_path)]
    assert cli.main(command) == 0
    assert os.environ["MPLBACKEND"] == "agg"
    shown = capsys.readouterr()
    assert f"pictures are left out ({said})\n" in shown.err
    rows = (tmp_path / "scores.csv").read_text().splitlines()
    assert len(rows) > 2
    assert not list(tmp_path.glob("*.png"))
