"""One engine for many calls, progress as a caller wants it, and the same files from Python as from the command line."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import dataperf_fast as dpf
from dataperf_fast import cli
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.models import neighbour_votes, table
from dataperf_fast.report import progress

from .in_memory import comparable

DATA = Path(__file__).parents[2] / "data" / "debugging"


def lines_without_seconds(path: Path) -> list[list[str]]:
    rows = [line.split(",") for line in path.read_text().splitlines()]
    at = rows[0].index("seconds")
    return [row[:at] + row[at + 1 :] for row in rows]


def test_python_writes_what_the_command_line_writes(tmp_path, capsys):
    assert cli.main(["evaluate", "debugging", str(DATA), "--model", "knn", "--out", str(tmp_path / "line")]) == 0
    dpf.evaluate("debugging", DATA, model="knn", out=tmp_path / "python")
    written = {path.name for path in (tmp_path / "line").iterdir()}
    assert written == {path.name for path in (tmp_path / "python").iterdir()}
    assert {"scores.csv", "digits49_knn_evaluation.json", "digits49_knn_evaluation.png"} <= written
    for name in written - {"scores.csv"}:
        assert (tmp_path / "line" / name).read_bytes() == (tmp_path / "python" / name).read_bytes(), name
    found, expected = (lines_without_seconds(tmp_path / of / "scores.csv") for of in ("python", "line"))
    assert found == expected
    assert len(found) == 7


def test_a_folder_that_cannot_be_written_costs_a_warning_and_no_score(tmp_path):
    (tmp_path / "out").write_text("a file")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        records = dpf.evaluate("debugging", DATA, model="knn", out=tmp_path / "out")
    assert [record.status for record in records] == ["ok"] * 6
    assert f"{tmp_path / 'out' / 'scores.csv'}: cannot be written (File exists)" in {str(of.message) for of in warned}


def test_an_engine_trains_nothing_twice(monkeypatch):
    trained = []
    of_model = table.MODELS["neighbour-votes"]().bind

    def bind(self, pool, backend):
        trainer = of_model.__func__(self, pool, backend)
        train = trainer.train
        trainer.train = lambda rows, *others: trained.append(len(rows)) or train(rows, *others)
        return trainer

    monkeypatch.setattr(neighbour_votes.NeighbourVotes, "bind", bind)
    with dpf.open_engine(jobs=1, cache=False) as engine:
        first = dpf.evaluate("debugging", DATA, model="knn", engine=engine)
        once = sum(trained)
        for _ in range(3):
            assert comparable(dpf.evaluate("debugging", DATA, model="knn", engine=engine)) == comparable(first)
    assert sum(trained) == once > 10
    dpf.evaluate("debugging", DATA, model="knn", jobs=1, cache=False)
    assert sum(trained) == 2 * once


@pytest.mark.parametrize("choice", [{"jobs": 1}, {"backend": "cpu"}, {"cache": False}, {"progress": True}])
def test_an_engine_has_its_own_choices(choice):
    with pytest.raises(dpf.InputError, match=r"^engine: has its own; expected backend, jobs, cache and progress where"):
        dpf.evaluate("debugging", DATA, engine=Engine(backends.choose("cpu", 1)), **choice)


def test_a_model_without_a_cuda_path_leaves_an_engine_where_it_was(monkeypatch):
    chosen = backends.choose("cpu", 1)
    moving = backends.Backend(chosen.name, chosen.reason, 1, chosen.memory, longer=lambda: pytest.fail("no GPU"))
    engine = Engine(moving)
    engine._spent = 1e9  # long enough for a GPU
    monkeypatch.setattr(neighbour_votes.NeighbourVotes, "on_cuda", False)
    records = dpf.evaluate("debugging", DATA, model="knn", engine=engine)
    assert {record.backend for record in records} == {"cpu"}
    assert engine.backend is moving


def test_a_function_is_told_what_is_done():
    told: list[tuple[str, int, int]] = []
    dpf.evaluate("debugging", DATA, model="knn", jobs=1, cache=False, progress=lambda *of: told.append(of))
    assert {label for label, _, _ in told} == {"digits38-flipped", "digits49"}
    assert told[0] == ("digits38-flipped", 0, 0)
    for label in ("digits38-flipped", "digits49"):
        label, done, planned = [of for of in told if of[0] == label][-1]
        assert done == planned >= 2
    told.clear()
    dpf.profile("debugging", DATA, model="knn", jobs=1, progress=lambda *of: told.append(of))
    assert ("digits49", 0, 0) in told


def test_progress_of_another_kind_is_a_line():
    line = "progress: is 'yes'; expected True, or a function of a label, the retrains done and those to do"
    with pytest.raises(dpf.InputError) as caught:
        dpf.evaluate("debugging", DATA, progress="yes")
    assert caught.value.line == line


def test_true_is_the_bar_of_the_command_line():
    with progress.shown(True) as bar:
        assert isinstance(bar, progress.Bar)
    with progress.shown(False) as none:
        assert none is None
