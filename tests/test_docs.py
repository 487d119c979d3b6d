"""Every command of the documentation runs, in order, in an empty folder."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
from sklearn.svm import SVC

from dataperf_fast import cli

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


def test_pages_refer_to_pages_and_files_that_are_there():
    for page in [*DOCS.glob("*.md"), DOCS.parent / "README.md"]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"
