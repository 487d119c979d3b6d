"""Every example that --help shows runs as it stands, with the data that it names."""

from __future__ import annotations

import pytest
from sklearn.svm import SVC

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
