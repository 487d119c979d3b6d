"""Five hundred broken submissions of every kind, by a seed: each gets one line, none stops the others."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import dataperf_fast as dpf
from dataperf_fast.boards.acquisition import baselines as acquisition_baselines
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.debugging import synth as debugging
from dataperf_fast.boards.speech import baselines as speech_baselines
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.vision import synth as vision
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine

from . import contests

EACH = 125  # broken ones a board


def places(folder):
    """Things that are no plain file, or no folder of plain files."""
    secret = folder.parent / "secret"
    secret.write_text("0\n1\n")

    def link(team):
        team.symlink_to(secret.parent)

    def link_inside(team):
        team.mkdir()
        (team / "synth00-flipped_mine.txt").symlink_to(secret)

    def pipe(team):
        team.mkdir()
        os.mkfifo(team / "en_25_train.json")

    def file(team):
        team.write_text("0\n")

    def nested(team):
        (team / "deep" / "deeper").mkdir(parents=True)
        (team / "deep" / "0.csv").write_text("1,1,1,1\n")

    def nothing(team):
        team.mkdir()

    def large(team):
        team.mkdir()
        with (team / "0.csv").open("wb") as opened:
            opened.truncate(3 << 20)

    def misnamed(team):
        team.mkdir()
        (team / "order.txt").write_text("0\n")
        (team / "README.md").write_text("# hello\n")

    return [link, link_inside, pipe, file, nested, nothing, large, misnamed]


def broken_text(good: str, generator: np.random.Generator) -> bytes:
    """What is left of a file after one of many accidents; all of them are invalid on every board."""
    lines = good.encode().splitlines(keepends=True)
    at = int(generator.integers(len(lines)))
    cut = int(generator.integers(1, max(2, len(good) // 2)))
    kinds = [
        b"",
        b"\n\n\n",
        bytes(generator.integers(0, 256, 200, dtype=np.uint8)) + b"\xff",
        b"\0" * 100,
        good.encode("utf-16"),
        good.encode()[:-cut] if good.startswith("{") else b"-1\n" + good.encode(),
        b"".join([*lines[:at], b"nan,1e400,\xf0\x9f\x92\xa9\n", *lines[at:]]),
        b"".join([*lines[:at], b"__import__('os').system('true')\n", *lines[at:]]),
        b"".join([*lines[:at], b"9" * 5000 + b"\n", *lines[at:]]),
        b"[" * 100_000,
        b"{" * 5_000 + b"}" * 5_000,
        "١٢٣\n".encode() + good.encode(),
        b"1.5\n" + good.encode(),
        good.encode() + b"\n0\n-7\n",
        b"<script>alert(1)</script>\n",
        b"\x1b[2J\x1b]0;owned\x07" + good.encode(),
    ]
    return kinds[int(generator.integers(len(kinds)))]


def strange_name(number: int) -> str:
    kinds = [
        "plain",
        "new\nline",
        "\x1b[31mred",
        os.fsdecode(b"\xff\xfe"),
        "a" * 200,
        "\u202egnp.exe",
        "<b>bold",
        "-rf",
    ]
    return f"{kinds[number % len(kinds)]}{number}"


@pytest.fixture(scope="module")
def boards(tmp_path_factory):
    """Four boards with a good submission each: name -> (data, files of the good one)."""
    folder = tmp_path_factory.mktemp("boards")
    engine = Engine(backends.choose("cpu"))
    list(debugging.write(folder / "debugging", debugging.DebuggingScale(tasks=1, train=40, test=30, val=10), seed=1))
    list(speech.write(folder / "speech", speech.SCALES["small"], seed=1))
    list(vision.write(folder / "vision", vision.VisionScale(1, 300, 40, 60, 10), seed=1))
    list(acquisition.write(folder / "acquisition", acquisition.AcquisitionScale(1, 4, 60, 40, 60), seed=1))
    speech_baselines.write(folder / "speech", folder / "made", ["random"], 0, engine)
    acquisition_baselines.write(folder / "acquisition", folder / "plans", ["uniform"], 0, engine)
    concept = next((folder / "vision" / "train_sets").glob("*.csv"))
    plan = next((folder / "plans").rglob("0.*"))
    clips = next((folder / "made").rglob("en_25_train.json"))
    task = json.loads(json.dumps([p.name for p in (folder / "debugging" / "embeddings").glob("*_train_*")]))[0]
    return {
        "debugging": (folder / "debugging", {f"{task.split('_')[0]}_x.txt": "\n".join(map(str, range(40))) + "\n"}),
        "speech": (folder / "speech", {clips.name: clips.read_text()}),
        "vision": (folder / "vision", {concept.name: concept.read_text()}),
        "acquisition": (folder / "acquisition", {plan.name: plan.read_text()}),
    }


@pytest.mark.parametrize("board", ["debugging", "speech", "vision", "acquisition"])
@pytest.mark.filterwarnings("ignore:.*has no clip of")
def test_each_broken_submission_gets_one_line_and_none_stops_the_run(boards, board, tmp_path):
    data, good = boards[board]
    generator = np.random.default_rng(["debugging", "speech", "vision", "acquisition"].index(board))
    teams = tmp_path / "teams"
    for name in ("good one", "good two"):
        (teams / name).mkdir(parents=True)
        for file, text in good.items():
            (teams / name / file).write_text(text)
    kinds = places(teams)
    for number in range(EACH):
        team = teams / strange_name(number)
        if number < 2 * len(kinds):
            kinds[number % len(kinds)](team)
            continue
        team.mkdir()
        for file, text in good.items():
            (team / file).write_bytes(broken_text(text, generator))
    path = contests.write(
        tmp_path / "contest.yaml",
        {"board": board, "tasks": [{"name": "hidden", "data": str(data)}], "submissions": ["teams"]}
        | {"largest_submission_mib": 2},
    )
    scores, watched = contests.score(path)
    assert watched == {board: EACH + 2}
    by_team = {}
    for score in scores:
        by_team.setdefault(score.submission, []).append(score)
    assert len(by_team) == EACH + 2
    alone = dpf.evaluate(board, data, [teams / "good one"], cache=False)[0]
    for name, [score] in by_team.items():
        if name.startswith("good"):
            assert (score.status, score.score) == ("ok", alone.score)
            continue
        assert score.status == "invalid", (name, score)
        assert score.score is None
        assert score.error.isprintable(), score.error
        assert len(score.error) < 1500
        assert "Error" not in score.error  # an exception's name: nobody had thought of it
    again, watched = contests.score(path)
    assert contests.table(again) == contests.table(scores)
    assert sum(watched.values()) == 0
