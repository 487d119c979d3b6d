from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import dataperf_fast
from dataperf_fast import boards, cli
from dataperf_fast.boards.debugging import synth
from dataperf_fast.boards.options import some_path
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import limits
from tests import long

FIELDS = [
    "benchmark", "task", "submission", "status", "metric", "score", "higher_is_better", "details", "backend",
    "arithmetic", "retrains", "distinct", "rechecked", "seconds", "error",
]  # fmt: skip


def start(*arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "dataperf_fast.cli", *arguments]
    # A shell's background jobs ignore SIGINT, and what they start inherits that.
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed)  # noqa: PLW1509


def test_json_is_one_record_a_line_and_nothing_else(suite, capsys):
    assert cli.main(["evaluate", "debugging", str(suite), "--format", "json"]) == 0
    printed = capsys.readouterr()
    records = [json.loads(line) for line in printed.out.splitlines()]
    assert len(records) == 6
    assert all(list(record) == FIELDS for record in records)
    assert printed.err == ""


def test_table_and_files(suite, tmp_path, capsys):
    out = tmp_path / "results"
    assert cli.main(["evaluate", "debugging", str(suite / "task_setup.yml"), "--out", str(out)]) == 0
    table = capsys.readouterr().out
    assert "fraction_fixes (lower is better)" in table
    assert table.count("synth01 ") == 2
    names = [f"{task}_evaluation.{kind}" for task in ("synth00-flipped", "synth01") for kind in ("json", "png")]
    assert sorted(path.name for path in out.iterdir()) == sorted([*names, "scores.csv", "time_to_value.png"])
    result = json.loads((out / "synth01_evaluation.json").read_text())
    assert [len(result["submitted_evaluations"]), set(result["auc_score"])] == [140, {"consecutive", "random"}]
    rows = list(csv.DictReader((out / "scores.csv").read_text().splitlines()))
    assert [row["task"] for row in rows] == ["synth00-flipped"] * 2 + ["synth01"] * 2 + ["mean"] * 2
    for name in ("synth00-flipped", "synth01"):
        assert (out / f"{name}_evaluation.png").read_bytes().startswith(b"\x89PNG")


def test_score_only_stops_the_written_curve_at_the_crossing(suite, tmp_path):
    out = tmp_path / "results"
    assert cli.main(["evaluate", "debugging", str(suite), "--out", str(out), "--score-only"]) == 0
    result = json.loads((out / "synth01_evaluation.json").read_text())
    for method, entry in result["auc_score"].items():
        points = [p["fixes"] for p in result["submitted_evaluations"] if p["submission"] == method]
        assert points == list(range(1, round(entry["fraction_fixes"] * 70) + 2))


def test_baselines_write_official_files(suite, tmp_path, capsys):
    def write(out: Path, *more: str) -> dict[str, str]:
        assert cli.main(["baselines", "debugging", str(suite), "--out", str(out), *more]) == 0
        capsys.readouterr()
        return {p.name: p.read_text() for p in out.iterdir() if not p.name.startswith("time_")}

    first, again, other = write(tmp_path / "a"), write(tmp_path / "b"), write(tmp_path / "c", "--seed", "9")
    assert first == again
    assert first["synth01_consecutive.txt"] == "".join(f"{row}\n" for row in range(70))
    assert sorted(map(int, first["synth01_random.txt"].split())) == list(range(70))
    assert first["synth01_random.txt"] != other["synth01_random.txt"] != first["synth00-flipped_random.txt"]
    assert float((tmp_path / "a" / "time_synth01_random.txt").read_text()) >= 0
    only = write(tmp_path / "d", "--methods", "random")
    assert set(only) == {"synth00-flipped_random.txt", "synth01_random.txt"}
    assert cli.main(["baselines", "debugging", str(suite), "--out", str(tmp_path), "--methods", "best"]) == 2
    assert (
        "'best'; expected consecutive or random or datascope or confident or influence or loo or mc-shapley"
        in capsys.readouterr().err
    )


