"""``organize check`` says what ``organize run`` will say, in the same words and each thing once, and trains nothing."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from dataperf_fast import cli
from dataperf_fast.boards.acquisition import baselines as acquisition_baselines
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.debugging import synth as debugging
from dataperf_fast.boards.nibbler import synth as nibbler
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.speech.selection import Selection, read_selection, write_selection
from dataperf_fast.boards.vision import synth as vision
from dataperf_fast.contest import batches, manifest, planning, run
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine

from . import contests

BOARDS = ("debugging", "speech", "vision", "acquisition", "nibbler")
PREFIX = "dataperf-fast: "


class Case:
    """A contest in a folder of its own: a board, two sets of tasks, a good team; and what is to be broken of it."""

    def __init__(self, folder: Path, board: str, good: Path):
        self.folder, self.board = folder, board
        self.data, self.teams = folder / "data", folder / "teams"
        shutil.copytree(good / "data", self.data)
        shutil.copytree(good / "team", self.teams / "good")
        sets = [{"name": "hidden", "data": "data"}, {"name": "warm-up", "data": "data", "hidden": False}]
        self.keys = {"board": board, "tasks": sets, "submissions": ["teams"]}
        if board == "debugging":
            self.keys["model"] = "knn"
        self.more: dict[str, str] = {}

    def team(self, name: str = "broken") -> Path:
        """Another team, which hands in what the good one does."""
        shutil.copytree(self.teams / "good", self.teams / name)
        if self.board == "nibbler":
            for path in (self.teams / name).iterdir():
                path.write_text(path.read_text().replace('"good"', json.dumps(name)))
        return self.teams / name

    def file(self, team: str = "broken") -> Path:
        """The first file of another team."""
        return sorted(self.team(team).iterdir())[0]

    def algorithm(self, text: str | None, name: str = "runs") -> Path:
        folder = self.folder / "algorithms" / name
        folder.mkdir(parents=True)
        if text is not None:
            (folder / "algorithm.yaml").write_text(text)
        self.keys["algorithms"] = ["algorithms"]
        return folder

    def write(self) -> Path:
        return contests.write(self.folder / "contest.yaml", self.keys, **self.more)


def lines_of(change: Callable[[list[str]], list[str]]) -> Callable[[Case], None]:
    """A team whose first file has its lines changed."""

    def fault(case: Case) -> None:
        path = case.file()
        path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")

    return fault


def content(text: bytes) -> Callable[[Case], None]:
    return lambda case: case.file().write_bytes(text) and None


def data_file(pattern: str, text: bytes = b"what is this?\n") -> Callable[[Case], None]:
    """A file of the data that is none."""

    def fault(case: Case) -> None:
        path = sorted(case.data.rglob(pattern))[0]
        path.write_bytes(text)

    return fault


def data_table(pattern: str, change: Callable[[dict], None]) -> Callable[[Case], None]:
    def fault(case: Case) -> None:
        path = sorted(case.data.rglob(pattern))[0]
        columns = parquet.read_table(path).to_pydict()
        change(columns)
        parquet.write_table(pa.table(columns), path)

    return fault


def shorten_vectors(columns: dict) -> None:
    columns["embedding"] = [vector[:-1] for vector in columns["embedding"]]


def selection(change: Callable[[dict], object]) -> Callable[[Case], None]:
    """A speech team whose selection is changed."""

    def fault(case: Case) -> None:
        path = case.file()
        chosen = json.loads(path.read_text())
        change(chosen)
        path.write_text(json.dumps(chosen))

    return fault


def key(**keys: object) -> Callable[[Case], None]:
    """Keys of the manifest's board that are changed."""
    return lambda case: case.keys.update(keys)


def store(url: str) -> Callable[[Case], None]:
    return lambda case: case.more.update(store=url.replace("FOLDER", str(case.folder)))


def all_without(*names: str) -> Callable[[Case], None]:
    """Tasks whose files a team leaves out."""

    def fault(case: Case) -> None:
        team = case.team()
        for path in sorted(team.iterdir()) if not names else [team / name for name in names]:
            path.unlink()

    return fault


def link(case: Case) -> None:
    (case.teams / "linked").symlink_to(case.teams / "good")


