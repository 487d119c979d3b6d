"""Sets of tasks that hold tasks of one name: which of them a participant's file is for."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile

import pytest
from pyarrow import parquet

import dataperf_fast as dpf
from dataperf_fast import cli
from dataperf_fast.boards.debugging import synth
from dataperf_fast.boards.vision import synth as synth_vision
from dataperf_fast.contest import submissions
from dataperf_fast.files.set_folders import OfSet, find

from . import contests

SETS = ("hidden", "warm-up")
TASKS = [{"name": "hidden", "data": "hidden"}, {"name": "warm-up", "data": "warm-up", "hidden": False}]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two sets with tasks of the same names, and for each of them an order of its own a task."""
    folder = tmp_path_factory.mktemp("made")
    for seed, name in enumerate(SETS, start=1):
        list(synth.write(folder / name, synth.DebuggingScale(tasks=2, train=40, test=60, val=12), seed=seed))
        contests.write_orders(folder / name, folder / "orders" / name, 1, seed=10 + seed)
    return folder


@pytest.fixture
def contest(made, tmp_path):
    for name in SETS:
        shutil.copytree(made / name, tmp_path / name)
    (tmp_path / "teams").mkdir()
    board = {"board": "debugging", "model": "knn", "tasks": TASKS, "submissions": ["teams"]}
    return contests.write(tmp_path / "contest.yaml", board)


def orders(made, name):
    return made / "orders" / name / "team0000"


def alone(made, name, of=None):
    """What the files for a set have on it, or on another, as ``evaluate`` says it."""
    records = dpf.evaluate("debugging", made / (of or name), orders(made, name), model="knn", cache=False)
    return {record.task: record.score for record in records if record.task != "mean"}


def scores_of(path, team):
    scores, watched = contests.score(path)
    return {
        name: {s.task: s.score for s in scores if (s.submission, s.dataset) == (team, name)} for name in SETS
    }, watched


def zipped(path, folders):
    with zipfile.ZipFile(path, "w") as archive:
        for start, folder in folders.items():
            for file in folder.iterdir():
                archive.write(file, f"{start}/{file.name}")


def test_files_in_a_folder_named_after_a_set_are_for_that_set_alone(made, contest):
    teams = contest.parent / "teams"
    for name in SETS:
        shutil.copytree(orders(made, name), teams / "plain" / name)
        shutil.copytree(orders(made, name), teams / "deep" / "final" / name.capitalize() / "v2")
        shutil.copytree(orders(made, name), teams / "zips" / name)
        shutil.make_archive(str(teams / "zips" / name), "zip", teams / "zips" / name)
        shutil.rmtree(teams / "zips" / name)
    zipped(teams / "zipped.zip", {f"final/{name}": orders(made, name) for name in SETS})
    right = {name: alone(made, name) for name in SETS}
    assert right["hidden"] != alone(made, "warm-up", "hidden")  # or nothing is told by it
    for team in ("plain", "deep", "zips", "zipped"):
        assert scores_of(contest, team)[0] == right


def test_files_elsewhere_are_for_every_set_that_has_no_folder(made, contest):
    teams = contest.parent / "teams"
    shutil.copytree(orders(made, "hidden"), teams / "anna")
    shutil.copytree(orders(made, "warm-up"), teams / "anna" / "warm-up")
    assert scores_of(contest, "anna")[0] == {name: alone(made, name) for name in SETS}
    shutil.rmtree(teams / "anna" / "warm-up")
    both, watched = scores_of(contest, "anna")
    assert both == {"hidden": alone(made, "hidden"), "warm-up": alone(made, "hidden", "warm-up")}
    assert watched == {"debugging": 2}  # other files than before: none of the old scores is theirs


