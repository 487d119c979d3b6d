"""Every parquet file of a board as a folder of parts: the same scores, baselines and inputs of algorithms."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pyarrow import parquet

import dataperf_fast as dpf
from dataperf_fast import boards, cli
from dataperf_fast.contest import submissions

SYNTH = {
    "debugging": ["--tasks", "1", "--train", "30", "--test", "20", "--val", "10"],
    "speech": [],
    "vision": ["--pool", "200", "--train", "40", "--test", "30"],
}


def in_parts(file: Path) -> None:
    """In the file's place, its rows in two parts."""
    table = parquet.read_table(file)
    file.unlink()
    file.mkdir()
    half = len(table) // 2
    parquet.write_table(table.slice(0, half), file / "part-00000-a.snappy.parquet")
    parquet.write_table(table.slice(half), file / "part-00001-a.snappy.parquet")
    (file / "_SUCCESS").touch()


def texts(folder: Path) -> dict[Path, str]:
    """A folder's files but those that say how long something took."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("time_")]
    return {path.relative_to(folder): path.read_text() for path in found}


def run(*arguments: object) -> None:
    assert cli.main([*map(str, arguments)]) == 0


@pytest.mark.parametrize("board", SYNTH)
def test_a_board_of_parts(board, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run("synth", board, whole, *SYNTH[board])
    shutil.copytree(whole, parts)
    for file in list(parts.rglob("*.parquet")):
        in_parts(file)
    scores = []
    for data in (whole, parts):
        run("baselines", board, data, "--out", tmp_path / f"teams of {data.name}", "--methods", "random")
        records = dpf.evaluate(board, data, tmp_path / "teams of whole", cache=False)
        scores.append([(r.task, r.submission, r.status, r.score, r.details.get("curve")) for r in records])
    assert scores[0] == scores[1]
    assert {status for _, _, status, _, _ in scores[0]} == {"ok"}
    made, again = (texts(tmp_path / f"teams of {data.name}") for data in (whole, parts))
    assert made == again
    assert made


@pytest.mark.parametrize("board", SYNTH)
def test_a_change_in_a_part_changes_the_digest_of_a_board_s_inputs(board, tmp_path):
    run("synth", board, tmp_path / "data", *SYNTH[board])
    for file in list((tmp_path / "data").rglob("*.parquet")):
        in_parts(file)
    inputs = boards.load(board).inputs(tmp_path / "data")
    before = submissions.digest(inputs)
    parts = sorted(part for path in inputs for part in path.rglob("part-*"))
    assert len(parts) >= 4
    for part in parts[:2]:
        content = part.read_bytes()
        part.write_bytes(content + b"\0")
        assert submissions.digest(inputs) != before
        part.write_bytes(content)
    assert submissions.digest(inputs) == before