def test_what_the_page_leaves_out_of_two_runs_leaves_the_same_bytes(suite, capsys):
    page = (Path(__file__).parents[1] / "docs" / "scoring.md").read_text()
    same_machine, any_machine = re.findall(r"jq -cS 'del\((.*?)\)'", page)

    def records(left_out: str, *more: str) -> list[str]:
        assert cli.main(["evaluate", "debugging", str(suite), "--format", "json", "--no-cache", *more]) == 0
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        for record in found:
            for path in left_out.split(", "):
                *above, name = path.removeprefix(".").split(".")
                for key in above:
                    record = record[key]
                record.pop(name, None)
        return [json.dumps(record, sort_keys=True) for record in found]

    assert records(same_machine, "--jobs", "1") == records(same_machine, "--jobs", "1")
    assert records(any_machine, "--jobs", "1") == records(any_machine, "--jobs", "3")


@pytest.mark.parametrize("words", [["--help"], ["verify", "--help"]])
def test_help_says_the_exit_statuses(words, capsys):
    with pytest.raises(SystemExit):
        cli.main(words)
    said = " ".join(capsys.readouterr().out.split())
    assert "exit status: 0 all is well, 1 a failure of ours or no room (verify: something differs), 2 usage" in said


def test_a_refused_call_prints_nothing_and_an_invalid_input_its_record(suite, tmp_path, capsys):
    """Both are 2, and a reader of standard output can tell them apart."""
    arguments = ["--model", "knn", "--format", "json"]
    assert cli.main(["evaluate", "debugging", str(tmp_path / "nowhere"), *arguments]) == 2
    assert capsys.readouterr().out == ""
    broken = suite / "submissions" / "synth01_random.txt"
    broken.write_text("zero\n")
    assert cli.main(["evaluate", "debugging", str(suite), *arguments]) == 2
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    wrong = [record for record in records if record["status"] == "invalid"]
    assert len(records) == 6
    assert [record["task"] for record in wrong if not record["details"].get("derived")] == ["synth01"]
    assert [record["task"] for record in wrong if record["details"].get("derived")] == ["mean"]


