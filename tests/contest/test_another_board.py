"""The board of docs/add_a_board.md, installed as a package of its own, is scored, organized and shown as ours are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from tests.documents import ROOT, blocks

PAGE = ROOT / "docs" / "add_a_board.md"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder into which pip has installed the page's package."""
    files = {block.about: block.text for block in blocks(PAGE) if block.is_file}
    assert sum(len(files[name].splitlines()) for name in ("pyproject.toml", "labelled_images/board.py")) < 150
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    (source / "labelled_images").mkdir()
    for name, text in {**files, "labelled_images/__init__.py": ""}.items():
        (source / name).write_text(text)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", target]
    subprocess.run([*pip, source], check=True, capture_output=True)
    return target


@pytest.fixture
def command(site, tmp_path):
    def run(*arguments, status=0):
        done = subprocess.run(
            [sys.executable, "-m", "dataperf_fast.cli", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(site)}, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        return done

    return run


def test_it_is_scored_organized_and_shown(command, tmp_path):
    images, values = load_digits(return_X_y=True)
    chosen = np.isin(values, (3, 8))
    images, labels = images[chosen], (values[chosen] == 8).astype(np.uint8)
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "test.npz", images=images[200:], labels=labels[200:])
    sets = {"few": slice(0, 20), "many": slice(0, 200), "too many": slice(0, 201), "evil": None}
    for name, part in sets.items():
        folder = tmp_path / "teams" / name
        folder.mkdir(parents=True)
        if part is None:
            np.savez(folder / "images.npz", images=np.array([{"a": 1}], dtype=object), labels=labels[:1])
        else:
            np.savez(folder / "images.npz", images=images[part], labels=labels[part])
    teams = [tmp_path / "teams" / name for name in sets]
    done = command("evaluate", "labelled-images", "data", "--submissions", *teams, "--format", "json", status=2)
    records = {record["submission"]: record for record in map(json.loads, done.stdout.splitlines())}
    for name in ("few", "many"):
        fit = SVC().fit(images[sets[name]].astype(np.float32), labels[sets[name]])
        assert records[name]["score"] == fit.score(images[200:], labels[200:])
    assert records["few"]["score"] != records["many"]["score"]
    assert "holds 201; expected 200 images" in records["too many"]["error"]
    assert "cannot be read (ValueError)" in records["evil"]["error"]  # nothing is unpickled
    tasks = [{"name": "hidden", "data": "data"}]
    board = {"board": "labelled-images", "tasks": tasks, "submissions": ["teams"]}
    (tmp_path / "contest.yaml").write_text(yaml.safe_dump({"contest": "Images", "boards": [board]}))
    checked = command("organize", "check", "contest.yaml").stderr.splitlines()
    done = command("organize", "run", "contest.yaml", "--format", "json")
    assert checked[:-1] == [line for line in done.stderr.splitlines() if line.startswith("dataperf-fast: ")]
    assert checked[-1] == "Images: boards: 1, sets of tasks: 1, submissions: 4, 2 wrong"
    entries = {e["submission"]: e for e in map(json.loads, done.stdout.splitlines()) if e["kind"] != "paper"}
    assert {name: entry["score"] for name, entry in entries.items()} == {
        name: r["score"] for name, r in records.items()
    }
    command("leaderboard", "--out", "site")
    page = (tmp_path / "site" / "labelled-images.html").read_text()
    assert "too many" in page
    assert "random, by the competition" in page


def test_it_has_all_that_ours_have(command, tmp_path):
    assert command("synth", "labelled-images", "made", "--images", "120").stdout.split() == ["test", "pool"]
    assert (
        "has no meaning for labelled-images"
        in command("synth", "labelled-images", "x", "--tasks", "3", status=2).stderr
    )
    [written] = command("baselines", "labelled-images", "made", "--out", "chosen").stdout.splitlines()
    assert written == "chosen/random/images.npz"
    with np.load(tmp_path / "made" / "test.npz") as test, np.load(tmp_path / written) as chosen:
        fit = SVC().fit(chosen["images"], chosen["labels"])
        plain = fit.score(test["images"], test["labels"])
    submitted = ["labelled-images", "made", "--submissions", "chosen/random"]
    table = command("evaluate", *submitted).stdout
    assert "images" in table.splitlines()[2]  # a column of its own
    assert f"{plain:.4f}" in table
    assert "holds 120; expected 50 images" in command("evaluate", *submitted, "--limit", "50", status=2).stderr
    refused = command("evaluate", *submitted, "--limit", "50", "--show-prompts", status=2).stderr
    assert "--show-prompts: has no meaning for labelled-images; expected a board with prompts" in refused
    assert command("evaluate", *submitted, "--backend", "reference").stdout.count(f"{plain:.4f}") == 1
    report = json.loads(command("verify", *submitted, "--format", "json").stdout)
    assert report["same"]
    [ladder] = report["ladders"]
    assert [rung["verdict"] for rung in ladder["rungs"]] == ["equal"] * 4
    [score] = report["scores"]
    assert score["scores"] == [plain, plain]
    found = json.loads(command("profile", *submitted, "--format", "json").stdout)
    assert found["retrains"] == 1
    assert found["stages"]["read"] > 0 < found["stages"]["train"]


def test_an_unknown_board_is_refused_with_those_there_are(command):
    assert "labelled-images" in command("evaluate", "chess", "data", status=2).stderr
