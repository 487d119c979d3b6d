"""profile: the stages are the whole, kernels are counted, and everything is put back as it was."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest

from dataperf_fast import cli, profiling
from dataperf_fast.boards.debugging import files
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.kernels.net import training
from dataperf_fast.profiling import profiler

ROOT = Path(__file__).parents[1]


def test_stages_add_up_and_work_is_what_the_formula_says(suite, tmp_path):
    reader = files.read_vectors
    found = profiling.profile("debugging", suite, backend="cpu", curve=True, jobs=1, out=tmp_path)
    assert files.read_vectors == reader
    assert sum(found.stages.values()) == pytest.approx(found.seconds, rel=0.01)
    assert found.stages["train"] > 0.5 * found.seconds
    assert found.stages["read"] > 0 < found.stages["write"]
    assert found.distinct < found.retrains
    [net] = [kernel for kernel in found.kernels if kernel.title == "linear net"]
    # 70 rows are two batches: a step moves seven times 128 x 2,048 float32, forty steps a net. Float64 counts twice.
    rechecked = net.moved / (40 * 7 * 128 * 2048 * 4) - found.distinct
    assert rechecked in (0, 2, 4)
    assert (rechecked > 0) == (found.rechecked > 0)
    assert net.operations > found.distinct * 40 * 18 * 128 * 2048
    assert 0 < net.at_the_ceiling < 1.5 * net.seconds <= 1.5 * found.seconds
    assert list(tmp_path.glob("*_evaluation.json"))
    calls = net.calls
    features = np.ones((2, 32), np.float32)
    training.train(training.prepare(2, 32), features, features, np.array([[0, 1]], np.uint8))
    assert net.calls == calls  # nobody looks at the clock any more


def test_what_is_watched_is_what_profile_lists():
    titles = []
    for path in [*(ROOT / "kernels").rglob("*.py"), *(ROOT / "dataperf_fast").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "watched":
                titles.append(ast.literal_eval(node.args[0]))
    assert sorted(titles) == sorted(profiler.WORK)


def test_the_command_prints_and_draws(tmp_path, capsys):
    data, out = tmp_path / "data", tmp_path / "out"
    list(speech.write(data, speech.SpeechScale({"en": speech.LanguageSize((30, 30), (6, 6), 2, 3, 12)}), 1))
    made = ["baselines", "speech", str(data), "--out", str(tmp_path / "chosen"), "--methods", "random"]
    assert cli.main(made) == 0
    capsys.readouterr()
    arguments = ["profile", "speech", str(data), "--submissions", str(tmp_path / "chosen"), "--out", str(out)]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("speech on cpu, ")
    assert "20 retrains asked for, 20 trained, 0 saved" in printed
    assert "support vectors and sigmoids" in printed
    assert json.loads((out / "profile.json").read_text())["retrains"] == 20
    assert (out / "profile.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main([*arguments[:-2], "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["stages"]) == list(profiling.STAGES)


def test_what_ran_is_said():
    def where(backend):
        return profiling.Profile("vision", backend, 2, 1.0, 1, 1, 0, {}, [], {}).where

    assert where("cpu") == "cpu, 2 threads"
    assert where("reference") == "reference, 2 processes of 1 thread"