@pytest.mark.parametrize("wrapped", [False, True])
def test_who_has_a_folder_for_one_set_alone_has_nothing_for_the_other(made, contest, wrapped):
    teams = contest.parent / "teams"
    zipped(teams / "anna.zip", {"final/hidden" if wrapped else "hidden": orders(made, "hidden")})
    shutil.copytree(orders(made, "hidden"), teams / "bert" / "hidden")
    scores, _ = contests.score(contest)
    for team in ("anna", "bert"):
        mine = [score for score in scores if score.submission == team]
        assert {s.task: s.score for s in mine if s.dataset == "hidden"} == alone(made, "hidden")
        assert {(s.status, s.score) for s in mine if s.dataset == "warm-up"} == {("invalid", None)}
    [line] = {s.error for s in scores if (s.submission, s.dataset) == ("bert", "warm-up")}
    expected = "files named {data_id}_{method}.txt, or folders of them"
    assert line == f"{teams / 'bert'}: holds no submission to warm-up but hidden; expected {expected}"


def test_what_a_folders_name_says_is_part_of_a_submission(made, contest):
    """Unpacked all these are the same files; by their folders they are for other tasks."""
    path = contest.parent / "teams" / "anna.zip"
    digests = set()
    for folder in (*SETS, "final", "."):
        zipped(path, {folder: orders(made, "hidden")})
        digests |= {one.digest for one in submissions.find([path.parent], 1 << 20, sets=SETS)}
    assert len(digests) == 3  # final/ says nothing
    [plain] = submissions.find([path.parent], 1 << 20)
    assert plain.digest in digests  # nor does any folder where a contest has no such set: old scores stay


def test_a_set_folder_lacks_a_file_and_says_which_folder_does(made, contest):
    mine = contest.parent / "teams" / "anna"
    shutil.copytree(orders(made, "hidden"), mine)
    shutil.copytree(orders(made, "warm-up"), mine / "warm-up")
    (mine / "warm-up" / "synth01_mine.txt").unlink()
    scores, _ = contests.score(contest)
    wrong = {(s.dataset, s.task): s.error for s in scores if s.status != "ok"}
    lies_there = "holds no file for synth01 but synth00-flipped_mine.txt"
    assert wrong == {("warm-up", "synth01"): f"{mine / 'warm-up'}: {lies_there}; expected a file a task"}


def test_of_several_submissions_a_folder_named_after_a_set_is_none(made, contest):
    contest.write_text(contest.read_text().replace("  model: knn\n", "  model: knn\n  several: true\n"))
    teams = contest.parent / "teams"
    for name in SETS:
        shutil.copytree(orders(made, name), teams / "one" / name)
        for version in ("v1", "v2"):
            shutil.copytree(orders(made, name), teams / "two" / version / name)
    scores, _ = contests.score(contest)
    assert {score.submission for score in scores} == {"one", "two/v1", "two/v2"}
    right = {name: alone(made, name) for name in SETS}
    assert all(score.score == right[score.dataset][score.task] for score in scores)


def test_one_of_two_sets_whose_names_differ_in_case_is_meant_by_its_own_alone(tmp_path):
    for name in ("A", "b"):
        (tmp_path / "anna" / name).mkdir(parents=True)
    assert find(tmp_path / "anna", ["A", "a"]) == {"A": [tmp_path / "anna" / "A"]}
    assert find(tmp_path / "anna", ["a", "B"]) == {name: [tmp_path / "anna" / name.swapcase()] for name in ("a", "B")}
    assert OfSet("c", ("c", "b")).parts(tmp_path / "anna") == ([tmp_path / "anna"], {str(tmp_path / "anna" / "b")})
    (tmp_path / "anna" / "link").symlink_to(tmp_path)
    assert find(tmp_path / "anna", ["link"]) == {}


LINE = (
    "dataperf-fast: warning: {}: debugging: hidden and warm-up both hold synth00-flipped, synth01, with different "
    "data: a file for it is taken for both; expected tasks of other names, or files in folders hidden/ and warm-up/ of "
    "submissions"
)


@pytest.mark.parametrize("action", [["check"], ["run"], ["kit", "--out", "new"]])
def test_the_organizer_is_told_of_sets_that_share_a_name(contest, action, monkeypatch, capsys):
    monkeypatch.chdir(contest.parent)
    assert cli.main(["organize", action[0], str(contest), *action[1:]]) == 0
    assert capsys.readouterr().err.splitlines().count(LINE.format(contest)) == 1