def link_inside(case: Case) -> None:
    path = case.file()
    path.unlink()
    path.symlink_to(case.teams / "good" / path.name)


def pipe(case: Case) -> None:
    os.mkfifo(case.team() / "pipe.txt")


def too_large(case: Case) -> None:
    case.keys["largest_submission_mib"] = 1
    with (case.team() / "large.bin").open("wb") as file:
        file.truncate(2 << 20)


def plain_file(case: Case) -> None:
    (case.teams / "file.txt").write_text("0\n")


def same_name(case: Case) -> None:
    shutil.copytree(case.teams / "good", case.folder / "more" / "good")
    case.keys["submissions"] = ["teams", "more"]


def misnamed(case: Case) -> None:
    team = case.team()
    for path in team.iterdir():
        path.rename(team / f"of nobody {path.name}.bak")


def foreign_table(case: Case) -> None:
    with closing(sqlite3.connect(case.folder / "store.sqlite")) as connection:
        connection.execute("CREATE TABLE scores (player TEXT)")


def store_in_the_way(case: Case) -> None:
    (case.folder / "store.sqlite").write_bytes(b"not a database " * 100)


def no_val(case: Case) -> None:
    case.algorithm("command: [sh, -c, exit]\n")
    sorted(case.data.rglob("*_val_*"))[0].unlink()


def no_work(case: Case) -> None:
    case.algorithm("command: [sh, -c, exit]\n")
    (case.folder / "work").write_text("a file\n")


def one_label(case: Case) -> None:
    """A plan of one row, in each trial of one label."""
    path = case.file()
    path.write_text(",".join(["1", *["0"] * (len(path.read_text().split(",")) - 1)]) + "\n")


