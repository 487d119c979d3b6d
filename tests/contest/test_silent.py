"""Tasks that say nothing of submissions: found on every board, said by synth, a check and the pages, each with why."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import yaml

from dataperf_fast import boards, cli
from dataperf_fast.boards import evaluation
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.debugging import files as debugging_files
from dataperf_fast.boards.debugging import synth as debugging
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.vision import files as vision_files
from dataperf_fast.boards.vision import synth as vision

from . import contests


def found(board: str, data: Path, model: str | None = None) -> dict[str, str]:
    with evaluation.open_engine(boards.load(board), model, "cpu", cache=False) as engine:
        return boards.load(board).says_nothing(data, model, engine)


def clean(data: Path, number: int) -> None:
    """Give a debugging task its true labels from the start."""
    setup = debugging_files.open_setup(data)[1]
    task = debugging_files.read_task(data, setup, setup.tasks[number], None)
    path = debugging_files.embedding_path(data, setup, setup.tasks[number], "train")
    debugging_files.write_vectors(
        path, debugging_files.Vectors(task.train.names, task.train.features, task.true_labels)
    )


@pytest.mark.parametrize("model", [None, "knn"])
def test_a_debugging_task_that_is_at_its_target_before_cleaning(model, tmp_path):
    list(debugging.write(tmp_path, debugging.DebuggingScale(2, 80, 60, 10), 3))
    assert found("debugging", tmp_path, model) == {}
    clean(tmp_path, 1)
    order = tmp_path / "submissions" / "synth01_backwards.txt"
    order.parent.mkdir()
    order.write_text("\n".join(map(str, range(79, -1, -1))))
    [record] = evaluation.evaluate("debugging", tmp_path, order, model=model, cache=False)
    assert record.details["accuracy_before"] == record.details["accuracy_cleaned"] > record.details["target"]
    of = record.details
    assert found("debugging", tmp_path, model) == {
        "synth01": f"the accuracy before cleaning, {of['accuracy_before']:.2f}, is at the target, {of['target']:.4g}, "
        "so that every order scores the same"
    }


@pytest.mark.parametrize("label", [0, 1])
def test_a_concept_whose_test_images_have_one_label(label, tmp_path):
    list(vision.write(tmp_path, vision.VisionScale(2, 300, 30, 40, 5), 0))
    assert found("vision", tmp_path) == {}
    path = tmp_path / "test_sets" / "alpha_test_set_Hawk_256.parquet"
    test = vision_files.read_test_set(path, 256)
    vision_files.write_test_set(path, test.ids, np.full(30, label, np.uint8), test.features)
    why = f"all test images have the label {label}, so that nothing has to be told apart"
    assert found("vision", tmp_path) == {"Hawk": why}


def test_a_language_whose_evaluation_clips_are_of_one_class(tmp_path):
    list(speech.write(tmp_path, speech.SpeechScale({"en": speech.LanguageSize((6, 5), (4, 3), 2, 3, 4)}), 0))
    assert found("speech", tmp_path) == {}
    path = tmp_path / "dataperf_en_data" / "eval.yaml"
    heard = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({"targets": {}, "nontargets": heard["nontargets"]}))
    why = "all evaluation clips are of no target, so that nothing has to be told apart"
    assert found("speech", tmp_path) == {"en_25": why, "en_60": why}


@pytest.mark.parametrize(
    ("budget", "why"),
    [
        ("300", "the budget, 300, buys every row of every seller"),
        ("299.99", ""),
        ("0", "the budget, 0, buys no row of any seller"),
        ("row", ""),
        ("less than a row", "buys no row of any seller"),
    ],
)
def test_a_market_whose_budget_buys_everything_or_nothing(budget, why, tmp_path):
    list(acquisition.write(tmp_path, acquisition.AcquisitionScale(1, 3, 64, 20, 30), 0))
    assert found("acquisition", tmp_path) == {}
    sizes = [len(path.read_text().split()) for path in sorted((tmp_path / "features" / "0").iterdir())]
    cheapest = 100 / max(sizes)
    amount = {"row": f"{cheapest + 1e-9:.9f}", "less than a row": f"{cheapest - 1e-6:.9f}"}.get(budget, budget)
    (tmp_path / "marketinfo" / "0" / "price" / "budget.txt").write_text(amount)
    told = found("acquisition", tmp_path)
    assert told.keys() == ({"0"} if why else set())
    assert told.get("0", "").endswith(why)


def test_a_market_whose_buyer_has_one_label(tmp_path):
    list(acquisition.write(tmp_path, acquisition.AcquisitionScale(1, 3, 40, 20, 30), 0))
    path = tmp_path / "marketinfo" / "0" / "data_buyer" / "20.csv"
    path.write_text("".join(line.rsplit(",", 1)[0] + ",1\n" for line in path.read_text().split()))
    assert found("acquisition", tmp_path) == {
        "0": "all rows of the buyer have the label 1, so that nothing has to be told apart"
    }


def test_a_board_that_does_not_say_has_none(tmp_path):
    assert found("nibbler", tmp_path) == {}


@pytest.mark.filterwarnings("default")
def test_synth_says_so(tmp_path, capsys):
    sizes = ["--tasks", "1", "--train", "2", "--test", "10", "--val", "2", "--noise", "inverted"]
    for seed in range(9):  # of two labels, 30% inverted is one
        assert cli.main(["synth", "debugging", str(tmp_path / str(seed)), *sizes, "--seed", str(seed)]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    expected = [seed for seed in range(9) if found("debugging", tmp_path / str(seed))]
    assert len(lines) == len(expected) > 0
    start = f"dataperf-fast: warning: {tmp_path / str(expected[0])}: synth00-flipped says nothing: the accuracy before "
    assert lines[0].startswith(start)


@pytest.mark.filterwarnings("default")
def test_a_check_and_the_page_say_so_and_a_run_goes_on(tmp_path, capsys):
    list(debugging.write(tmp_path / "data", debugging.DebuggingScale(2, 60, 40, 10), 3))
    clean(tmp_path / "data", 1)
    contests.write_orders(tmp_path / "data", tmp_path / "teams", 2)
    tasks = [{"name": "hidden", "data": "data"}]
    board = {"board": "debugging", "model": "knn", "submissions": ["teams"], "tasks": tasks}
    path = str(contests.write(tmp_path / "contest.yaml", board))
    assert cli.main(["organize", "check", path]) == 0
    [line] = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert line.startswith(
        "dataperf-fast: warning: debugging, knn, hidden, synth01: says nothing: the accuracy before "
    )
    assert cli.main(["organize", "run", path]) == 0
    assert cli.main(["leaderboard", path, "--out", str(tmp_path / "site")]) == 0
    page = (tmp_path / "site" / "debugging-knn.html").read_text()
    assert "Says nothing of submissions: <bdi>synth01</bdi>." in page  # and of a hidden task not why
    assert page.count("Says nothing") == 1
    meaning = boards.load("debugging").metric_means["fraction_fixes"]
    assert f"fraction fixes, lower is better: {meaning}. The score is the mean over the hidden tasks." in page
    assert "a shorter bar is a better score" in page
    shown = contests.write(tmp_path / "contest.yaml", board | {"tasks": [tasks[0] | {"hidden": False}]})
    assert cli.main(["leaderboard", str(shown), "--out", str(tmp_path / "site")]) == 0
    page = (tmp_path / "site" / "debugging-knn.html").read_text()
    assert "Says nothing of submissions: <bdi>synth01: the accuracy before cleaning, " in page


def test_every_metric_of_our_boards_has_a_meaning():
    with warnings.catch_warnings():
        known = {name: boards.load(name) for name in boards.NAMES}
    for board in known.values():
        metrics = {"fooling_pairs", "creativity"} if board.name == "nibbler" else {board.metric}
        assert board.metric_means.keys() == metrics
        assert all(text[0].islower() and not text.endswith(".") for text in board.metric_means.values())
