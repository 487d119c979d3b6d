"""Every example that --help shows runs as it stands, with the data that it names."""

from __future__ import annotations

import re

import pytest
from sklearn.svm import SVC

from dataperf_fast import cli
from dataperf_fast.commands import organize
from dataperf_fast.files.errors import InputError

from .documents import NOT_RUN, Examples, help_examples


@pytest.mark.parametrize("command", [command for command in help_examples() if command not in NOT_RUN])
def test_an_example_runs(command, tmp_path, monkeypatch, capsys):
    if "verify" in command and "probability" not in SVC().get_params():
        pytest.skip("the reference needs SVC(probability=True)")
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    examples = Examples(capsys)
    examples.run(command)
    assert examples.printed[command] or set(tmp_path.rglob("*")) > before


def test_each_action_of_organize_has_options_of_its_own(capsys):
    shown = {}
    for action in organize.ACTIONS:
        with pytest.raises(SystemExit) as ended:
            cli.main(["organize", action, "--help"])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        assert organize.ACTIONS[action].summary in " ".join(text.split())
        shown[action] = set(re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE))
    scoring = {"--backend", "--jobs", "--cluster", "--no-cache", "--format", "--strict"}
    assert shown["run"] == shown["check"] == scoring
    own = {
        "export": {"--parquet", "--all", "--backend"}, "logs": {"--format"}, "diff": {"--since", "--format"},
        "show": {"--backend", "--format"}, "freeze": {"--lift", "--backend"}, "backup": set(), "restore": set(),
    }  # fmt: skip
    assert {action: shown[action] for action in own} == own
    with pytest.raises(SystemExit) as ended:
        cli.main(["organize", "logs", "contest.yaml", "--strict"])
    assert ended.value.code == 2


def test_debug_stands_before_an_action_or_after_it(tmp_path):
    for words in (["--debug", "run", "x.yaml"], ["run", "x.yaml", "--debug"], ["run", "--debug", "x.yaml"]):
        with pytest.raises(InputError):
            cli.main(["organize", *words])