ANYWHERE = {
    "an empty folder": all_without(),
    "a link": link,
    "a link inside": link_inside,
    "a pipe": pipe,
    "too large": too_large,
    "a plain file": plain_file,
    "the same name twice": same_name,
    "misnamed": misnamed,
    "empty": content(b""),
    "no text": content(b"\xff\xfe" * 50),
    "NUL": content(b"\0" * 100),
    "nested": content(b"[" * 100_000),
    "a baseline that is nobody": key(baselines=["god"]),
    "an id of nobody": key(dynabench={"nobody": 7}),
    "no folder of submissions": key(submissions=["treams"]),
    "a mistyped key": key(baseline=["good"]),
}
STORES = {
    "no URL": store("scores.db"),
    "two slashes": store("sqlite://store.sqlite"),
    "no such database": store("mysterious://me:secret@host/db"),
    "no such driver": store("postgresql+mysterious://host/db"),
    "no such folder": store("sqlite:///elsewhere/store.sqlite"),
    "a folder": store("sqlite:///teams"),
    "no server": store("postgresql+psycopg://me:secret@127.0.0.1:1/db"),
    "another's table": foreign_table,
    "no database": store_in_the_way,
}
FAULTS: dict[str, dict[str, Callable[[Case], None]]] = {
    "debugging": ANYWHERE
    | {f"store: {name}": fault for name, fault in STORES.items()}
    | {
        "a row twice": lines_of(lambda lines: [*lines[:-1], lines[0]]),
        "a row too few": lines_of(lambda lines: lines[:-1]),
        "no number": lines_of(lambda lines: ["one", *lines[1:]]),
        "one task of two": lambda case: sorted(case.team().iterdir())[1].unlink(),
        "data: no training vectors": data_file("*_train_*.parquet"),
        "data: a label": data_table("*_test_*.parquet", lambda columns: columns["label"].__setitem__(0, 7)),
        "data: true labels": data_file("*_train.csv"),
        "data: a set-up": data_file("task_setup.yml"),
        "data: a file that is gone": lambda case: sorted(case.data.rglob("*_test_*"))[0].unlink(),
        "algorithm: a mistyped key": lambda case: case.algorithm("comand: [sh]\n"),
        "algorithm: says nothing": lambda case: case.algorithm("{}\n"),
        "algorithm: no settings": lambda case: case.algorithm(None),
        "algorithm: an alias": lambda case: case.algorithm("command: &a [sh]\nimage: *a\n"),
        "algorithm: no such image": lambda case: case.algorithm("image: localhost/dataperf-fast/nobody:7\n"),
        "algorithm: nothing to show it": no_val,
        "algorithm: no place for answers": no_work,
    },
    "speech": ANYWHERE
    | {
        "an unknown clip": selection(lambda chosen: chosen["nontargets"].append("no/such.wav")),
        "too many clips": selection(lambda chosen: chosen["nontargets"].extend(f"x/{n}.wav" for n in range(30))),
        "an unknown word": selection(lambda chosen: chosen["targets"].update(nobody=[])),
        "a class": selection(
            lambda chosen: chosen.update(nontargets=[], targets=dict([*chosen["targets"].items()][:1]))
        ),
        "another language": lambda case: (path := case.file()).rename(path.with_name("pt_25_train.json")) and None,
        "another size": lambda case: (path := case.file()).rename(path.with_name("en_40_train.json")) and None,
        "data: an allowed set": data_file("allowed_training_set.yaml"),
        "data: an evaluation set": data_file("eval.yaml"),
        "data: evaluation clips": data_file("eval_embeddings/*.parquet"),
        "data: training clips": data_file("train_embeddings/*.parquet"),
    },
    "vision": ANYWHERE
    | {
        "an unknown image": lines_of(lambda lines: [lines[0], "nobody,1", *lines[1:]]),
        "a label": lines_of(lambda lines: [lines[0], "nobody,2", *lines[1:]]),
        "one label": lines_of(lambda lines: [lines[0], *[line for line in lines if line.endswith(",1")]]),
        "data: a test set": data_file("test_sets/*.parquet"),
        "data: the pool": data_file("embeddings/*.parquet"),
        "data: an image of the pool": data_table("embeddings/*.parquet", shorten_vectors),
    },
    "acquisition": ANYWHERE
    | {
        "over the budget": lines_of(lambda lines: [",".join(["40"] * (lines[0].count(",") + 1))]),
        "too many rows": lines_of(lambda lines: [",".join(["4000"] * (lines[0].count(",") + 1))]),
        "negative": lines_of(lambda lines: ["-" + lines[0]]),
        "nothing": lines_of(lambda lines: [",".join(["0"] * (lines[0].count(",") + 1))]),
        "one label": one_label,
        "two plans": lambda case: shutil.copy((path := case.file()), path.with_suffix(".txt")) and None,
        "data: prices": data_file("price.txt"),
        "data: a budget": data_file("budget.txt"),
        "data: a buyer": data_file("20.csv"),
        "data: a seller": data_file("features/*/1.csv"),
    },
    "nibbler": ANYWHERE
    | {
        "another's pairs": lambda case: case.file().write_text(next(case.teams.glob("good/*")).read_text()) and None,
        "no JSON": lines_of(lambda lines: [*lines, "{"]),
    },
}


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict[str, Path]:
    """Each board's folder of ``data`` and a ``team``."""
    folders = {board: tmp_path_factory.mktemp(board) for board in BOARDS}
    data = {board: folder / "data" for board, folder in folders.items()}
    teams = {board: folder / "team" for board, folder in folders.items()}
    engine = Engine(backends.choose("cpu"))
    list(debugging.write(data["debugging"], debugging.DebuggingScale(tasks=2, train=40, test=30, val=10), seed=1))
    contests.write_orders(data["debugging"], folders["debugging"] / "orders", 1)
    shutil.move(folders["debugging"] / "orders" / "team0000", teams["debugging"])
    board = speech.LanguageSize((8, 8), (6, 6), 2, 2, 6)
    list(speech.write(data["speech"], speech.SpeechScale({"en": board}), 1))
    allowed = read_selection(data["speech"] / "dataperf_en_data" / "allowed_training_set.yaml", "a test's")
    chosen = Selection({word: ids[:5] for word, ids in allowed.targets.items()}, allowed.nontargets[:5])
    teams["speech"].mkdir()
    write_selection(teams["speech"] / "en_25_train.json", chosen)
    list(vision.write(data["vision"], vision.VisionScale(1, 300, 40, 60, 10), seed=1))
    shutil.copytree(data["vision"] / "train_sets", teams["vision"])
    list(acquisition.write(data["acquisition"], acquisition.AcquisitionScale(1, 4, 60, 40, 60), seed=1))
    acquisition_baselines.write(data["acquisition"], folders["acquisition"] / "plans", ["uniform"], 0, engine)
    teams["acquisition"].mkdir()
    shutil.copy(next((folders["acquisition"] / "plans").rglob("0.*")), teams["acquisition"])
    list(nibbler.write(data["nibbler"], nibbler.NibblerScale(participants=2, pairs=20), 0))
    submitted = data["nibbler"] / "submitted" / "submitted.jsonl"
    lines = [json.loads(line) for line in submitted.read_text().splitlines()]
    own = [line | {"participant": "good"} for line in lines if line["participant"] == lines[0]["participant"]]
    shutil.rmtree(data["nibbler"] / "submitted")
    teams["nibbler"].mkdir()
    (teams["nibbler"] / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in own))
    return folders


