"""What stood when: changes since a date, earlier scores, seasons in one store, the freeze, backups and exports."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from dataperf_fast import cli
from dataperf_fast.boards.debugging import synth
from dataperf_fast.contest import algorithms, manifest, run, seasons, store
from dataperf_fast.contest.store import Store

from . import contests
from .test_leaderboard import Page

START = datetime(2026, 1, 1, tzinfo=UTC)


class Contest:
    """A contest of three teams in a folder, whose days pass when they are told to."""

    def __init__(self, folder: Path, monkeypatch, capsys):
        self.folder, self.capsys, self.day = folder, capsys, 0
        list(synth.write(folder / "data", synth.DebuggingScale(tasks=2, train=30, test=30, val=10), seed=7))
        contests.write_orders(folder / "data", folder / "teams", 3)
        self.write()
        for module in (store, run, seasons, algorithms):
            monkeypatch.setattr(module, "now", self.now)

    def now(self) -> str:
        return (START + timedelta(days=self.day)).isoformat(timespec="seconds")

    def write(self, **keys) -> None:
        tasks = [{"name": "hidden", "data": "data"}]
        board = {"board": "debugging", "model": "knn", "submissions": ["teams"], "tasks": tasks}
        contests.write(self.folder / "contest.yaml", board, **keys)

    def team(self, name: str = "team0000") -> Path:
        return self.folder / "teams" / name

    def turn(self, name: str = "team0000") -> None:
        """A team hands in its orders the other way round."""
        for path in self.team(name).iterdir():
            path.write_text("\n".join(reversed(path.read_text().split())) + "\n")

    def __call__(self, *words: str, status: int = 0) -> tuple[list[str], list[str]]:
        command, *more = words
        place = [command] if command == "leaderboard" else ["organize", command]
        self.capsys.readouterr()
        assert cli.main([*place, str(self.folder / "contest.yaml"), *more]) == status
        out, err = self.capsys.readouterr()
        return out.splitlines(), err.splitlines()

    def run(self, day: int) -> dict[str, float]:
        """A run on a day; the scores by submission."""
        self.day = day
        entries = [json.loads(line) for line in self("run", "--format", "json")[0]]
        return {entry["submission"]: entry["score"] for entry in entries if entry["kind"] != "paper"}

    def page(self, *words: str) -> Page:
        self("leaderboard", "--out", str(self.folder / "site"), *words)
        return Page(self.folder / "site" / "debugging-knn.html")

    def changes(self, since: int) -> list[tuple[str, str, str]]:
        when = (START + timedelta(days=since)).date().isoformat()
        found = [json.loads(line) for line in self("diff", "--since", when, "--format", "json")[0]]
        return [(one["when"][:10], one["what"], one["submission"]) for one in found]


@pytest.fixture
def contest(tmp_path, monkeypatch, capsys) -> Contest:
    return Contest(tmp_path / "contest", monkeypatch, capsys)


def names_of(page: Page) -> dict[str, str]:
    return {row["name"]: row["cells"][2].split()[0] for row in page.rows() if row["class"] != "paper"}


def test_what_was_new_changed_withdrawn_and_rescored(contest):
    first = contest.run(0)
    contest.turn()
    shutil.rmtree(contest.team("team0001"))
    shutil.copytree(contest.team("team0002"), contest.team("zoe"))
    second = contest.run(5)
    assert contest.changes(5) == [
        ("2026-01-06", "changed", "team0000"), ("2026-01-06", "withdrawn", "team0001"), ("2026-01-06", "new", "zoe"),
    ]  # fmt: skip
    assert [what for _, what, _ in contest.changes(0)] == ["new"] * 3 + ["changed", "withdrawn", "new"]
    for file in (contest.folder / "data").rglob("*_train.csv"):
        file.write_text(file.read_text() + "\n")
    assert contest.run(9) == second
    assert contest.changes(6) == [("2026-01-10", "rescored", name) for name in ("team0000", "team0002", "zoe")]
    assert contest.changes(10) == []
    assert "nothing has changed since 2026-02-01" in contest("diff", "--since", "2026-02-01")[1][0]
    text = contest("diff", "--since", "2026-01-10")[0]
    assert text[0] == "2026-01-10T00:00:00+00:00  rescored   debugging, knn: team0000 (other data)"
    assert contest("diff", "--since", "2026-01-10T01:00+02:00")[0] == text  # in another zone, an hour before
    for when in ("yesterday", "0001-01-01T00:00+05:00"):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["organize", "diff", str(contest.folder / "contest.yaml"), "--since", when])
        assert stopped.value.code == 2
        line = contest.capsys.readouterr().err.splitlines()[-1]
        expected = "2026-05-01, or with a time, 2026-05-01T12:00+02:00"
        assert line.endswith(f"organize diff: error: argument --since: is '{when}'; expected {expected}")
    page = contest.page()
    earlier = [text for attributes, text in page.all("dt") if text.startswith("before, ")]
    assert sorted(earlier) == ["before, by other data"] * 3 + ["before, by other files"]
    told = [text for _, text in page.all("dd") if text.endswith(", 2026-01-01 00:00:00 UTC")]
    assert f"{first['team0000']:.4f}, 2026-01-01 00:00:00 UTC" in told


def test_who_comes_back_with_the_old_files_has_the_score_that_he_had(contest):
    first = contest.run(0)
    contest.turn()
    second = contest.run(1)
    contest.turn()
    assert contest.run(2) == first
    assert contest.changes(2) == [("2026-01-03", "changed", "team0000")]
    [before] = [text for _, text in contest.page().all("dd") if text.endswith("2026-01-02 00:00:00 UTC")]
    assert before == f"{second['team0000']:.4f}, 2026-01-02 00:00:00 UTC"


def test_all_that_is_known_of_a_team(contest):
    contest.run(0)
    first, second = sorted(contest.team().iterdir())
    scores = {s.task: s.score for s in stored(contest) if s.submission == "team0000"}
    first.write_text("zero\n")
    second.write_text("0\n0\n")
    (contest.team() / "notes.md").write_text("mine")
    (contest.team() / ".DS_Store").write_text("Bud1")
    before = list(contest("show", "team0000")[0])
    contest.day = 1
    contest("run")
    out, _ = contest("show", "team0000")
    assert out[0] == "== debugging, knn: team0000"
    assert out[1] == f"lies in: {contest.team()}, since 2026-01-02T00:00:00+00:00"
    assert out[2:4] == [f"file for {path.name.partition('_')[0]}: {path.name}" for path in (first, second)]
    assert out[4] == "passed over: .DS_Store, notes.md"
    assert [line.partition(": invalid: ")[0] for line in out[5:7]] == [f"hidden / {task}" for task in scores]
    assert str(first) in out[5]
    assert str(second) in out[6]  # every reason, not the first alone
    assert out[7] == "posted in Debugging, knn: invalid"
    assert out[8:] == [
        f"earlier (1), 2026-01-01T00:00:00+00:00: hidden / {task}: {score!r}" for task, score in scores.items()
    ]
    assert before[5:7] == out[5:7]  # before a run has scored it, in the same words
    [shown] = [json.loads(line) for line in contest("show", "team0000", "--format", "json")[0]]
    assert shown["passed_over"] == [".DS_Store", "notes.md"]
    shutil.rmtree(contest.team())
    contest.day = 2
    contest("run")
    assert contest("show", "team0000")[0][1] == (
        "withdrawn: 2026-01-03T00:00:00+00:00; stood since 2026-01-02T00:00:00+00:00"
    )
    [line] = contest("show", "team001", status=2)[1]
    assert line.endswith("contest.yaml: no submission is named 'team001'; expected team0001")


def stored(contest: Contest):
    with closing(Store(manifest.read(contest.folder / "contest.yaml").store)) as opened:
        return opened.scores("Spring")


def test_seasons_lie_in_one_store_and_old_ones_are_shown(contest):
    contest.write(season=2025)  # a number is a name
    first = contest.run(0)
    shown = names_of(contest.page())
    contest.write(season="2026")
    shutil.rmtree(contest.team("team0001"))
    contest.turn("team0002")
    for file in (contest.folder / "data").rglob("*_train.csv"):  # the new season's tasks are others
        file.write_text(file.read_text() + "\n")
    second = contest.run(30)
    assert set(second) == {"team0000", "team0002"}
    assert [what for _, what, _ in contest.changes(0)] == ["new", "new"]
    page = contest.page()
    assert not [text for _, text in page.all("dt") if text.startswith("before, ")]  # another season's are none of it
    assert "Spring, 2026" in page.raw
    assert names_of(contest.page("--season", "2025")) == shown == {n: f"{score:.4f}" for n, score in first.items()}
    assert "Spring, 2025" in (contest.folder / "site" / "index.html").read_text()
    line = contest("leaderboard", "--out", "x", "--season", "2024", status=2)[1][0]
    assert line.endswith("holds no season of 'Spring' named '2024'; expected '2025' or '2026'")
    line = contest("leaderboard", "--out", "x", "--season", "2025", "--backend", "reference", status=2)[1][0]
    assert "holds no run of the season by the backend, reference" in line


def test_what_is_handed_in_after_the_freeze_is_not_scored(contest):
    contest.run(0)
    contest.turn()
    (contest.folder / "teams" / "late").mkdir()
    shutil.copytree(contest.team("team0001"), contest.team("in time"))
    contest.day = 7
    assert contest("freeze")[1] == ["Spring: frozen since 2026-01-08T00:00:00+00:00"]
    shutil.rmtree(contest.folder / "teams" / "late")
    frozen = contest.run(8)  # what stood then is still scored
    assert set(frozen) == {"team0000", "team0001", "team0002", "in time"}
    contest.turn("team0001")
    shutil.copytree(contest.team("team0002"), contest.team("too late"))
    shutil.rmtree(contest.team("team0002"))
    assert contest.run(9) == frozen
    for action in ("run", "check"):
        warned = [line for line in contest(action)[1] if "warning" in line]
        silent = [line for line in warned if "says nothing" in line]  # as the check does of the made-up tasks
        line, lost = [line for line in warned if line not in silent and "the same files" not in line]
        assert bool(silent) == (action == "check")
        assert line.endswith("frozen since 2026-01-08T00:00:00+00:00: 2 handed in or changed later and not scored: "
                             "debugging: team0001, debugging: too late")  # fmt: skip
        assert "1 without a score, whose files of then are gone or changed: debugging: late;" in lost
    page = contest.page()
    assert "Frozen since 2026-01-08 00:00:00 UTC" in page.raw
    assert names_of(page) == {name: f"{score:.4f}" for name, score in frozen.items()}
    contest.day = 10
    assert contest("freeze")[1] == ["Spring: frozen since 2026-01-08T00:00:00+00:00"]  # once
    contest("freeze", "--lift")
    assert set(contest.run(11)) == {"team0000", "team0001", "in time", "too late"}
    assert "is not frozen" in contest("freeze", "--lift", status=2)[1][0]
    assert "Frozen" not in contest.page().raw


def test_an_export_says_what_is_current_and_when(contest):
    contest.run(0)
    contest.turn()
    shutil.rmtree(contest.team("team0001"))
    contest.run(1)
    shutil.rmtree(contest.team("team0002"))  # of which no run knows
    path = contest.folder / "scores.parquet"
    contest("export", "--parquet", str(path))
    table = parquet.read_table(path)
    assert table.schema.field("finished").type == pa.timestamp("us", "UTC")
    rows = table.to_pylist()
    assert {(row["submission"], row["finished"].day, row["current"]) for row in rows} == {
        ("team0000", 1, False), ("team0000", 2, True), ("team0001", 1, False), ("team0002", 1, True),
    }  # fmt: skip
    contest.write(contest="Autumn", season="2")
    contest.run(2)
    contest("export", "--parquet", str(path))
    assert {(row["contest"], *row["seasons"]) for row in parquet.read_table(path).to_pylist()} == {("Autumn", "2")}
    contest("export", "--parquet", str(path), "--all")
    everything = parquet.read_table(path).to_pylist()
    assert {row["contest"] for row in everything} == {"Autumn", "Spring"}
    of_spring = {(row["submission"], row["current"]) for row in everything if row["contest"] == "Spring"}
    assert of_spring == {
        ("team0000", True),
        ("team0000", False),
        ("team0001", False),
        ("team0002", True),
    }  # its last run


def test_a_store_of_an_earlier_version_opens_and_keeps_its_past(contest):
    first = contest.run(0)
    path = contest.folder / "store.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        for name in ("entries", "seasons", "rulings", "choices", "changes_of_rules", "acts"):
            connection.execute(f"DROP TABLE {name}")
    assert names_of(contest.page()) == {name: f"{score:.4f}" for name, score in first.items()}
    with closing(sqlite3.connect(path)) as connection:  # who reads makes no table
        assert {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} == {
            "scores", "algorithm_runs",
        }  # fmt: skip
    contest.turn()
    contest.run(3)
    assert contest.changes(0) == [("2026-01-01", "new", f"team000{number}") for number in range(3)] + [
        ("2026-01-04", "changed", "team0000")
    ]


def test_a_backup_is_whole_and_comes_back(contest):
    first = contest.run(0)
    path, backup = contest.folder / "store.sqlite", contest.folder / "kept" / "store.backup"
    with closing(Store(f"sqlite:///{path}", make=True)) as writing, writing._database.connect():  # while one is open
        assert contest("backup", str(backup))[1] == [f"wrote {backup}, 6 scores, checked"]
    assert [file.name for file in backup.parent.iterdir()] == ["store.backup"]
    contest.turn()
    second = contest.run(1)
    for damage in (lambda: None, lambda: path.write_bytes(b"\xff" * 9999), path.unlink):
        damage()
        said = contest("restore", str(backup))[1]
        assert said[0] == f"restored 6 scores from {backup}"
        kept = [line.rpartition(" ")[2] for line in said[1:]]
        assert all(Path(name).exists() for name in kept)
        assert len(stored(contest)) == 6
        if kept:
            Path(kept[0]).unlink()
    assert contest.run(2) == second != first  # the changed one is scored again
    broken = contest.folder / "broken.backup"
    content = bytearray(backup.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    broken.write_bytes(content)
    before = path.read_bytes()
    for file, line in (
        (broken, "is damaged ("), (contest.folder / "contest.yaml", "is no store"), (contest.folder / "x", "no such"),
    ):  # fmt: skip
        [said] = contest("restore", str(file), status=2)[1]
        assert re.match(f"dataperf-fast: {re.escape(str(file))}: ({re.escape(line)}|cannot be restored)", said)
    assert path.read_bytes() == before
    assert "is the store itself" in contest("backup", str(path), status=2)[1][0]
    kept = backup.read_bytes()
    [said] = contest("backup", str(backup), status=2)[1]
    assert said.endswith(f"{backup}: is there already; expected a new file, called by its date for instance")
    assert backup.read_bytes() == kept
    contest.write(store="postgresql+psycopg://me:secret@host/db")
    for action, program in (("backup", "pg_dump"), ("restore", "pg_restore")):
        [said] = contest(action, str(backup), status=2)[1]
        assert said.endswith(f"is no SQLite file; expected {program}, which does it for PostgreSQL")
        assert "secret" not in said


def test_show_of_a_frozen_season_never_shows_other_files(contest, monkeypatch):
    means = contest.run(0)

    def posted(name):
        rank = 1 + sum(mean < means[name] for mean in means.values())
        return f"posted in Debugging, knn: {means[name]:.4f}, rank {rank} of 3"

    scores = {s.submission: [] for s in stored(contest)}
    for score in stored(contest):
        scores[score.submission].append(f"hidden / {score.task}: {score.score!r}")
    contest("freeze")
    shutil.rmtree(contest.team("team0000"))
    contest.turn("team0001")
    shutil.copytree(contest.team("team0002"), contest.team("late"))
    (contest.folder / "private").mkdir()
    (contest.folder / "private" / "passwords.txt").write_text("mine")
    monkeypatch.chdir(contest.folder / "private")
    assert contest("show", "team0000")[0] == [
        "== debugging, knn: team0000", "its files of the freeze are no longer there", *scores["team0000"],
        posted("team0000"),
    ]  # fmt: skip
    out = contest("show", "team0001")[0]
    assert out[1:3] == [
        f"lies in: {contest.team('team0001')}", "changed since the freeze: what lies there now is not scored"
    ]  # fmt: skip
    assert out[-3:] == [*scores["team0001"], posted("team0001")]
    out = contest("show", "late")[0]
    assert out[:3] == [
        "== debugging, knn: late", f"lies in: {contest.team('late')}", "handed in after the freeze, and not scored"
    ]  # fmt: skip
    assert len(out) == 5  # and its files, and no score
    [shown] = [json.loads(line) for line in contest("show", "team0000", "--format", "json")[0]]
    assert (shown["path"], shown["files"], shown["passed_over"]) == ("", {}, [])
    assert contest("show", "team0002")[0][1].endswith("team0002, since 2026-01-01T00:00:00+00:00")


def test_who_lost_his_score_with_the_files_of_the_freeze_is_named(contest):
    first = contest.run(0)
    contest("freeze")
    shutil.move(contest.team("team0000"), contest.folder / "aside")
    contest.turn("team0001")
    assert contest.run(1) == first
    for file in (contest.folder / "data").rglob("*_train.csv"):  # corrected
        file.write_text(file.read_text() + "\n")
    lost = (
        f"dataperf-fast: warning: {contest.folder / 'contest.yaml'}: frozen since 2026-01-01T00:00:00+00:00: "
        "2 without a score, whose files of then are gone or changed: debugging: team0000, debugging: team0001; "
        "expected those files in their places again, and `organize run`"
    )
    site = ("--out", str(contest.folder / "site"))
    for command in (("check",), ("run",), ("leaderboard", *site), ("show", "team0000")):
        assert [line for line in contest(*command)[1] if "of then" in line] == [lost]
    assert "its files of the freeze are no longer there" in contest("show", "team0000")[0]
    shutil.move(contest.folder / "aside", contest.team("team0000"))
    contest.turn("team0001")
    assert contest.run(2) == first
    assert not [line for line in contest("run")[1] if "of then" in line]


def test_show_knows_who_stood_in_another_season_and_files_by_their_names(contest):
    contest.write(season="2025")
    contest.run(0)
    shutil.make_archive(str(contest.team("bea")), "zip", contest.team("team0002"))
    shutil.rmtree(contest.team())
    contest.write(season="2026")
    contest.run(30)
    assert contest("show", "team0000")[0] == [
        "== debugging, knn: team0000", "stood in season 2025, and not in this one"
    ]  # fmt: skip
    by_name = contest("show", "bea")[0]
    assert by_name[1] == f"lies in: {contest.team('bea.zip')}, since 2026-01-31T00:00:00+00:00"
    assert contest("show", "bea.zip")[0] == contest("show", "teams/bea.zip")[0] == by_name
    assert contest("show", "teams/team0001/")[0] == contest("show", "team0001")[0]
    [line] = contest("show", "beate.zip", status=2)[1]
    assert "no submission is named 'beate.zip'" in line


def test_what_needs_the_store_alone_works_where_nothing_else_is(contest):
    contest.write(season="2025")
    first = contest.run(0)
    contest.turn()
    contest.run(1)
    before = names_of(contest.page("--season", "2025"))
    contest("freeze")
    elsewhere = contest.folder / "elsewhere"
    elsewhere.mkdir()
    contest("backup", str(elsewhere / "store.backup"))
    contest("export", "--parquet", str(contest.folder / "whole.parquet"))
    shutil.copy(contest.folder / "contest.yaml", elsewhere)
    shutil.rmtree(contest.folder / "data")  # where the store's manifest has it
    contest.folder = elsewhere
    assert contest("restore", "elsewhere/store.backup", status=2)[1] != []
    assert contest("restore", str(elsewhere / "store.backup"))[1] == [
        f"restored 8 scores from {elsewhere / 'store.backup'}"
    ]
    assert names_of(contest.page("--season", "2025")) == before != {n: f"{score:.4f}" for n, score in first.items()}
    contest("export", "--parquet", str(elsewhere / "scores.parquet"))
    rows = parquet.read_table(elsewhere / "scores.parquet").to_pylist()
    assert rows == parquet.read_table(elsewhere.parent / "whole.parquet").to_pylist()
    assert [row["current"] for row in rows].count(False) == 2
    contest("backup", str(elsewhere / "again.backup"))
    assert [what for _, what, _ in contest.changes(0)] == ["new"] * 3 + ["changed"]
    assert contest("logs")[1] == ["Spring: no algorithm has run"]
    contest("freeze", "--lift")
    [line] = contest("run", status=2)[1]
    assert "cannot be used: " in line
