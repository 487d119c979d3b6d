"""A store that is not there: what reads says so and leaves everything as it is; a run that makes one says that."""

from __future__ import annotations

import re
import shutil
import unicodedata
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from dataperf_fast import cli
from dataperf_fast.boards.debugging import synth
from dataperf_fast.contest import manifest, planning
from dataperf_fast.contest.store import Store
from dataperf_fast.report import leaderboard as pages

from . import contests


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> Path:
    """A contest's folder, scored, with its pages and its export."""
    folder = tmp_path_factory.mktemp("contest")
    list(synth.write(folder / "data", synth.DebuggingScale(tasks=1, train=30, test=30, val=10), seed=7))
    contests.write_orders(folder / "data", folder / "teams", 3)
    write(folder)
    contests.score(folder / "contest.yaml")
    assert cli.main(["leaderboard", str(folder / "contest.yaml"), "--out", str(folder / "site")]) == 0
    export = ["organize", "export", str(folder / "contest.yaml"), "--parquet", str(folder / "scores.parquet")]
    assert cli.main(export) == 0
    return folder


@pytest.fixture
def folder(scored, tmp_path) -> Path:
    return shutil.copytree(scored, tmp_path / "contest")


def write(folder: Path, **keys) -> Path:
    tasks = [{"name": "hidden", "data": "data"}]
    board = {"board": "debugging", "model": "knn", "submissions": ["teams"], "tasks": tasks}
    return contests.write(folder / "contest.yaml", board, **keys)


def below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def readers(folder: Path) -> dict[str, list[str]]:
    path = str(folder / "contest.yaml")
    return {
        "leaderboard": ["leaderboard", path, "--out", str(folder / "site"), "--dynabench", str(folder / "posts")],
        "export": ["organize", "export", path, "--parquet", str(folder / "scores.parquet")],
        "logs": ["organize", "logs", path],
    }


@pytest.mark.parametrize("reader", ["leaderboard", "export", "logs"])
@pytest.mark.parametrize("there", ["mistyped", "moved", "an empty file"])
def test_a_store_that_is_not_there_costs_nothing(folder, reader, there, capsys):
    if there == "mistyped":
        write(folder, store="sqlite:///stor.sqlite")
    else:
        (folder / "store.sqlite").rename(folder.parent / "store.sqlite")
    if there == "an empty file":
        (folder / "store.sqlite").touch()
    before = below(folder)
    assert cli.main(readers(folder)[reader]) == 2
    out, err = capsys.readouterr()
    [line] = err.splitlines()
    assert out == ""
    name = "stor.sqlite" if there == "mistyped" else "store.sqlite"
    place = "line 10, store" if there == "mistyped" else "store (default)"
    assert line.startswith(
        f"dataperf-fast: {folder}/contest.yaml: {place} 'sqlite:///{name}': no store there; expected "
    )
    assert line.endswith(
        "expected store.sqlite, which lies beside it, or one that `organize run` makes" if there == "mistyped"
        else "expected one that `organize run` makes, or another key: is it mistyped?"
    )  # fmt: skip
    assert below(folder) == before
    assert not (folder / "posts").exists()


def test_a_run_that_makes_a_store_says_so_and_what_may_be_meant(folder, capsys):
    path = str(write(folder, store="sqlite:///stor.sqlite"))
    assert cli.main(["organize", "run", path]) == 0
    err = capsys.readouterr().err.splitlines()
    assert err[0] == f"made a new store: sqlite:///{folder}/stor.sqlite"
    named = f"dataperf-fast: warning: {folder}/contest.yaml: line 10, store 'sqlite:///stor.sqlite': is new; "
    assert err[1:3] == [
        f"{named}beside it lies store.sqlite",
        f"{named}the pages in {folder / 'site'} show 3 scores of an old one",
    ]
    assert cli.main(["organize", "run", path]) == 0
    assert "new" not in capsys.readouterr().err
    other = str(write(folder, store="sqlite:///other.sqlite", contest="Autumn"))
    assert cli.main(["organize", "run", other]) == 0
    assert "the pages" not in capsys.readouterr().err  # another contest's


def test_a_run_that_cannot_read_makes_no_store(folder, capsys):
    (folder / "store.sqlite").unlink()
    next((folder / "data").rglob("*_test_*")).unlink()
    assert cli.main(["organize", "run", str(folder / "contest.yaml")]) == 2
    assert "no such file; expected a file that scores depend on" in capsys.readouterr().err
    assert not list(folder.glob("store.sqlite*"))


