"""A manifest is read whole, or refused with the line of what is wrong."""

from __future__ import annotations

import copy
import math
import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import yaml

from dataperf_fast.boards.debugging import synth
from dataperf_fast.contest import manifest
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.schema_errors import model_in

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


WHOLE = {
    "contest": "Spring",
    "season": "1",
    "store": "sqlite:///store.sqlite",
    "work": "work",
    "boards": [
        {
            "board": "debugging",
            "title": "Labels",
            "model": "knn",
            "tasks": [{"name": "hidden", "data": "data", "hidden": True}],
            "submissions": ["teams"],
            "several": False,
            "counts": "last",
            "algorithms": ["teams"],
            "baselines": ["anna"],
            "curves": False,
            "seed": 0,
            "limits": {"seconds": 1, "memory_mib": 1, "processes": 1, "output_mib": 1, "log_kib": 1},
            "mounts": ["teams"],
            "largest_submission_mib": 1,
            "digits": 2,
            "published": True,
            "dynabench": {"anna": 1},
            "demands": ["method"],
        }
    ],
    "server": {
        "address": "https://contest.example.org",
        "registration": "open",
        "phases": [
            {
                "name": "main",
                "start": "2026-01-01T00:00:00Z",
                "end": "2026-02-01T00:00:00Z",
                "hidden": "rounded",
                "digits": 2,
                "limits": {"day": 1, "all": 2, "at_once": 1},
            }
        ],
        "release": "end",
        "webhooks": [{"url": "https://example.org/hook", "secret": "env:SECRET", "events": ["scored"]}],
    },
}
EAST, WEST = timezone(timedelta(hours=5)), timezone(timedelta(hours=-5))  # where UTC has no such year
ODD = [
    None, True, 3, -1, 0, 10**30, 2.5, math.inf, math.nan, "", "x", "x" * 9_999, "a/b", "a\nb", "\x07", [], [1],
    ["x"] * 999, {}, {"a": 1}, {1: 2}, {"a": None}, {"a": 10**99}, [None], [[[]]], date(2026, 1, 1),
    datetime(2026, 1, 1, tzinfo=UTC), datetime.min.replace(tzinfo=EAST), datetime.max.replace(tzinfo=WEST),
]  # fmt: skip
THEIRS = re.compile("Input should|String should|should be|should have|valid |pydantic|validation|Extra inp|Field req")


def places(node, way=()):
    """Every place of a manifest."""
    yield way
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*way, key))


def put(way, value):
    whole = copy.deepcopy(WHOLE)
    node = whole
    for key in way[:-1]:
        node = node[key]
    if not way:
        return value
    node[way[-1]] = value
    return whole


def test_a_whole_manifest_has_every_key_and_is_read(folder):
    def keys(model, at=""):
        for name, field in model.model_fields.items():
            yield f"{at}{name}"
            inner = model_in(field.annotation)
            if inner:
                yield from keys(inner, f"{at}{name}.")

    given = {".".join(key for key in way if isinstance(key, str)) for way in places(WHOLE)}
    given -= {"", "boards.dynabench.anna"}
    assert given == set(keys(manifest.Manifest))
    assert read(folder, yaml.safe_dump(WHOLE)).season == "1"


@pytest.mark.parametrize("way", list(places(WHOLE)), ids=lambda way: ".".join(map(str, way)) or "all")
def test_whatever_is_wrong_is_said_in_our_words(folder, way):
    """By brute force: every odd value in the place of every field, and a field too many beside it."""
    lines = list(filter(None, (refusal(folder, yaml.safe_dump(put(way, odd), allow_unicode=True)) for odd in ODD)))
    assert len(lines) > 3
    for line in lines:
        assert "\n" not in line
        assert not THEIRS.search(line.replace(str(folder), "")), line
        assert re.search(r"contest\.yaml: (line \d+, \S+|is not YAML|holds|is empty)", line), line
    if isinstance(node := at(way), dict) and way[-1:] != ("dynabench",):
        with pytest.raises(InputError, match="is no known field; expected"):
            read(folder, yaml.safe_dump(put(way, {**node, "nonsense": 1})))


def refusal(folder, text):
    """What is wrong with a manifest; nothing if it is read."""
    try:
        read(folder, text)
    except InputError as error:
        return error.line
    return ""


def at(way):
    node = WHOLE
    for key in way:
        node = node[key]
    return node


def test_numbers_are_names(folder):
    text = GOOD.replace("contest: Spring", "contest: 2026\nseason: 7")
    contest = read(folder, text + "    baselines: [17]\n    dynabench: {17: 3}\n")
    assert (contest.name, contest.season, contest.title) == ("2026", "7", "2026, 7")
    assert (contest.manifest.boards[0].baselines, contest.manifest.boards[0].dynabench) == (["17"], {"17": 3})