def test_sets_whose_participants_are_given_the_same_need_no_folders(tmp_path, monkeypatch, capsys):
    """The same pool and concept with other test images: one file is right for both."""
    monkeypatch.chdir(tmp_path)
    list(synth_vision.write(tmp_path / "hidden", synth_vision.VisionScale(1, 300, 50, 60, 10), seed=4))
    shutil.copytree("hidden", "warm-up")
    [labels] = (tmp_path / "warm-up" / "test_sets").glob("*")
    parquet.write_table(parquet.read_table(labels).slice(1), labels)
    (tmp_path / "teams").mkdir()
    path = contests.write(tmp_path / "contest.yaml", {"board": "vision", "tasks": TASKS, "submissions": ["teams"]})
    cli.main(["organize", "check", str(path)])
    assert "both hold" not in capsys.readouterr().err


def test_the_kit_says_which_folder_a_file_goes_to(contest, tmp_path):
    cli.main(["organize", "kit", str(contest), "--out", str(tmp_path / "kit")])
    readme = (tmp_path / "kit" / "debugging" / "README.md").read_text()
    assert "| train.parquet, val.parquet | warm-up/synth01_" in readme
    assert "named after a set of tasks, as above, is for that set alone" in readme
    assert "hidden" not in readme


def test_show_tells_the_sets_apart(made, contest, capsys):
    teams = contest.parent / "teams"
    for name in SETS:
        shutil.copytree(orders(made, name), teams / "anna" / name)
    contests.score(contest)
    cli.main(["organize", "show", str(contest), "anna"])
    out = capsys.readouterr().out
    for name in SETS:
        assert f"file for {name}, synth01: {name}/synth01_mine.txt\n" in out
    assert "passed over" not in out


def broken_on_both(made, contest):
    """Submissions that are wrong in other ways on both sets; their errors quote what the sets hold."""
    teams = contest.parent / "teams"
    for name in SETS:
        for team in ("line", "rows", "missing", "fine"):
            shutil.copytree(orders(made, name), teams / team / name)
        (teams / "line" / name / "synth01_mine.txt").write_text("0\n999\n")
        (teams / "rows" / name / "synth01_mine.txt").write_text("0\n1\n")
        (teams / "missing" / name / "synth01_mine.txt").unlink()
    shutil.make_archive(str(teams / "zipped"), "zip", teams / "line")
    contests.score(contest)


def notes(contest, capsys):
    """What the pages and their downloads say of each submission, which is the same; and all of their texts."""
    site = contest.parent / "site"
    assert cli.main(["leaderboard", str(contest), "--out", str(site)]) == 0
    entries = json.loads((site / "debugging-knn.json").read_text())["entries"]
    with (site / "debugging-knn.csv").open() as file:
        assert [row["note"] for row in csv.DictReader(file)] == [entry["note"] for entry in entries]
    rows = {entry["submission"]: entry["note"] for entry in entries if entry["kind"] != "paper"}
    texts = [path.read_text() for path in site.iterdir() if path.suffix in (".html", ".csv", ".json")]
    assert all(any(note in text for text in texts) for note in rows.values())
    return rows, "".join(texts)


def test_pages_tell_of_hidden_sets_where_a_file_is_wrong_and_not_why(made, contest, capsys):
    broken_on_both(made, contest)
    found, texts = notes(contest, capsys)
    assert found == {
        "fine": "", "line": "hidden/synth01_mine.txt: line 2", "missing": "hidden", "rows": "hidden/synth01_mine.txt",
        "zipped": "hidden/synth01_mine.txt: line 2",
    }  # fmt: skip
    assert "expected" not in texts
    assert "row 999" not in texts
    for action in (["run"], ["check"], ["show", "line"]):  # the organizer's
        capsys.readouterr()
        cli.main(["organize", action[0], str(contest), *action[1:]])
        assert "line 2: holds the row 999" in "".join(capsys.readouterr())


def test_pages_tell_of_sets_that_all_may_see_why(made, contest, capsys):
    contest.write_text(contest.read_text().replace("data: hidden\n", "data: hidden\n    hidden: false\n"))
    broken_on_both(made, contest)
    found, _ = notes(contest, capsys)
    assert "line 2: holds the row 999" in found["line"]
    assert "holds no file for synth01" in found["missing"]