def test_info_names_what_is_there(capsys):
    assert cli.main(["info"]) == 0
    printed = capsys.readouterr().out
    assert f"dataperf-fast      {dataperf_fast.__version__}" in printed
    assert "backend            cpu (auto: " in printed


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are UTF-8")
@pytest.mark.parametrize("encoding", long.after(1, ["cp1252", "utf-8", "ascii"]))
@pytest.mark.parametrize("output", ["table", "json"])
def test_names_that_no_encoding_has_are_escaped(suite, tmp_path, encoding, output):
    """A team's folder in Latin-1, and one in another script, printed to a pipe of another encoding."""
    names = [os.fsdecode("caf\u00e9".encode("latin-1")), "\u00e9quipe", "\u7d44"]
    for name in names:
        team = tmp_path / "teams" / name
        team.mkdir(parents=True)
        for file in (suite / "submissions").glob("*_random.txt"):
            shutil.copy(file, team / file.name.replace("random", name))
    command = ["evaluate", "debugging", str(suite), "--model", "knn", "--out", str(tmp_path / "out")]
    folders = [str(tmp_path / "teams" / name) for name in names]
    done = subprocess.run(
        [sys.executable, "-m", "dataperf_fast", *command, "--format", output, "--submissions", *folders],
        env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode(encoding)
    if output == "json":
        assert {json.loads(line)["submission"] for line in shown.splitlines()} >= {names[0], names[2]}
    else:
        assert "\\udce9" in shown
    assert "caf\\udce9" in (tmp_path / "out" / "scores.csv").read_text("utf-8")


def test_info_as_one_object(capsys):
    assert cli.main(["info", "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["dataperf-fast"] == dataperf_fast.__version__
    assert said["finished_retrains"].endswith("retrains.sqlite")
    assert said["backend"].startswith("cpu (auto: ")
    numbers = ("threads", "memory_free_bytes", "memory_batch_bytes", "parsed_tables_bytes")
    assert [type(said[name]) for name in numbers] == [int] * len(numbers)
    assert said["threads"] == limits.usable_cores()
    assert 0 < said["memory_batch_bytes"] < said["memory_free_bytes"]
    assert said["parsed_tables_bytes"] == 0
    assert said["memory"].endswith(f"up to {said['memory_batch_bytes'] / 2**30:.1f}")


def test_info_says_in_full_what_a_missing_package_is_for(monkeypatch):
    def missing(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", missing)
    found = backends.versions()
    for package in ("numba-cuda", "cupy-cuda13x"):
        assert found[package] == "not installed (--backend cuda: pip install '.[gpu]' in the checkout)"


def test_the_package_is_the_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "dataperf_fast", "evaluate", "vision", str(tmp_path)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("dataperf-fast: ")
    assert len(done.stderr.splitlines()) == 1


def test_backends_that_cannot_be_used(suite, capsys):
    assert cli.main(["evaluate", "debugging", str(suite), "--backend", "cuda"]) == 2
    assert "--backend: cuda cannot be used: " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["demo", "evaluate", "baselines", "synth", "info"])
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    assert f"example:\n  dataperf-fast {command}" in capsys.readouterr().out


def test_usage_errors_exit_2():
    for arguments in ([], ["evaluate"], ["evaluate", "chess", "."], ["synth", "debugging", "x", "--size", "3"]):
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        assert stopped.value.code == 2


def test_a_failure_of_ours_exits_1_in_one_line(suite, capsys, monkeypatch):
    def fail(*_):
        raise RuntimeError("no such luck")

    monkeypatch.setattr("dataperf_fast.boards.debugging.board.label_states", fail)
    assert cli.main(["evaluate", "debugging", str(suite)]) == 1
    assert capsys.readouterr().err == "dataperf-fast: failed: RuntimeError: no such luck (--debug shows where)\n"
    with pytest.raises(RuntimeError):
        cli.main(["evaluate", "debugging", str(suite), "--debug"])


def kept_retrains(path: Path) -> int:
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as connection:
        try:
            return connection.execute("SELECT COUNT(*) FROM retrains").fetchone()[0]
        except sqlite3.OperationalError:  # not made yet, or just being written
            return 0


@pytest.mark.parametrize("how", long.after(1, [signal.SIGKILL, signal.SIGINT]))
def test_an_interrupted_curve_leaves_nothing_half_written_and_goes_on(how, tmp_path, capsys):
    data, out = tmp_path / "data", tmp_path / "out"
    list(synth.write(data, synth.DebuggingScale(tasks=1, train=300, test=50, val=5), seed=0))
    assert (
        cli.main(["baselines", "debugging", str(data), "--out", str(data / "submissions"), "--methods", "random"]) == 0
    )
    arguments = ["evaluate", "debugging", str(data), "--jobs", "1", "--format", "json"]
    running = start(*arguments, "--out", str(out))
    cache = tmp_path / "cache" / "retrains.sqlite"
    deadline = time.monotonic() + 120
    while kept_retrains(cache) < 20 and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(how)
    _, errors = running.communicate()
    assert running.returncode == (130 if how == signal.SIGINT else -9), errors
    if how == signal.SIGINT:
        assert "the same command goes on" in errors.splitlines()[-1]
        assert "Traceback" not in errors
    assert not out.exists() or not list(out.iterdir())
    kept = kept_retrains(cache)
    trained = finished(arguments, tmp_path / "out", capsys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATAPERF_FAST_CACHE", str(tmp_path / "other"))
        whole = finished(arguments, tmp_path / "whole", capsys)
    assert whole >= 91  # 90 wrong labels: 91 states, and what of them is run again on the exact path
    assert 20 <= kept < 91
    assert 0 < trained <= whole - kept
    assert finished(arguments, tmp_path / "again", capsys) == 0
    names = ["synth00-flipped_evaluation.json", "synth00-flipped_evaluation.png"]
    assert [(out / name).read_bytes() for name in names] == [(tmp_path / "again" / name).read_bytes() for name in names]


def finished(arguments: list[str], out: Path, capsys) -> int:
    """Run the command in this process; the number of retrains that it had to train."""
    from dataperf_fast.engine.engine import Progress
    from dataperf_fast.report import progress

    class Counts(Progress):
        total = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def done(self, retrains):
            Counts.total += retrains

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "Bar", Counts)
        assert cli.main([*arguments, "--out", str(out)]) == 0
    capsys.readouterr()
    return Counts.total


def test_synth_repeats_its_bytes_and_takes_sizes(tmp_path, capsys):
    def write(name: str, *more: str) -> dict[str, bytes]:
        assert cli.main(["synth", "debugging", str(tmp_path / name), "--train", "50", "--test", "20", *more]) == 0
        return {
            str(p.relative_to(tmp_path / name)): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()
        }

    first = write("a", "--seed", "4")
    assert first == write("b", "--seed", "4")
    assert first != write("c", "--seed", "5")
    assert len(write("d", "--tasks", "3", "--noise", "weak")) == 3 * 4 + 1
    assert "synth00: 50 training rows, " in capsys.readouterr().out


def test_both_kinds_of_label_noise(tmp_path):
    inverted, weak = synth.write(tmp_path, synth.DebuggingScale(tasks=2, train=300, test=10, val=10), seed=0)
    assert (inverted.train.labels != inverted.true_labels).sum() == 90
    wrong = weak.train.labels != weak.true_labels
    assert 0.2 < wrong.mean() < 0.4


def test_the_speech_board_from_synth_to_pictures(tmp_path, capsys):
    data, teams, out = tmp_path / "data", tmp_path / "teams", tmp_path / "results"
    assert cli.main(["synth", "speech", str(data)]) == 0
    assert cli.main(["baselines", "speech", str(data), "--out", str(teams), "--methods", "random"]) == 0
    (teams / "late").mkdir()
    (teams / "late" / "en_25_train.json").write_text("{}")
    capsys.readouterr()
    arguments = ["evaluate", "speech", str(data), "--submissions", str(teams), "--out", str(out), "--format", "json"]
    assert cli.main(arguments) == 2
    printed = capsys.readouterr()
    records = [json.loads(line) for line in printed.out.splitlines()]
    assert {(r["task"], r["submission"], r["status"]) for r in records} == {
        ("en_25", "random", "ok"),
        ("en_25", "late", "invalid"),
        ("en_60", "random", "ok"),
    }
    assert all(list(record) == FIELDS for record in records)
    [complaint] = [line for line in printed.err.splitlines() if "late" in line]
    assert "has no key 'targets'" in complaint
    names = [f"{task}_scores.{kind}" for task in ("en_25", "en_60") for kind in ("json", "png")]
    assert sorted(path.name for path in out.iterdir()) == sorted([*names, "scores.csv"])
    assert (out / "en_25_scores.png").read_bytes().startswith(b"\x89PNG")


def test_debuggings_sizes_mean_nothing_for_speech(tmp_path, capsys):
    assert cli.main(["synth", "speech", str(tmp_path / "data"), "--tasks", "3"]) == 2
    assert "--tasks: has no meaning for speech" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_an_output_folder_that_cannot_be(suite, tmp_path, capsys, place):
    (tmp_path / "file").write_text("")
    assert cli.main(["evaluate", "debugging", str(suite), "--out", str(tmp_path / place)]) == 2
    assert f"{place}: cannot be written; expected a folder" in capsys.readouterr().err


FROM_ONE, SEED = "a whole number from 1", "a whole number from 0 to 4294967295"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "speech", "data", "--jobs", "x"], f"--jobs: is 'x'; expected {FROM_ONE}"),
        (["evaluate", "speech", "data", "--jobs", "0"], f"--jobs: is '0'; expected {FROM_ONE}"),
        (["verify", "speech", "data", "--sample", "1.5"], f"--sample: is '1.5'; expected {FROM_ONE}"),
        (["synth", "speech", "made", "--seed", "-1"], f"--seed: is '-1'; expected {SEED}"),
        (["synth", "speech", "made", "--seed", "4294967296"], f"--seed: is '4294967296'; expected {SEED}"),
        (["synth", "vision", "made", "--pool", "many"], f"--pool: is 'many'; expected {FROM_ONE}"),
        (["nibbler", "generate", "round", "p.jsonl", "--count", "0"], f"--count: is '0'; expected {FROM_ONE}"),
        (
            ["evaluate", "acquisition", "data", "--over-budget", "3%"],
            "--over-budget: is '3%'; expected per cent of the budget, from 0 to 10000",
        ),
    ],
)
def test_what_an_option_does_not_take_is_said_in_our_words(words, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"dataperf-fast {words[0]}: error: argument {said}"


@pytest.mark.parametrize(
    "words",
    [
        ["demo", "--out", ""],
        ["evaluate", "speech", ""],
        ["evaluate", "speech", "data", "--out", ""],
        ["evaluate", "speech", "data", "--submissions", "teams", ""],
        ["verify", "speech", "data", "--junit", ""],
        ["profile", "speech", "data", "--out", ""],
        ["baselines", "speech", "data", "--out", ""],
        ["synth", "speech", ""],
        ["synth", "speech", "made", "--secret", ""],
        ["leaderboard", "", "--out", "site"],
        ["leaderboard", "contest.yaml", "--out", ""],
        ["leaderboard", "contest.yaml", "--out", "site", "--dynabench", ""],
        ["organize", "run", ""],
        ["organize", "kit", "contest.yaml", "--out", ""],
        ["organize", "export", "contest.yaml", "--parquet", ""],
        ["organize", "backup", "contest.yaml", ""],
        ["organize", "restore", "contest.yaml", ""],
        ["nibbler", "worklist", "", "work.jsonl"],
        ["nibbler", "generate", "round", "prompts.jsonl", "--api", ""],
    ],
    ids=" ".join,
)
def test_an_empty_path_is_refused_and_no_working_directory(words, tmp_path, monkeypatch, capsys):
    """As of a variable that is not set, ``--out "$RESULTS"``."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(": is ''; expected a path")
    assert not list(tmp_path.iterdir())


def test_no_option_takes_a_path_otherwise():
    """Every argument of every command, the actions of ``organize`` among them."""

    def arguments(parser):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for below in action.choices.values():
                    yield from arguments(below)
            else:
                yield action

    found = list(arguments(cli.parser()))
    assert [action.dest for action in found if action.type is Path] == []
    assert sum(action.type is some_path for action in found) > 25


@pytest.mark.parametrize(
    ("board", "sizes", "made"),
    [
        ("vision", ["--concepts", "2", "--pool", "300", "--train", "40", "--test", "30"], ["Cupcake", "Hawk"]),
        ("acquisition", ["--markets", "1", "--sellers", "3", "--rows", "40", "--buyer", "20"], ["market 0"]),
    ],
)
def test_made_up_boards_go_from_synth_through_baselines_to_scores(board, sizes, made, tmp_path, capsys):
    data, out = tmp_path / "data", tmp_path / "out"
    assert cli.main(["synth", board, str(data), *sizes]) == 0
    assert capsys.readouterr().out.splitlines() == made
    methods = ["--methods", "random" if board == "vision" else "uniform,fss"]
    assert cli.main(["baselines", board, str(data), "--out", str(tmp_path / "teams"), *methods]) == 0
    capsys.readouterr()
    arguments = ["evaluate", board, str(data), "--submissions", str(tmp_path / "teams"), "--format", "json"]
    assert cli.main([*arguments, "--out", str(out)]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {record["status"] for record in records} == {"ok"}
    assert {record["benchmark"] for record in records} == {board}
    assert len(list(out.rglob("*.json"))) == len({record["submission"] for record in records})
    assert len(list(out.glob("*.png"))) == len(made)


def test_options_of_another_board_are_refused(suite, tmp_path, capsys):
    assert cli.main(["evaluate", "vision", str(suite), "--model", "knn"]) == 2
    assert cli.main(["synth", "speech", str(tmp_path / "x"), "--rows", "3"]) == 2
    assert cli.main(["synth", "vision", str(tmp_path / "x"), "--noise", "weak"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "dataperf-fast: --model: has no meaning for vision; expected the board's own model",
        "dataperf-fast: --rows: has no meaning for speech; expected --scale, --seed, --secret",
        "dataperf-fast: --noise: has no meaning for vision; "
        "expected --scale, --seed, --secret, --concepts, --pool, --train, --test",
    ]


def test_sizes_that_do_not_go_together_are_one_line(tmp_path, capsys):
    assert cli.main(["synth", "vision", str(tmp_path / "x"), "--pool", "20", "--train", "40"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("dataperf-fast: synth: ")


@pytest.mark.parametrize(
    ("place", "status", "said"),
    [
        ("json:dumps", 2, "json:dumps: is no board <function dumps"),
        ("nowhere:Board", 1, "failed: ModuleNotFoundError: No module named 'nowhere' (--debug shows where)"),
    ],
)
def test_a_package_whose_board_cannot_be_had_is_one_line(place, status, said, monkeypatch, capsys, tmp_path):
    points = [EntryPoint("chess", place, boards.GROUP)]
    monkeypatch.setattr(boards, "entry_points", lambda **_: points)
    assert cli.main(["evaluate", "chess", str(tmp_path)]) == status
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"dataperf-fast: {said}")
    with pytest.raises((dataperf_fast.InputError, ModuleNotFoundError)):
        cli.main(["evaluate", "chess", str(tmp_path), "--debug"])
