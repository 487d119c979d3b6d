"""Every command of the documentation runs, in order, in an empty folder."""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from sklearn.svm import SVC

from dataperf_fast import cli, sandbox
from dataperf_fast.formats.setup_file import read_setup
from dataperf_fast.generation.http import Settings
from dataperf_fast.nibbler.creativity import WEIGHTS

DOCS = Path(__file__).parents[1] / "docs"


def commands(page: Path) -> list[tuple[str, str]]:
    """What a block needs, and its command, for every line of every console block."""
    blocks = re.findall(r"^```console *(.*)\n((?:.*\n)*?)```", page.read_text(), re.MULTILINE)
    return [(needs, line) for needs, block in blocks for line in block.splitlines()]


@pytest.mark.skipif("probability" not in SVC().get_params(), reason="the reference needs SVC(probability=True)")
def test_scoring(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = commands(DOCS / "scoring.md")
    assert len(found) > 15
    for needs, line in found:
        program, *arguments = shlex.split(line)
        assert program == "dataperf-fast"
        if needs == "with torch" and find_spec("torch") is None:
            continue
        assert cli.main(arguments) == 0, f"{line}\n{capsys.readouterr().err}"
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"speech", "debugging", "vision.xml", "profile"}
    assert (tmp_path / "results" / "profile" / "profile.png").stat().st_size > 5000


@pytest.mark.skipif(bool(sandbox.available()["bubblewrap"]), reason=sandbox.available()["bubblewrap"])
def test_organize(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "organize.md").read_text()
    [contest, algorithm] = re.findall(r"^```yaml\n((?:.*\n)*?)```", page, re.MULTILINE)
    for kind, block in re.findall(r"^```(sh|console)\n((?:.*\n)*?)```", page, re.MULTILINE):
        for line in block.splitlines():
            if kind == "sh":
                subprocess.run(line, shell=True, check=True)
                continue
            if "check" in line:
                (tmp_path / "contest.yaml").write_text(contest)
                (tmp_path / "algorithms" / "count" / "algorithm.yaml").write_text(algorithm)
            capsys.readouterr()
            assert cli.main(shlex.split(line)[1:]) == 0, f"{line}\n{capsys.readouterr().err}"
            if " run " in line:
                rows = [row.split("│") for row in capsys.readouterr().out.splitlines() if row.startswith("│")]
                scores = {row[2].strip(): (row[3].strip(), row[7].strip()) for row in rows}
                assert scores["count"][0] == scores["consecutive"][0] != scores["anna"][0]
                assert scores["consecutive"][1] == "baseline"
    assert {path.name for path in (tmp_path / "site").iterdir()} == {
        "index.html",
        "debugging.html",
        "style.css",
        "table.js",
    }


def test_pages_refer_to_pages_and_files_that_are_there():
    for page in [*DOCS.glob("*.md"), DOCS.parent / "README.md"]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


def test_nibbler(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.jsonl").write_text('{"participant": "team 1", "prompt": "a quiet lake"}\n')
    for _, line in commands(DOCS / "nibbler.md"):
        assert cli.main(shlex.split(line)[1:]) == 0, f"{line}\n{capsys.readouterr().err}"
    assert {path.name for path in (tmp_path / "results").iterdir()} == {
        "round_nibbler.json", "round_nibbler.png", "scores.csv", "leaderboard",
    }  # fmt: skip
    [settings] = re.findall(r"^```yaml\n((?:.*\n)*?)```", (DOCS / "nibbler.md").read_text(), re.MULTILINE)
    (tmp_path / "api.yaml").write_text(settings)
    assert read_setup(tmp_path / "api.yaml", Settings, "an API").price == 0.04
    table = re.findall(r"^\| (.+?) \| (0\.\d+)( each)? \|", (DOCS / "nibbler.md").read_text(), re.MULTILINE)
    weights = [float(weight) for names, weight, _ in table for _ in names.split(",")]
    assert weights == list(WEIGHTS.values())
