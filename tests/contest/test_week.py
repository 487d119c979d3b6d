"""The organizer's week: the commands of docs/organize.md, from a first announcement to the second season's pages."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyarrow import parquet

from dataperf_fast import cli
from dataperf_fast.boards.debugging import files, synth
from dataperf_fast.commands import organize
from dataperf_fast.contest import algorithms, run, seasons, store
from tests.documents import ROOT, blocks

from . import contests
from .test_leaderboard import Page

MONDAY = datetime(2026, 5, 4, 9, tzinfo=UTC)


class Week:
    """An organizer at his desk: he types commands, reads what they say, and goes home."""

    def __init__(self, folder: Path, monkeypatch, capsys):
        self.folder, self.capsys, self.today, self.typed = folder, capsys, MONDAY, set()
        monkeypatch.chdir(folder)
        for module in (store, run, seasons, algorithms):
            monkeypatch.setattr(module, "now", lambda: self.today.isoformat(timespec="seconds"))

    def types(self, command: str, status: int = 0) -> str:
        """A command as it stands on the page; what it says, of both streams."""
        words = shlex.split(command)
        self.typed.add(" ".join(words[: 2 if words[0] == "organize" else 1]))
        self.capsys.readouterr()
        assert cli.main(words) == status, self.capsys.readouterr().err
        out, err = self.capsys.readouterr()
        return out + err

    def the_next_day(self) -> None:
        self.today += timedelta(days=1)

    def writes_the_manifest(self, season: str, **keys) -> None:
        tasks = [
            {"name": "hidden", "data": "hidden"},
            {"name": "warm-up", "data": "warm-up", "hidden": False},
        ]
        board = {"board": "debugging", "model": "knn", "tasks": tasks, "submissions": ["teams"]}
        contests.write(self.folder / "contest.yaml", board | keys, season=season)

    def standings(self) -> list[tuple[str, str]]:
        """Who stands where on the page, by name."""
        self.types("leaderboard contest.yaml --out site")
        rows = Page(self.folder / "site" / "debugging-knn.html").rows()
        return [(row["name"], row["cells"][0]) for row in rows if row["class"] != "paper"]


class Team:
    """A participant, who knows what the tasks are called and how many rows they have."""

    def __init__(self, name: str):
        self.folder = Path("teams") / name
        self.sizes = {
            task.data_id: task.train_size for data in ("hidden", "warm-up")
            for task in files.open_setup(Path(data))[1].tasks
        }  # fmt: skip

    def hands_in(self, order=range) -> Team:
        self.folder.mkdir(parents=True, exist_ok=True)
        for task, size in self.sizes.items():
            (self.folder / f"{task}_mine.txt").write_text("\n".join(map(str, order(size))) + "\n")
        return self

    def withdraws(self) -> None:
        shutil.rmtree(self.folder)


def backwards(size: int) -> range:
    return range(size - 1, -1, -1)


def a_row_too_few(size: int) -> range:
    return range(size - 1)


@pytest.fixture
def week(tmp_path, monkeypatch, capsys) -> Week:
    for name, seed in (("hidden", 1), ("warm-up", 2)):
        for _ in synth.write(tmp_path / name, synth.DebuggingScale(tasks=2, train=30, test=40, val=10), seed):
            pass
    (tmp_path / "teams").mkdir()
    return Week(tmp_path, monkeypatch, capsys)


OF_A_SERVER = {"invite", "rescore", "extend", "release", "announce"}


def test_the_organizers_week(week):
    standings = monday_to_wednesday(week)
    final = thursday(week, standings)
    friday(week, final)
    # He has typed every command that the page shows, and every action that there is but a server's.
    page = [command for block in blocks(ROOT / "docs" / "organize.md") for command in block.commands]
    shown = set(filter(None, map(of_contests, page)))
    assert (
        week.typed
        == set(shown)
        == {"leaderboard", *(f"organize {name}" for name in set(organize.ACTIONS) - OF_A_SERVER)}
    )


def monday_to_wednesday(week) -> dict[str, str]:
    # Monday: the contest opens. Nobody has handed in, and an empty board is published.
    week.writes_the_manifest("2026")
    assert "submissions: 0, nothing wrong" in week.types("organize check contest.yaml")
    assert "made a new store" in week.types("organize run contest.yaml")
    assert week.standings() == []
    assert "searched for what is secret: none" in week.types("organize kit contest.yaml --out kit")
    assert not [path for path in Path("kit").rglob("*") if "hidden" in path.name or "dataset_" in path.name]

    # Tuesday: three teams hand in. One has made a mistake in every file, which breaks nobody's run, cron's neither.
    week.the_next_day()
    anna, bert = Team("anna").hands_in(), Team("bert").hands_in(a_row_too_few)
    Team("carl").hands_in(backwards)
    (bert.folder / "notes.md").write_text("our approach")
    said = week.types("organize run contest.yaml")
    assert said.count("teams/bert/") == 2  # the hidden tasks and those of the warm-up are wrong in the same way
    week.types("organize run contest.yaml --strict", status=2)  # who wants to be told by the status
    assert {name for name, rank in week.standings() if rank} == {"anna", "carl"}

    # Bert asks why. Every reason, on every task, and what was not read at all:
    said = week.types("organize show contest.yaml bert")
    assert said.count(": invalid: ") == 4
    assert "passed over: notes.md" in said

    # Wednesday: he corrects it, and Anna, who had a better idea, hands in again.
    week.the_next_day()
    bert.hands_in()
    before = dict(week.standings())
    anna.hands_in(backwards)
    week.types("organize run contest.yaml")
    standings = dict(week.standings())
    assert standings["bert"] == before["anna"]  # he has what she had
    assert standings["anna"] == standings["carl"]
    said = week.types("organize diff contest.yaml --since 2026-05-06")
    assert re.findall(r"changed +debugging, knn: (\w+)", said) == ["anna", "bert"]
    assert "before, by other files" in Path("site/debugging-knn.html").read_text()
    return standings


def thursday(week, standings: dict[str, str]) -> list[tuple[str, str]]:
    # There was a backup for the night; and on Thursday a disk is broken.
    week.types("organize backup contest.yaml store.backup")
    week.the_next_day()
    Path("store.sqlite").write_bytes(b"\xff" * 5000)
    week.types("organize run contest.yaml", status=2)
    assert "restored" in week.types("organize restore contest.yaml store.backup")
    assert "0 were left to score" in week.types("organize run contest.yaml")
    assert dict(week.standings()) == standings

    # Bert has been seen with the hidden labels, and is out; no, it was somebody else.
    rule = "contest.yaml bert --board debugging --reason 'it knows hidden labels'"
    assert "debugging knn bert: disqualified" in week.types(f"organize disqualify {rule}")
    assert dict(week.standings())["bert"] == ""
    assert "it knows hidden labels" in Path("site/debugging-knn.html").read_text()
    week.types("organize reinstate contest.yaml bert --reason 'it does not'")
    assert dict(week.standings()) == standings
    week.types("organize withdraw contest.yaml anna --reason 'asked for it'")
    assert "anna" not in dict(week.standings())
    week.types("organize reinstate contest.yaml anna --reason 'stays after all'")
    said = week.types("organize withdraw contest.yaml berta --reason 'asked for it'", status=2)
    assert "no submission is named 'berta'; expected bert" in said

    # Carl withdraws. It is noon, and the deadline: what is handed in later does not count.
    Team("carl").withdraws()
    week.types("organize run contest.yaml")
    assert "withdrawn" in week.types("organize diff contest.yaml --since 2026-05-07")
    assert "frozen since 2026-05-07" in week.types("organize freeze contest.yaml")
    week.the_next_day()
    Team("dora").hands_in(backwards)
    Team("bert").hands_in(backwards)
    said = week.types("organize run contest.yaml")
    assert "2 handed in or changed later and not scored: debugging: bert, debugging: dora" in said
    final = week.standings()
    assert dict(final) == {"anna": standings["anna"], "bert": standings["bert"]}
    assert "Frozen since 2026-05-07" in Path("site/index.html").read_text()
    return final


def friday(week, final: list[tuple[str, str]]) -> None:
    # Friday: the pages are published, and whoever doubts them computes them again from what lies beside them.
    entries = json.loads(Path("site/debugging-knn.json").read_text())["entries"]
    assert [(e["submission"], str(e["rank"])) for e in entries if e["kind"] != "paper"] == final
    week.types("organize export contest.yaml --parquet scores.parquet")
    rows = parquet.read_table("scores.parquet").to_pylist()
    assert {row["submission"] for row in rows if row["current"]} == {"anna", "bert"}
    assert "no algorithm has run" in week.types("organize logs contest.yaml")

    # And the second season opens, in the same store, on other tasks; the first one's pages can still be written.
    week.the_next_day()
    shutil.rmtree("hidden")
    for _ in synth.write(Path("hidden"), synth.DebuggingScale(tasks=2, train=30, test=40, val=10), 9):
        pass
    week.writes_the_manifest("2027", digits=3, published=False)
    week.types("organize run contest.yaml")
    assert {name for name, rank in week.standings() if rank} == {"anna", "bert", "dora"}
    week.types("leaderboard contest.yaml --out site-2026 --season 2026")
    rows = Page(Path("site-2026/debugging-knn.html")).rows()
    assert [(row["name"], row["cells"][0]) for row in rows if row["class"] != "paper"] == final


def of_contests(command: str) -> str:
    """Which of the contests' commands one is."""
    words = command.removeprefix("dataperf-fast ").split()
    return " ".join(words[:2]) if words[0] == "organize" else words[0] if words[0] == "leaderboard" else ""
