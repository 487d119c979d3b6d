"""A contest from manifest to standings: the scores of ``evaluate``, nothing lost or scored twice, come what may."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from unittest.mock import ANY

import numpy as np
import pytest
from pyarrow import parquet

import dataperf_fast as dpf
from dataperf_fast import boards, cli, sandbox
from dataperf_fast.boards.debugging import files, synth
from dataperf_fast.boards.speech import files as speech_files
from dataperf_fast.boards.speech import synth as synth_speech
from dataperf_fast.boards.speech.selection import Selection, write_selection
from dataperf_fast.contest import manifest
from dataperf_fast.contest.batches import Batch, score
from dataperf_fast.contest.store import Store
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.set_folders import OfSet
from tests.boards.test_parts import in_parts

from . import contests


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hidden") / "data"
    list(synth.write(folder, synth.DebuggingScale(tasks=2, train=40, test=30, val=12), seed=7))
    return folder


def contest(folder: Path, data: Path, **keys) -> Path:
    tasks = [{"name": "hidden", "data": str(data)}]
    board = {"board": "debugging", "model": "knn", "submissions": ["teams"], "tasks": tasks}
    return contests.write(folder / "contest.yaml", board | keys)


def test_scores_are_those_of_evaluate_and_shared_orders_are_trained_once(data, tmp_path):
    contests.write_orders(data, tmp_path / "teams", 7)
    path = contest(tmp_path, data)
    scores, watched = contests.score(path)
    assert watched == {"debugging": 7}
    for number in range(7):
        team = tmp_path / "teams" / f"team{number:04d}"
        alone = {r.task: r.score for r in dpf.evaluate("debugging", data, [team], model="knn", cache=False)}
        found = {s.task: s.score for s in scores if s.submission == team.name}
        assert found == {task: score for task, score in alone.items() if task != "mean"}
    [setting] = contests.standing(path)
    expected = {
        team: sum(s.details["inspections"] - 1 for s in scores if s.submission == team) / (2 * 40)
        for team in {s.submission for s in scores}
    }
    assert {entry.submission: entry.score for entry in setting.entries if entry.kind != "paper"} == expected


def test_only_what_is_new_or_changed_is_scored_again(data, tmp_path):
    contests.write_orders(data, tmp_path / "teams", 5)
    path = contest(tmp_path, data)
    first, _ = contests.score(path)
    contests.write_orders(data, tmp_path / "more", 1, seed=9)
    (tmp_path / "more" / "team0000").rename(tmp_path / "teams" / "zoe")
    changed = tmp_path / "teams" / "team0001"
    for file in changed.iterdir():
        file.write_text("\n".join(reversed(file.read_text().split())) + "\n")
    second, watched = contests.score(path)
    assert watched == {"debugging": 2}
    same = {key: value for key, value in contests.table(first).items() if key[2] != "team0001"}
    assert same.items() <= contests.table(second).items()
    alone = dpf.evaluate("debugging", data, [changed], model="knn", cache=False)
    assert {s.score for s in second if s.submission == "team0001"} == {r.score for r in alone if r.task != "mean"}


def test_standings_are_of_what_is_there_now(data, tmp_path):
    contests.write_orders(data, tmp_path / "teams", 3)
    path = contest(tmp_path, data)
    first, _ = contests.score(path)
    changed = tmp_path / "teams" / "team0000"
    before = {file: file.read_text() for file in changed.iterdir()}

    def shown():
        return {entry.submission: entry.score for entry in contests.standing(path)[0].entries if entry.kind != "paper"}

    at_first = shown()
    for file, text in before.items():
        file.write_text("\n".join(reversed(text.split())) + "\n")
    assert shown() == {name: score for name, score in at_first.items() if name != changed.name}  # not yet scored
    contests.score(path)
    assert shown() != at_first
    for file, text in before.items():
        file.write_text(text)
    again, watched = contests.score(path)
    assert watched == {"debugging": 0}
    assert shown() == at_first
    assert contests.table(again) == contests.table(first)
    (tmp_path / "teams" / "team0001").rename(tmp_path / "gone")
    assert shown() == {name: score for name, score in at_first.items() if name != "team0001"}


def test_what_is_not_a_submissions_doing_is_not_held_against_it(data, tmp_path, monkeypatch):
    contests.write_orders(data, tmp_path / "teams", 2)
    path = contest(tmp_path, data)

    def unreadable(self, folder, *_):
        raise InputError(folder / "train.parquet", "cannot be read (Input/output error)")

    with monkeypatch.context() as patched:
        patched.setattr(type(boards.load("debugging")), "evaluate", unreadable)
        scores, _ = contests.score(path)
    assert {(s.status, "Input/output" in s.error) for s in scores} == {("failed", True)}
    scores, watched = contests.score(path)
    assert (watched, {s.status for s in scores}) == ({"debugging": 2}, {"ok"})
    elsewhere = Batch(
        "debugging", "knn", OfSet("hidden", ("hidden",)), tmp_path / "nowhere", (tmp_path / "teams" / "team0000",), "1"
    )
    with pytest.raises(InputError, match=f"nowhere: is not there on {socket.gethostname()}"):
        score(elsewhere)
    error = pickle.loads(pickle.dumps(InputError(data, "is odd", "line 3", 7, "eight")))  # as workers send it
    assert (error.file, error.line) == (data, f"{data}: line 3: is odd 7; expected eight")


def test_speech_sets_may_hold_different_languages_and_algorithms_fail_by_task(tmp_path):
    missing = sandbox.available()["bubblewrap"]
    algorithms = tmp_path / "algorithms" / "english only"
    algorithms.mkdir(parents=True)
    team = tmp_path / "teams" / "both"
    team.mkdir(parents=True)
    for seed, language in enumerate(("en", "pt")):
        board = synth_speech.LanguageSize((8, 8), (6, 6), 2, 2, 6)
        list(synth_speech.write(tmp_path / language, synth_speech.SpeechScale({language: board}), seed))
        allowed = speech_files.read_official(
            tmp_path / language / f"dataperf_{language}_data" / "allowed_training_set.yaml", "a test's"
        )
        chosen = Selection({word: ids[:5] for word, ids in allowed.targets.items()}, allowed.nontargets[:5])
        write_selection(team / f"{language}_25_train.json", chosen)
        word = min(allowed.targets)
        with (algorithms / "run.sh").open("a") as script:
            script.write(f"grep -q {word}/ /input/*.yaml && cp {language}.json /output/train.json && exit\n")
    shutil.copy(team / "en_25_train.json", algorithms / "en.json")
    (algorithms / "algorithm.yaml").write_text("command: [sh, run.sh]\n")
    sets = [{"name": language, "data": language} for language in ("en", "pt")]
    keys = {"board": "speech", "tasks": sets, "submissions": ["teams"]} | (
        {} if missing else {"algorithms": ["algorithms"]}
    )
    path = contests.write(tmp_path / "contest.yaml", keys)
    scores, _ = contests.score(path)
    alone = dpf.evaluate("speech", tmp_path / "pt", [team / "pt_25_train.json"], cache=False)
    entries = {s.title: {e.submission: e for e in s.entries if e.kind != "paper"} for s in contests.standing(path)}
    assert entries["Speech, Portuguese, up to 25 clips"]["both"].score == alone[0].score
    assert entries["Speech, English, up to 25 clips"]["both"].status == "ok"
    assert entries["Speech, English, up to 60 clips"].keys() <= {"english only"}
    if missing:
        pytest.skip(f"no algorithm is run here: {missing}")
    assert entries["Speech, English, up to 25 clips"]["english only"].score is not None
    assert entries["Speech, Portuguese, up to 25 clips"]["english only"].status == "invalid"
    errors = {s.task: s.error for s in scores if s.submission == "english only" and s.status != "ok"}
    assert set(errors) == {"pt_25", "pt_60"}
    assert "exited with status 1" in errors["pt_25"]


def test_killed_at_any_moment_it_goes_on_and_gives_the_same_table(data, tmp_path):
    contests.write_orders(data, tmp_path / "teams", 60)
    path = contest(tmp_path, data)
    command = [sys.executable, "-m", "dataperf_fast.cli", "organize", "run", str(path), "--format", "json"]
    killed, generator = 0, np.random.default_rng(0)
    for _ in range(4):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            process.communicate(timeout=generator.uniform(0.3, 1.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
    assert killed
    contests.score(path)
    store = Store(manifest.read(path).store)
    with closing(store):
        everything = store.scores("Spring")
    assert len(everything) == 60 * 2  # none twice, none lost
    whole = contest(tmp_path / "whole", data, submissions=[str(tmp_path / "teams")])
    at_once, _ = contests.score(whole, cache=False)
    assert contests.table(everything) == contests.table(at_once)


def test_two_runs_at_once_write_each_score_once(data, tmp_path):
    contests.write_orders(data, tmp_path / "teams", 40)
    path = contest(tmp_path, data)
    command = [sys.executable, "-m", "dataperf_fast.cli", "organize", "run", str(path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(process.communicate()[1], process.returncode) for process in both] == [(ANY, 0), (ANY, 0)]
    with closing(Store(manifest.read(path).store)) as store:
        assert len(store.scores("Spring")) == 40 * 2


def test_what_stops_a_board_costs_one_submission_and_is_tried_again(data, tmp_path, monkeypatch):
    contests.write_orders(data, tmp_path / "teams", 9)
    path = contest(tmp_path, data)
    read = files.read_submission

    def fails(path, rows):
        if path.parent.name == "team0004":
            raise RuntimeError("nobody thought of this")
        return read(path, rows)

    monkeypatch.setattr(files, "read_submission", fails)
    scores, _ = contests.score(path)
    statuses = {s.submission: s.status for s in scores}
    assert [name for name, status in statuses.items() if status != "ok"] == ["team0004"]
    assert statuses["team0004"] == "failed"
    assert "RuntimeError: nobody thought of this" in next(s.error for s in scores if s.status == "failed")
    monkeypatch.setattr(files, "read_submission", read)
    scores, watched = contests.score(path)
    assert watched == {"debugging": 1}
    assert {s.status for s in scores} == {"ok"}


def test_a_missing_file_is_one_invalid_task_and_no_average(data, tmp_path):
    contests.write_orders(data, tmp_path / "teams", 2)
    tasks = [task.data_id for task in files.open_setup(data)[1].tasks]
    (tmp_path / "teams" / "team0001" / f"{tasks[1]}_mine.txt").unlink()
    path = contest(tmp_path, data)
    scores, _ = contests.score(path)
    bad = {(s.submission, s.task): s.error for s in scores if s.status != "ok"}
    assert list(bad) == [("team0001", tasks[1])]
    assert f"holds no file for {tasks[1]} but " in bad["team0001", tasks[1]]
    entries = {entry.submission: entry for entry in contests.standing(path)[0].entries}
    assert entries["team0001"].score is None
    assert entries["team0001"].status == "invalid"


@pytest.mark.skipif(bool(sandbox.available()["bubblewrap"]), reason=sandbox.available()["bubblewrap"])
def test_algorithms_are_run_on_each_hidden_task_and_ranked_with_the_others(data, tmp_path):
    contests.write_orders(data, tmp_path / "teams", 1)
    scripts = {
        "counts": "i=0; while [ $i -lt 40 ]; do echo $i; i=$((i+1)); done > /output/order.txt; cat /input/task.json",
        "sleeps": "sleep 60",
        "peeks": f"cat {data}/data/*.csv /input/../*/*.csv > /output/order.txt",
        "links": "ln -s /input/train.parquet /output/order.txt",
    }
    for name, script in scripts.items():
        folder = tmp_path / "algorithms" / name
        folder.mkdir(parents=True)
        (folder / "run.sh").write_text(script)
        (folder / "algorithm.yaml").write_text("command: [sh, run.sh]\n")
    (tmp_path / "algorithms" / "bare").mkdir()
    for name, settings in (("counts twice", "command: [sh, run.sh]\n"), ("dates", "image: 2001-99-99\n")):
        (tmp_path / "algorithms" / name).mkdir()
        (tmp_path / "algorithms" / name / "algorithm.yaml").write_text(settings)
    (tmp_path / "algorithms" / "counts twice").rename(tmp_path / "algorithms" / "team0000")  # a team's name
    (tmp_path / "algorithms" / "team0000" / "run.sh").write_text(scripts["counts"])
    path = contest(tmp_path, data, algorithms=["algorithms"], limits={"seconds": 1.5}, baselines=["counts"], seed=3)
    scores, _ = contests.score(path)
    by_name = {name: [s for s in scores if s.submission == name] for name in [*scripts, "bare", "team0000"]}
    order = tmp_path / "by hand" / "counts"
    order.mkdir(parents=True)
    for task in files.open_setup(data)[1].tasks:
        (order / f"{task.data_id}_x.txt").write_text("\n".join(map(str, range(40))))
    alone = {r.task: r.score for r in dpf.evaluate("debugging", data, [order], model="knn", cache=False)}
    assert {s.task: s.score for s in by_name["counts"]} == {t: s for t, s in alone.items() if t != "mean"}
    same = [s for s in scores if s.submission == "team0000 (algorithm)"]
    assert {s.task: s.score for s in same} == {s.task: s.score for s in by_name["counts"]}
    assert {s.score for s in same} != {s.score for s in by_name["team0000"]}
    assert {s.status for s in scores if s.submission == "dates"} == {"invalid"}
    assert all("ran longer than 1.5 s" in s.error for s in by_name["sleeps"])
    assert all("exited with status 1" in s.error for s in by_name["peeks"])
    assert all("its /output/order.txt is a link" in s.error for s in by_name["links"])
    assert all("algorithm.yaml: no such file" in s.error for s in by_name["bare"])
    with closing(Store(manifest.read(path).store)) as store:
        [first, *_] = [json.loads(run.log) for run in store.runs("Spring") if run.submission == "counts"]
    assert first == {"board": "debugging", "answer": "order.txt", "seed": 3, "rows": 40}
    ranked = {entry.submission: entry.kind for entry in contests.standing(path)[0].entries if entry.score is not None}
    assert ranked == {"counts": "baseline", "team0000": "submission", "team0000 (algorithm)": "submission"}
    again, _ = contests.score(path)
    assert contests.table(again) == contests.table(scores)


@pytest.mark.skipif(bool(sandbox.available()["bubblewrap"]), reason=sandbox.available()["bubblewrap"])
def test_algorithms_are_shown_parts_in_the_folder_that_they_are_in(data, tmp_path):
    shutil.copytree(data, tmp_path / "hidden")
    contests.write_orders(data, tmp_path / "teams", 1)
    for file in list((tmp_path / "hidden" / "embeddings").iterdir()):
        in_parts(file)
    folder = tmp_path / "algorithms" / "counts"
    folder.mkdir(parents=True)
    script = "set -e; cd /input/train.parquet; ls; i=0; while [ $i -lt 40 ]; do echo $i; i=$((i+1)); done"
    (folder / "run.sh").write_text(f"{script} > /output/order.txt\n")
    (folder / "algorithm.yaml").write_text("command: [sh, run.sh]\n")
    path = contest(tmp_path, tmp_path / "hidden", algorithms=["algorithms"], limits={"seconds": 5})
    scores, _ = contests.score(path)
    assert {(s.submission, s.status, s.error) for s in scores} == {(n, "ok", None) for n in ("counts", "team0000")}
    with closing(Store(manifest.read(path).store)) as store:
        logs = {run.log for run in store.runs("Spring")}
    assert [log.split() for log in logs] == [["_SUCCESS", *(f"part-0000{n}-a.snappy.parquet" for n in (0, 1))]]


def test_the_commands(data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    contests.write_orders(data, tmp_path / "teams", 3)
    (tmp_path / "teams" / "broken").mkdir()
    path = contest(tmp_path, data, dynabench={"team0001": 17})
    assert cli.main(["organize", "check", str(path)]) == 0
    assert "submissions: 4, 1 wrong" in capsys.readouterr().err
    (tmp_path / "teams" / "linked").symlink_to(tmp_path / "teams" / "team0001")
    misspelt = contest(tmp_path / "misspelt", data, submissions=[str(tmp_path / "teams")], baselines=["team1"])
    assert cli.main(["organize", "check", str(misspelt)]) == 0
    err = capsys.readouterr().err
    assert "linked: is a link; expected a folder" in err
    assert "line 11, boards.0.baselines.0: no submission is named 'team1'" in err
    (tmp_path / "teams" / "linked").unlink()
    assert cli.main(["organize", "run", str(path), "--format", "json"]) == 0
    out, err = capsys.readouterr()
    ranks = {line["submission"]: (line["rank"], line["score"]) for line in map(json.loads, out.splitlines())}
    assert len(ranks) == 4
    assert sorted(score for rank, score in ranks.values() if rank) == [
        score for _, score in sorted(value for value in ranks.values() if value[0])
    ]
    assert err.count("teams/broken") == 1
    assert cli.main(["organize", "export", str(path)]) == 0
    table = parquet.read_table(tmp_path / "scores.parquet")
    assert table.num_rows == 4 * 2
    assert set(table["submission"].to_pylist()) == {"team0000", "team0001", "team0002", "broken"}
    assert len(table["dataset_digest"][0].as_py()) == 64
    assert cli.main(["leaderboard", "--out", "site", "--dynabench", "posts"]) == 0
    page = (tmp_path / "site" / "debugging-knn.html").read_text()
    assert "team0002" in page
    assert "holds no submission" not in page  # of a hidden set: that is the organizer's to tell
    assert str(tmp_path) not in page
    posts = [json.loads(file.read_text())["response"] for file in sorted((tmp_path / "posts").iterdir())]
    scores = dict(zip(table["submission"].to_pylist(), table["score"].to_pylist(), strict=True))
    assert len(posts) == 2
    [(dataset, result)] = posts[-1]["results"].items()
    assert posts[-1]["model_id"] == 17
    assert result["auc_score"]["17"]["fraction_fixes"] == scores["team0001"]
    assert dataset in table["task"].to_pylist()


def test_a_cluster_loses_a_worker_and_no_score(data, tmp_path):
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    contests.write_orders(data, tmp_path / "teams", 90)
    path = contest(tmp_path, data)
    port = str(contests.free_port())
    address = f"tcp://127.0.0.1:{port}"
    logs = (tmp_path / "dask.log").open("w")
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", port, "--no-dashboard"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
    theirs = {"stdout": logs, "stderr": logs, "cwd": tmp_path}
    theirs["env"] = {**os.environ, "DATAPERF_FAST_CACHE": str(tmp_path / "workers")}
    running = [subprocess.Popen(command, **theirs) for command in (dask, worker, worker)]
    try:
        command = [sys.executable, "-m", "dataperf_fast.cli", "organize", "run", str(path), "--cluster", address]
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        with closing(Store(manifest.read(path).store, make=True)) as store:
            while run.poll() is None and not store.finished("Spring"):
                time.sleep(0.05)
            os.kill(running[1].pid, signal.SIGKILL)
            err = run.communicate(timeout=120)[1]
            assert run.returncode == 0, err
            scores = store.scores("Spring")
    finally:
        for process in running:
            process.kill()
            process.wait()
        logs.close()
    assert len(scores) == 90 * 2
    assert (tmp_path / "workers" / "retrains.sqlite").exists()  # they did it
    assert not (tmp_path / "cache" / "retrains.sqlite").exists()
    alone = contest(tmp_path / "alone", data, submissions=[str(tmp_path / "teams")])
    assert contests.table(scores) == contests.table(contests.score(alone, cache=False)[0])