def said(capsys, path: Path, action: str) -> tuple[int, list[str], set[str], str]:
    """A command's exit status, where invalid submissions have one, what is wrong, its warnings, and the last line."""
    capsys.readouterr()
    status = cli.main(["organize", action, str(path), "--backend", "cpu", "--strict"])
    err = capsys.readouterr().err.splitlines()
    lines = [line.removeprefix(PREFIX) for line in err if line.startswith(PREFIX)]
    warned = {line for line in lines if line.startswith("warning: ")}
    return status, [line for line in lines if line not in warned], warned, err[-1]


def below(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() and not path.is_symlink() else None for path in folder.rglob("*")}


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize(("board", "fault"), [(board, fault) for board in BOARDS for fault in FAULTS[board]])
def test_check_says_what_run_says(good, board, fault, tmp_path, capsys):
    case = Case(tmp_path / "contest", board, good[board])
    FAULTS[board][fault](case)
    path = case.write()
    there = below(case.folder)
    status, lines, warned, last = said(capsys, path, "check")
    assert below(case.folder) == there  # nothing is made
    assert len(lines) == len(set(lines))
    assert "secret" not in "".join(lines)
    ran = said(capsys, path, "run")
    assert (status, lines, warned) == ran[:3]
    assert lines or warned
    assert bool(lines) == bool(status)
    if lines and not last.startswith(PREFIX):  # of a manifest that cannot be read there is nothing to count
        assert " wrong" in last
        assert "nothing wrong" not in last
    assert said(capsys, path, "check")[:2] == (status, lines)  # with the store


@pytest.mark.filterwarnings("always")
def test_a_submission_that_no_board_would_show_is_wrong(good, tmp_path, capsys):
    case = Case(tmp_path / "contest", "speech", good["speech"])
    FAULTS["speech"]["another size"](case)
    status, [line], [warned], _ = said(capsys, case.write(), "run")
    assert (status, line.rpartition(": ")[2]) == (2, "holds a submission for 'en_40'; expected en_25 or en_60")
    assert "en_40_train.json: there is no board of 40 clips" in warned


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("board", BOARDS)
def test_it_trains_no_submission_and_finds_nothing_wrong_with_what_is_right(good, board, tmp_path, capsys, monkeypatch):
    case = Case(tmp_path / "contest", board, good[board])
    case.team("other")
    path = case.write()

    ran = Engine.run

    def trains(engine, plan, *more):
        # but a debugging task as it is given and cleaned, which tells whether it says anything
        assert board == "debugging", "a check trains a model"
        assert len(plan.labels) == 2, "a check trains a submission's models"
        return ran(engine, plan, *more)

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "run", trains)
        assert said(capsys, path, "check")[::3] == (
            0, "Spring: boards: 1, sets of tasks: 2, submissions: 2, nothing wrong",
        )  # fmt: skip
    assert (tmp_path / "cache" / "retrains.sqlite").exists() == (board == "debugging")
    assert said(capsys, path, "run")[0] == 0


