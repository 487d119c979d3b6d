"""Who is a participant of a contest, and what changes a submission."""

from __future__ import annotations

import json
import shutil
import time
import zipfile

import pytest

import dataperf_fast as dpf
from dataperf_fast import cli
from dataperf_fast.boards.debugging import synth
from dataperf_fast.boards.vision import synth as synth_vision
from dataperf_fast.contest import submissions
from dataperf_fast.contest.store import now

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


@pytest.fixture
def shared(data, tmp_path):
    """Two boards over one folder of teams: who enters the first, the second, both or none, in any wrapping."""
    list(synth_vision.write(tmp_path / "pool", synth_vision.VisionScale(1, 300, 50, 60, 10), seed=4))
    [concept] = (tmp_path / "pool" / "train_sets").glob("*.csv")
    teams = tmp_path / "teams"
    contests.write_orders(data, teams, 1)
    (teams / "team0000").rename(teams / "labels")
    for name in ("images", "both"):
        shutil.copytree(concept.parent, teams / name / "deep" / "er")
    shutil.copytree(teams / "labels", teams / "both", dirs_exist_ok=True)
    for name in ("labels", "images"):
        shutil.make_archive(str(teams / f"{name} zipped"), "zip", teams / name)
    shutil.copytree(concept.parent, teams / "linked")
    (teams / "linked" / "link").symlink_to(teams / "both")
    shutil.copy(next((teams / "labels").iterdir()), teams / "synth00-flipped_alone.txt")
    (teams / "nothing").mkdir()
    (teams / "nothing" / "paper.pdf").write_bytes(b"%PDF")
    boards = [
        {"board": "debugging", "model": "knn", "tasks": [{"name": "hidden", "data": str(data)}]},
        {"board": "vision", "tasks": [{"name": "hidden", "data": "pool"}]},
    ]
    return contests.write(tmp_path / "contest.yaml", *(board | {"submissions": ["teams"]} for board in boards))


def test_who_enters_one_of_two_boards_is_not_invalid_on_the_other(shared):
    scores, _ = contests.score(shared)
    entered = {}
    for score in scores:
        entered.setdefault(score.board, {}).setdefault(score.submission, set()).add(score.status)
    assert entered == {
        "debugging": {
            "labels": {"ok"}, "labels zipped": {"ok"}, "both": {"ok"}, "nothing": {"invalid"},
            "synth00-flipped_alone": {"ok", "invalid"},
        },
        "vision": {
            "images": {"ok"}, "images zipped": {"ok"}, "both": {"ok"}, "nothing": {"invalid"}, "linked": {"invalid"},
        },
    }  # fmt: skip


def test_a_board_with_a_folder_of_its_own_passes_nobody_over(data, shared):
    text = shared.read_text()
    before, _, after = text.rpartition("teams")
    (shared.parent / "others").mkdir()
    shared.write_text(f"{before}others{after}")
    scores, _ = contests.score(shared)
    assert {score.status for score in scores if score.submission == "images"} == {"invalid"}


def test_a_team_may_hand_in_several_where_the_manifest_says_so(data, tmp_path):
    teams = tmp_path / "teams"
    contests.write_orders(data, teams / "anna", 2)
    contests.write_orders(data, teams / "bert", 2, seed=5)
    contests.write_orders(data, teams, 1, seed=6)  # one whose folder holds its files
    shutil.make_archive(str(teams / "bert" / "zipped"), "zip", teams / "bert" / "team0000")
    (teams / "bert" / "README.md").write_text("two, and one of them zipped")
    (teams / "anna" / "link").symlink_to(teams / "bert")
    path = contest(tmp_path, data, several=True)
    scores, _ = contests.score(path)
    found = {score.submission: score.status for score in scores}
    assert found == {
        "anna/team0000": "ok", "anna/team0001": "ok", "anna/link": "invalid", "bert/team0000": "ok",
        "bert/team0001": "ok", "bert/zipped": "ok", "team0000": "ok",
    }  # fmt: skip
    for name in ("anna/team0001", "bert/team0001", "team0000"):
        alone = {r.task: r.score for r in dpf.evaluate("debugging", data, teams / name, model="knn", cache=False)}
        assert all(s.score == alone[s.task] for s in scores if s.submission == name)
    digests = {score.submission: score.submission_digest for score in scores}
    assert len(set(digests.values())) == 6  # the zip holds what another does, and is another submission's
    order = next((teams / "anna" / "team0001").iterdir())
    order.write_text("\n".join(reversed(order.read_text().split())) + "\n")
    assert contests.score(path)[1] == {"debugging": 1}  # the others keep their scores
    [setting] = contests.standing(path)
    assert {entry.submission for entry in setting.entries if entry.kind != "paper"} == set(found)


def test_a_board_heeds_no_change_of_another_boards_files(shared, capsys):
    contests.score(shared)
    assert cli.main(["organize", "freeze", str(shared)]) == 0
    both = shared.parent / "teams" / "both"
    order = next(both.glob("*.txt"))
    order.write_text("\n".join(reversed(order.read_text().split())) + "\n")
    capsys.readouterr()
    assert cli.main(["organize", "run", str(shared)]) == 0
    assert ": 1 handed in or changed later and not scored: debugging: both\n" in capsys.readouterr().err
    assert cli.main(["organize", "freeze", str(shared), "--lift"]) == 0
    time.sleep(1.1)  # what a date parts has seconds
    when = now()
    assert cli.main(["organize", "run", str(shared)]) == 0
    capsys.readouterr()
    assert cli.main(["organize", "diff", str(shared), "--since", when]) == 0
    assert [line.split("  ", 1)[1] for line in capsys.readouterr().out.splitlines()] == [
        "changed    debugging, knn: both"
    ]
    (both / "of_none.txt").write_text("whose?")  # in an error of any board
    assert contests.score(shared)[1] == {"debugging": 1, "vision": 1}


def test_boards_by_two_models_take_the_same_files(data, tmp_path):
    contests.write_orders(data, tmp_path / "teams", 1)
    part = {"board": "debugging", "tasks": [{"name": "hidden", "data": str(data)}], "submissions": ["teams"]}
    path = contests.write(tmp_path / "contest.yaml", part | {"model": "knn"}, part | {"model": "svc"})
    digests = {one.submission_digest for one in contests.score(path)[0]}
    assert len(digests) == 1
    order = next((tmp_path / "teams" / "team0000").iterdir())
    order.write_text("\n".join(reversed(order.read_text().split())) + "\n")
    assert contests.score(path)[1] == {"debugging": 2}