def test_an_empty_board_is_published_before_the_first_submission_and_over_no_scores(folder, capsys):
    path = str(folder / "contest.yaml")
    shutil.rmtree(folder / "site")
    (folder / "store.sqlite").unlink()
    (folder / "teams").rename(folder / "later")
    (folder / "teams").mkdir()
    publish = readers(folder)["leaderboard"]
    assert cli.main(["organize", "run", path]) == 0
    capsys.readouterr()
    for _ in range(2):  # over itself too
        assert cli.main(publish) == 0
        named = f"{path}: store (default) 'sqlite:///store.sqlite'"
        first = capsys.readouterr().err.splitlines()[0]
        assert first == f"dataperf-fast: warning: {named}: holds no score of 'Spring'; the board is empty"
    assert pages.lying_in(folder / "site") == ("Spring", 0)
    (folder / "teams").rmdir()
    (folder / "later").rename(folder / "teams")
    assert cli.main(["organize", "run", path]) == 0
    assert cli.main(publish) == 0
    assert pages.lying_in(folder / "site") == ("Spring", 3)


def test_pages_with_scores_are_not_replaced_by_an_empty_board(folder, capsys):
    before = below(folder / "site")
    write(folder, contest="Sprung")
    assert cli.main(readers(folder)["leaderboard"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert f"{folder / 'site'}: shows 3 scores and stays as it is (" in line
    assert "holds no score of 'Sprung'; expected 'Spring'" in line
    write(folder)
    for file in (folder / "data").rglob("*_train.csv"):  # other data: every score is of what is no longer there
        file.write_text(file.read_text() + "\n")
    assert cli.main(readers(folder)["leaderboard"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "holds no score of the files as they are now; expected `organize run` after" in line
    assert below(folder / "site") == before
    assert cli.main(["leaderboard", str(folder / "contest.yaml"), "--out", str(folder / "elsewhere")]) == 0
    assert pages.lying_in(folder / "elsewhere") == ("Spring", 0)


@pytest.mark.parametrize("lost", ["of some tasks", "of an earlier version"])
def test_pages_are_not_replaced_by_a_board_that_shows_no_score(folder, lost, capsys):
    """Scores of the warm-up tasks are none of a board's; pages without a count of them may show any number."""
    if lost == "of some tasks":
        shutil.copytree(folder / "data", folder / "warm-up")
        tasks = [{"name": "hidden", "data": "data", "hidden": True}, {"name": "warm-up", "data": "warm-up"}]
        board = {"board": "debugging", "model": "knn", "submissions": ["teams"], "tasks": tasks}
        contests.write(folder / "contest.yaml", board)
        contests.score(folder / "contest.yaml")
        for file in (folder / "data").rglob("*_train.csv"):
            file.write_text(file.read_text() + "\n")
        reason = "holds no submission's scores on all tasks that count"
    else:
        for page in (folder / "site").glob("*.html"):
            page.write_text(re.sub("<meta name=.dataperf-fast.*", "", page.read_text()))
        write(folder, contest="Sprung")
        reason = "holds pages of an earlier version and stays as it is ("
    before = below(folder / "site")
    capsys.readouterr()
    assert cli.main(readers(folder)["leaderboard"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert reason in line
    assert below(folder / "site") == before


def test_a_leaderboard_names_who_has_no_score_and_names_of_nobody(folder, capsys):
    order = next((folder / "teams" / "team0001").iterdir())
    order.write_text("\n".join(reversed(order.read_text().split())) + "\n")
    path = folder / "contest.yaml"
    path.write_text(path.read_text().replace("  model: knn", "  model: knn\n  dynabench: {team7: 3}"))
    assert cli.main(readers(folder)["leaderboard"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" in line][1:]
    assert "debugging, knn, hidden: 1 of 3 submissions have no score by neighbour-votes" in lines[0]
    assert ": team0001; `organize run` by the same backend makes them" in lines[0]
    assert f"{path}: line 5, boards.0.dynabench.team7: no submission is named 'team7'" in lines[1]


@pytest.mark.parametrize("url", ["sqlite:///store.sqlite", "sqlite+pysqlite:///store.sqlite"])
def test_a_relative_store_lies_beside_the_manifest(folder, url, monkeypatch):
    monkeypatch.chdir(folder.parent)
    write(folder, store=url)
    with closing(Store(manifest.read(Path("contest/contest.yaml")).store)) as store:
        assert len(store.scores("Spring")) == 3


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite+pysqlite://"])
def test_a_store_that_is_forgotten_is_refused(folder, url, capsys):
    write(folder, store=url)
    assert cli.main(["organize", "check", str(folder / "contest.yaml")]) == 2
    expected = f"line 10, store: is forgotten when a command ends: {url!r}; expected sqlite:///store.sqlite"
    assert expected in capsys.readouterr().err


def test_an_export_wants_a_file(folder, capsys):
    command = ["organize", "export", str(folder / "contest.yaml"), "--parquet", str(folder / "site")]
    assert cli.main(command) == 2
    assert (
        capsys.readouterr().err
        == f"dataperf-fast: {folder / 'site'}: is a folder; expected a file, or a place for one\n"
    )


def test_a_board_that_shows_less_says_so(folder, capsys):
    (folder / "teams" / "team0000").rename(folder / "gone")
    assert cli.main(readers(folder)["leaderboard"]) == 0
    first = capsys.readouterr().err.splitlines()[0]
    assert first == f"dataperf-fast: warning: {folder / 'site'}: showed 3 scores, and now 2"


def test_no_score_is_exported_over_some(folder, tmp_path, capsys):
    path, export = folder / "scores.parquet", readers(folder)["export"]
    before = path.read_bytes()
    write(folder, store="sqlite:///new.sqlite")
    Store(manifest.read(folder / "contest.yaml").store, make=True).close()
    assert cli.main(export) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line == f"dataperf-fast: {path}: stays as it is: the store holds no score to export"
    assert path.read_bytes() == before
    assert [file.name for file in folder.glob("*scores*")] == ["scores.parquet"]
    path.unlink()
    assert cli.main(export) == 0
    assert isinstance(table := parquet.read_table(path), pa.Table)
    assert table.num_rows == 0


def test_logs_of_nothing_say_so(folder, capsys):
    assert cli.main(readers(folder)["logs"]) == 0
    assert capsys.readouterr() == ("", "Spring: no algorithm has run\n")


def test_names_of_nobody_are_warned_of_and_end_nothing(folder, capsys):
    """Nobody may have handed a baseline in yet; and cron need not be told until somebody has."""
    path = str(folder / "contest.yaml")
    manifest_text = Path(path).read_text()
    Path(path).write_text(manifest_text.replace("  model: knn", "  model: knn\n  baselines: [team1]"))
    lines = []
    for action in ("check", "run"):
        assert cli.main(["organize", action, path, "--strict"]) == 0
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("dataperf-fast: ")]
        lines.append([line for line in said if "no submission is named" in line])
    where = f"{path}: line 5, boards.0.baselines.0"
    assert lines == [[f"dataperf-fast: warning: {where}: no submission is named 'team1'; expected team0001"]] * 2


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_in_the_manifest_finds_a_folder_in_another_normal_form(form, folder):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    (folder / "teams" / "team0001").rename(folder / "teams" / unicodedata.normalize(other, "M\u00fcller"))
    name = unicodedata.normalize(form, "M\u00fcller")
    path = folder / "contest.yaml"
    keys = f"  model: knn\n  baselines: [{name}]\n  dynabench: {{{name}: 3, team0002: 4}}"
    path.write_text(path.read_text().replace("  model: knn", keys), encoding="utf-8")
    contest = manifest.read(path)
    plan = planning.read(contest, contests.Watched())
    assert planning.strangers(contest, plan) == []
    kinds = {entrant.submission.name: entrant.kind for work in plan for entrant in work.entrants}
    found = unicodedata.normalize(other, name)
    assert kinds == {"team0000": "submission", found: "baseline", "team0002": "submission"}
    assert contest.manifest.boards[0].dynabench == {found: 3, "team0002": 4}


def test_an_invalid_baseline_is_seen_to_be_so(folder, capsys):
    path = folder / "contest.yaml"
    path.write_text(path.read_text().replace("  model: knn", "  model: knn\n  baselines: [team0000, team0001]"))
    next((folder / "teams" / "team0001").iterdir()).write_text("x\n")
    assert cli.main(["organize", "run", str(path)]) == 0
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    found = {row[2].strip(): (row[3].strip() != "", row[7].strip()) for row in rows}
    assert found == {
        "team0000": (True, "baseline"), "team0001": (False, "invalid"), "team0002": (True, "ok"),
    }  # fmt: skip


@pytest.mark.parametrize("place", ["teams/site", "teams/team0000", "data/site"])
def test_nothing_is_written_where_it_would_be_taken_for_a_participants(folder, place, capsys):
    path, out = str(folder / "contest.yaml"), str(folder / place)
    there = sorted(folder.rglob("*"))
    for command in (
        ["leaderboard", path, "--out", out], ["leaderboard", path, "--out", "x", "--dynabench", out],
        ["organize", "kit", path, "--out", out], ["organize", "backup", path, f"{out}/x"],
        ["organize", "export", path, "--parquet", f"{out}/x"],
    ):  # fmt: skip
        capsys.readouterr()
        assert cli.main(command) == 2
        named = f"{folder / place.partition('/')[0]}, which the manifest names; expected another place\n"
        assert capsys.readouterr().err.endswith(named)
    assert sorted(folder.rglob("*")) == there


@pytest.mark.parametrize("action", ["check", "run"])
def test_the_organizer_is_told_of_teams_with_the_same_files(folder, action, capsys):
    path = folder / "contest.yaml"
    shutil.copytree(folder / "teams" / "team0000", folder / "teams" / "zoe")
    for name in ("empty", "empty too"):
        (folder / "teams" / name).mkdir()
    capsys.readouterr()
    assert cli.main(["organize", action, str(path)]) == 0
    [line] = [line for line in capsys.readouterr().err.splitlines() if "the same files" in line]
    told = "debugging, knn: of several teams, and the same files: team0000 and zoe; team0001 and team0002"
    assert line == f"dataperf-fast: warning: {told}"
    path.write_text(path.read_text().replace("  model: knn", "  model: knn\n  baselines: [zoe, team0001]"))
    cli.main(["organize", action, str(path)])
    assert "the same files" not in capsys.readouterr().err