def test_each_wrong_submission_is_counted_and_each_problem_said_once(good, tmp_path, capsys):
    case = Case(tmp_path / "contest", "debugging", good["debugging"])
    for name in ("b", "c"):
        case.team(name)
    plain_file(case)
    for path in case.team("two files").iterdir():
        path.write_text("0\n0\n")
    case.file("one file").write_text("zero\n")
    (case.teams / "nothing").mkdir()
    status, lines, _, last = said(capsys, case.write(), "check")
    assert (status, last) == (2, "Spring: boards: 1, sets of tasks: 2, submissions: 7, 4 wrong")
    counts = {
        name: sum(f"/{name}" in line for line in lines) for name in ("file.txt", "two files", "one file", "nothing")
    }
    assert counts == {"file.txt": 1, "two files": 2, "one file": 1, "nothing": 1}
    assert all(line.startswith("debugging, hidden, warm-up: ") for line in lines)


def test_a_check_as_json_is_a_fault_a_line_and_the_counts(good, tmp_path, capsys):
    case = Case(tmp_path / "contest", "debugging", good["debugging"])
    [*_, broken] = sorted(case.team("broken").iterdir())
    broken.write_text("zero\n")
    (case.teams / "nothing").mkdir()
    (case.folder / "store.sqlite").mkdir()
    path = case.write()
    capsys.readouterr()
    assert cli.main(["organize", "check", str(path), "--format", "json"]) == 2
    printed = capsys.readouterr()
    *faults, counts = map(json.loads, printed.out.splitlines())
    assert counts == {
        "kind": "counts", "contest": "Spring", "boards": 1, "sets": 2, "submissions": 3, "wrong_submissions": 2,
        "wrong_elsewhere": 1,
    }  # fmt: skip
    assert {tuple(one) for one in faults} == {("kind", "board", "set", "submission", "task", "status", "line")}
    assert {(one["kind"], one["status"]) for one in faults} == {("fault", "invalid")}
    [of_store] = [one for one in faults if one["submission"] is None]
    assert (of_store["board"], of_store["set"], of_store["task"]) == (None, None, None)
    assert of_store["line"].startswith(f"{path}: store (default) 'sqlite:///store.sqlite': ")
    tasks = [path.name.split("_")[0] for path in sorted((case.teams / "broken").iterdir())]
    found = [(one["board"], one["set"], one["submission"], one["task"]) for one in faults if one is not of_store]
    assert sorted(found) == sorted(
        [("debugging", name, "broken", tasks[-1]) for name in ("hidden", "warm-up")]
        + [("debugging", name, "nothing", task) for name in ("hidden", "warm-up") for task in tasks]
    )
    [said] = {one["line"] for one in faults if one["submission"] == "broken"}
    assert said.startswith(f"{broken}: line 1")
    assert f"dataperf-fast: debugging, hidden, warm-up: {said}" in printed.err.splitlines()


def test_a_check_as_json_of_what_is_right_is_the_counts(good, tmp_path, capsys):
    path = Case(tmp_path / "contest", "debugging", good["debugging"]).write()
    capsys.readouterr()
    assert cli.main(["organize", "check", str(path), "--format", "json"]) == 0
    [counts] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (counts["submissions"], counts["wrong_submissions"], counts["wrong_elsewhere"]) == (1, 0, 0)


@pytest.mark.parametrize("board", BOARDS[:-1])
def test_data_is_read_before_anybody_has_handed_in(good, board, tmp_path, capsys):
    case = Case(tmp_path / "contest", board, good[board])
    shutil.rmtree(case.teams)
    case.teams.mkdir()
    broken = {
        "debugging": "*_train.csv",
        "speech": "eval.yaml",
        "vision": "test_sets/*.parquet",
        "acquisition": "price.txt",
    }
    path = case.write()
    assert said(capsys, path, "check")[0] == 0
    data_file(broken[board])(case)
    status, [line], _, last = said(capsys, path, "check")
    assert status == 2
    assert line.startswith(f"{board}, hidden, warm-up: {case.data}/")
    assert last.endswith("submissions: 0, none wrong; manifest and data: 1 wrong")


