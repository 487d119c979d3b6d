"""Who is a participant of a contest, and what changes a submission."""

from __future__ import annotations

import json
import shutil
import zipfile

import pytest

import dataperf_fast as dpf
from dataperf_fast.boards.debugging import synth
from dataperf_fast.boards.vision import synth as synth_vision
from dataperf_fast.contest import submissions

from . import contests


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hidden") / "data"
    list(synth.write(folder, synth.DebuggingScale(tasks=2, train=40, test=30, val=12), seed=7))
    return folder


def contest(folder, data, board="debugging", **keys):
    tasks = [{"name": "hidden", "data": str(data)}]
    model = {"model": "knn"} if board == "debugging" else {}
    return contests.write(
        folder / "contest.yaml", {"board": board, "submissions": ["teams"], "tasks": tasks} | model | keys
    )


def test_the_same_files_in_any_wrapping_have_the_same_scores(data, tmp_path):
    teams = tmp_path / "teams"
    contests.write_orders(data, teams, 1)
    plain = teams / "team0000"
    files = {file.name: file.read_text() for file in plain.iterdir()}
    shutil.copytree(plain, teams / "wrapped" / "final" / "really")
    for name, start in (("zipped", ""), ("zipped wrapped", "final/")):
        with zipfile.ZipFile(teams / f"{name}.zip", "w") as archive:
            for file, text in files.items():
                archive.writestr(f"{start}{file}", text)
            archive.writestr("__MACOSX/._x", "\0")
    (teams / "README.txt").write_text("one folder a team")
    (teams / "rules.pdf").write_bytes(b"%PDF")
    (teams / "__MACOSX").mkdir()
    (teams / "._wrapped").write_bytes(b"\0")
    path = contest(tmp_path, data)
    scores, _ = contests.score(path)
    alone = {r.task: r.score for r in dpf.evaluate("debugging", data, plain, model="knn", cache=False)}
    assert {s.submission for s in scores} == {"team0000", "wrapped", "zipped", "zipped wrapped"}
    assert [(s.status, s.score) for s in scores] == [("ok", alone[s.task]) for s in scores]
    assert len(scores) == 8


def test_litter_changes_no_submission(data, tmp_path):
    teams = tmp_path / "teams"
    contests.write_orders(data, teams, 2)
    shutil.make_archive(str(teams / "zipped"), "zip", teams / "team0000")
    path = contest(tmp_path, data)
    first, watched = contests.score(path)
    assert watched == {"debugging": 3}
    for name in (".DS_Store", "Thumbs.db", "order.txt~", "._x"):
        (teams / "team0001" / name).write_text("x")
    (teams / "team0001" / "__MACOSX").mkdir()
    (teams / "team0001" / "__MACOSX" / "x_y.txt").write_text("0")
    with zipfile.ZipFile(teams / "zipped.zip", "a") as archive:
        archive.writestr(".DS_Store", "Bud1")
    again, watched = contests.score(path)
    assert sum(watched.values()) == 0
    assert contests.table(again) == contests.table(first)


def test_a_folder_and_a_zip_of_one_name_are_told_apart(data, tmp_path):
    teams = tmp_path / "teams"
    contests.write_orders(data, teams, 1)
    shutil.make_archive(str(teams / "team0000"), "zip", teams / "team0000")
    found = {one.name: one.problem for one in submissions.find([teams], 1 << 20)}
    assert found == {
        "team0000": "",
        "team0000 in teams": f"{teams / 'team0000.zip'}: has the same folder name as {teams / 'team0000'}",
    }


def test_a_zip_is_bounded_as_a_folder_is(tmp_path):
    (tmp_path / "teams").mkdir()
    with zipfile.ZipFile(tmp_path / "teams" / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a_b.txt", "0" * (3 << 20))
    [one] = submissions.find([tmp_path / "teams"], 2 << 20)
    assert one.problem == f"{tmp_path / 'teams' / 'bomb.zip'}: unpacks to more than is allowed; expected at most 2 MiB"


def test_two_submissions_in_one_folder_are_none(data, tmp_path):
    teams = tmp_path / "teams"
    contests.write_orders(data, teams / "anna", 2)
    scores, _ = contests.score(contest(tmp_path, data))
    line = f"{teams / 'anna'}: holds 2 submissions: team0000, team0001; expected the files of one, in one folder"
    assert {(s.submission, s.status, s.error) for s in scores} == {("anna", "invalid", line)}


def test_what_is_missing_is_said_with_what_is_there(data, tmp_path):
    teams = tmp_path / "teams"
    contests.write_orders(data, teams, 1)
    (teams / "team0000" / "synth00-flipped_mine.txt").rename(teams / "team0000" / "synth00_flipped_mine.txt")
    scores, _ = contests.score(contest(tmp_path, data))
    errors = {s.task: s.error for s in scores}
    assert errors["synth01"] is None
    assert errors["synth00-flipped"] == (
        f"{teams / 'team0000'}: holds no file for synth00-flipped but synth00_flipped_mine.txt, synth01_mine.txt; "
        "expected a file a task"
    )


def test_a_single_json_is_a_participant_of_the_vision_board(tmp_path):
    data = tmp_path / "data"
    list(synth_vision.write(data, synth_vision.VisionScale(1, 300, 50, 60, 10), seed=4))
    [concept] = (data / "train_sets").glob("*.csv")
    rows = [line.split(",") for line in concept.read_text().split()[1:]]
    task = dpf.evaluate("vision", data, cache=False)[0]
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "anna.json").write_text(json.dumps({task.task: {name: int(label) for name, label in rows}}))
    (tmp_path / "teams" / "bert.json").write_text("{}")
    scores, _ = contests.score(contest(tmp_path, data, "vision"))
    assert [(s.submission, s.status, s.score) for s in scores] == [
        ("anna", "ok", task.score), ("bert", "invalid", None)
    ]  # fmt: skip
