"""A manifest is read whole, or refused with the line of what is wrong."""

from __future__ import annotations

import pytest

from dataperf_fast.boards.debugging import synth
from dataperf_fast.contest import manifest
from dataperf_fast.files.errors import InputError

GOOD = """contest: Spring
boards:
  - board: debugging
    model: knn
    tasks:
      - {name: public, data: data, hidden: false}
      - name: hidden
        data: data
    submissions: [teams]
    limits:
      seconds: 60
      memory_mib: 512
"""


@pytest.fixture
def folder(tmp_path):
    list(synth.write(tmp_path / "data", synth.DebuggingScale(tasks=1, train=20, test=20, val=5), seed=0))
    (tmp_path / "teams").mkdir()
    return tmp_path


def read(folder, text):
    (folder / "contest.yaml").write_text(text)
    return manifest.read(folder / "contest.yaml")


def test_paths_and_limits(folder):
    contest = read(folder, GOOD)
    [board] = contest.manifest.boards
    assert contest.store == f"sqlite:///{folder}/store.sqlite"
    assert board.submissions == [folder / "teams"]
    assert [(task.name, task.data, task.hidden) for task in board.tasks] == [
        ("public", folder / "data", False), ("hidden", folder / "data", True),
    ]  # fmt: skip
    assert board.limits.limits().memory == 512 << 20
    elsewhere = read(folder, GOOD + "store: postgresql://me@host/db\n")
    assert elsewhere.store == "postgresql://me@host/db"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("seconds: 60", "seconds: soon", "line 11, boards.0.limits.seconds: holds 'soon'"),
        ("memory_mib: 512", "memory: 512", "line 12, boards.0.limits.memory: is no known field"),
        ("hidden: false", "hidden: perhaps", "line 6, boards.0.tasks.0.hidden: holds 'perhaps'"),
        (
            "board: debugging",
            "board: chess",
            "line 3, boards.0.board: is 'chess'; expected speech or vision or debugging",
        ),
        ("model: knn", "model: oracle", "line 4, boards.0.model: is 'oracle'; expected linear-net or"),
        ("name: hidden", "name: public", "line 7, boards.0.tasks.1.name: is named twice: 'public'"),
        ("contest: Spring\n", "", "line 1, contest: is missing"),
        ("submissions: [teams]", "submissions: []", "line 3, boards.0: has nothing to score"),
        (
            "submissions: [teams]",
            "submissions: [nobody]",
            "contest.yaml: line 9, boards.0.submissions.0: is '",
        ),
        ("data: data\n", "data: nowhere\n", "line 8, boards.0.tasks.1.data: cannot be used: "),
        ("contest: Spring", "contest: [", "is not YAML"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(folder, old, new, line):
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        read(folder, GOOD.replace(old, new))
    assert line in caught.value.line
    assert "\n" not in caught.value.line