def test_a_mistyped_key_is_guessed(good, tmp_path, capsys):
    case = Case(tmp_path / "contest", "debugging", good["debugging"])
    case.algorithm("comand: [sh]\n", "one")
    case.algorithm("Image: x.tar\n", "two")
    case.algorithm("what: x\n", "three")
    case.keys["baselines"] = ["goood"]
    _, wrong_lines, warned, _ = said(capsys, case.write(), "check")
    lines = "\n".join(wrong_lines)
    assert "one/algorithm.yaml: line 1, comand: is no known field; expected command\n" in lines
    assert "two/algorithm.yaml: line 1, Image: is no known field; expected image" in lines
    assert "three/algorithm.yaml: line 1, what: is no known field; expected command or image\n" in lines
    assert any("boards.0.baselines.0: no submission is named 'goood'; expected good" in line for line in warned)
    for wrong, right in (("limit", "limits"), ("submission", "submissions")):
        case.keys = {name: value for name, value in case.keys.items() if name not in ("limit",)} | {wrong: {}}
        [line] = said(capsys, case.write(), "check")[1]
        assert line.endswith(f"boards.0.{wrong}: is no known field; expected {right}")
        del case.keys[wrong]
    case.keys["limits"] = {"memory": 7}
    [line] = said(capsys, case.write(), "check")[1]
    assert line.endswith("boards.0.limits.memory: is no known field; expected memory_mib")


def test_what_has_its_scores_is_not_read_again(good, tmp_path, capsys, monkeypatch):
    case = Case(tmp_path / "contest", "debugging", good["debugging"])
    case.file("broken").write_text("zero\n")
    path = case.write()
    ran = said(capsys, path, "run")
    read = []
    score = batches.score
    monkeypatch.setattr("dataperf_fast.contest.workers.score", lambda batch: read.append(batch) or score(batch))
    assert said(capsys, path, "check")[:2] == ran[:2]
    assert read == []
    case.file("new").write_text("one\n")
    assert len(said(capsys, path, "check")[1]) == len(ran[1]) + 1
    assert [[folder.name for folder in batch.folders] for batch in read] == [["new"], ["new"]]
    assert not any(batch.train for batch in read)


def test_it_shows_how_far_it_is(good, tmp_path):
    case = Case(tmp_path / "contest", "debugging", good["debugging"])
    for number in range(20):
        case.team(f"team {number}")
    contest, watched = manifest.read(case.write()), contests.Watched()
    plan = planning.read(contest, watched)
    scores = run.check(contest, plan, None, run.How(backend="cpu"), watched)
    assert (watched.planned, watched) == ({"debugging": 42}, {"debugging": 42})
    assert {score.status for score in scores} == {"pending"}
    assert len(scores) == 21 * 2 * 2


@pytest.mark.filterwarnings("always")
def test_a_broken_rating_is_nobodys_doing(good, tmp_path, capsys):
    case = Case(tmp_path / "contest", "nibbler", good["nibbler"])
    with (case.data / "ratings" / "ratings.jsonl").open("a") as file:
        file.write("{\n")
    path = case.write()
    for action in ("check", "run"):
        status, lines, warned, _ = said(capsys, path, action)
        assert (status, lines) == (0, [])
        assert [line for line in warned if "ratings.jsonl: line " in line and "is not JSON" in line]


def test_numbers_of_data_that_are_read_do_not_hang_on_what_is_trained(good, tmp_path):
    """Acquisition draws in a market by what was drawn before: a check draws as a run does."""
    case = Case(tmp_path / "contest", "acquisition", good["acquisition"])
    contest, watched = manifest.read(case.write()), contests.Watched()
    plan = planning.read(contest, watched)
    checked = run.check(contest, plan, None, run.How(backend="cpu"), watched)
    scored, _ = contests.score(contest.path)
    costs = [[score.details["cost"] for score in scores] for scores in (checked, scored)]
    assert np.array_equal(*costs)


def test_an_image_is_looked_for_and_nothing_is_run(good, tmp_path, capsys, monkeypatch):
    """By a podman that has one image and runs none."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, script in {
        "podman": (
            'case "$*" in *"image exists here") exit;; *"image exists"*) exit 1;; *info*) exit;; '
            '*"image inspect"*here) echo 7; exit;; *"image inspect"*) exit 1;; esac\n'
            "echo ran >> $0.ran"
        ),
        "unshare": "exit",
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    case = Case(tmp_path / "contest", "debugging", good["debugging"])
    case.algorithm("image: here\n", "has one")
    (case.algorithm("image: image.tar\n", "brings one") / "image.tar").write_bytes(b"an archive")
    path = case.write()
    assert said(capsys, path, "check")[::3] == (
        0, "Spring: boards: 1, sets of tasks: 2, submissions: 3, nothing wrong",
    )  # fmt: skip
    shutil.rmtree(case.folder / "algorithms")
    case.algorithm("image: nowhere\n", "has none")
    case.algorithm("image: --help\n", "has an option")
    status, lines, _, last = said(capsys, path, "check")
    assert (status, last) == (1, "Spring: boards: 1, sets of tasks: 2, submissions: 3, 2 wrong")
    where = f"debugging, hidden, warm-up: {case.folder / 'algorithms'}"
    expected = "expected an archive in the submission's folder, or an image that podman has"
    assert lines == [
        f"{where}/has an option: image: names no image: '--help'; {expected}",
        f"{where}/has none: image: names no image: 'nowhere'; {expected}",
    ]
    assert said(capsys, path, "run")[:2] == (status, lines)
    assert not (programs / "podman.ran").exists()


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("place", ["teams/broken/*_mine.txt", "teams/broken", "teams", "data/embeddings/*_test_*"])
def test_what_may_not_be_read_is_one_line(good, place, capsys, monkeypatch):
    folder = Path(tempfile.mkdtemp(prefix="contest-"))
    monkeypatch.setenv("DATAPERF_FAST_CACHE", str(folder / "cache"))
    try:
        case = Case(folder / "contest", "debugging", good["debugging"])
        case.team()
        path = case.write()
        for writable in (folder, case.folder):
            writable.chmod(0o777)
        closed = sorted(case.folder.glob(place))[0]
        closed.chmod(0)
        with contests.as_nobody():
            checked, ran = said(capsys, path, "check"), said(capsys, path, "run")
        assert checked[:2] == ran[:2] == (2, checked[1])
        [line] = checked[1]
        assert f"{closed}: cannot be read (Permission denied)" in line
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o777)
        shutil.rmtree(folder)


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize(
    ("board", "fault", "status"),
    [
        ("debugging", "an empty folder", 0),
        ("debugging", "a pipe", 0),
        ("debugging", "algorithm: no settings", 0),
        ("speech", "an unknown clip", 0),
        ("acquisition", "over the budget", 0),
        ("nibbler", "no JSON", 0),
        ("debugging", "algorithm: no such image", 1),
        ("debugging", "algorithm: no place for answers", 1),
        ("vision", "data: the pool", 1),
        ("debugging", "a mistyped key", 2),
        ("debugging", "store: no server", 2),
        ("debugging", "data: a label", 2),
        ("speech", "data: training clips", 2),
        ("vision", "data: a test set", 2),
        ("acquisition", "data: prices", 2),
    ],
)
def test_a_broken_submission_is_no_broken_run(good, board, fault, status, tmp_path, capsys):
    """What cron reads: 0 where it costs itself alone, 1 for what is ours to mend, 2 for manifest, store and data."""
    case = Case(tmp_path / "contest", board, good[board])
    FAULTS[board][fault](case)
    path = str(case.write())
    for action in ("check", "run", "run"):  # what the store has by then makes no difference
        assert cli.main(["organize", action, path, "--backend", "cpu"]) == status
        assert f"{PREFIX}" in capsys.readouterr().err  # it is said all the same
        assert cli.main(["organize", action, path, "--backend", "cpu", "--strict"]) == (status or 2)
    assert cli.main(["organize", "check", path]) == status


def test_data_that_hold_the_submissions_are_not_broken_by_them(good, tmp_path, capsys):
    case = Case(tmp_path / "contest", "debugging", good["debugging"])
    case.file().write_text("zero\n")
    shutil.move(case.teams, case.data / "teams")
    case.keys["submissions"] = ["data/teams"]
    for action in ("check", "run"):
        assert cli.main(["organize", action, str(case.write())]) == 0
        assert "/data/teams/broken" in capsys.readouterr().err
