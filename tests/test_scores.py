"""The shared recordings' scores are the expected ones to the last digit, for any threads, batches and processor."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from dataperf_fast import boards
from dataperf_fast.boards.options import Options
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine

pytestmark = pytest.mark.parity
RUNS = list(itertools.product((1, 2), (1, 7, None)))  # threads, retrains a batch
COSTS = ("seconds", "rechecked")  # the fast path's doubts are a matter of its rounding


def records_of(board: str, data: Path, options: Options, threads: int, batch: int | None) -> list[dict[str, Any]]:
    """A run's records, less what they cost; debugging's with their curves."""
    records = []
    for result in boards.load(board).evaluate(
        data / board, None, Engine(backends.choose("cpu", threads), batch_size=batch), options
    ):
        for record in result.records:
            records.append({name: value for name, value in asdict(record).items() if name not in COSTS})
            if options.whole and record.task != "mean":
                records[-1] |= {"before": result.before, "curve": result.curves[record.submission].tolist()}
    return records


@pytest.fixture
def score(shared_data, record_property):
    """Records of every number of threads and size of batch, which are the same."""

    def score(board: str, model: str | None = None) -> list[dict[str, Any]]:
        options = Options(model, whole=board == "debugging")
        first, *others = (records_of(board, shared_data, options, *run) for run in RUNS)
        assert others == [first] * (len(RUNS) - 1)
        digest = hashlib.sha256(json.dumps(first).encode()).hexdigest()
        record_property("records", f"{board} {model or ''}: {digest}")  # tests.machines compares them
        return first

    return score


@pytest.fixture
def expected(shared_data):
    return lambda name: json.loads((shared_data / "expected" / f"{name}.json").read_text())


def test_speech(score, expected):
    assert {f"{record['task']}_train.json": record["score"] for record in score("speech")} == expected("speech")


def test_vision(score, expected):
    figures = {record["task"]: record["details"] for record in score("vision")}
    for task, wanted in expected("vision").items():
        assert {metric: figures[task][metric] for metric in wanted} == wanted


@pytest.mark.parametrize("model", ["lr", "knn", "rf"])
def test_acquisition(model, score, expected):
    [record] = score("acquisition", model)
    found = {"trials": record["details"]["trials"], "acc": record["score"], "cost": record["details"]["cost"]}
    assert found == expected("acquisition_0_uniform")[model]


@pytest.mark.fused
def test_debugging(score, expected):
    records = [record for record in score("debugging") if record["task"] != "mean"]
    assert len(records) == 4
    for record in records:
        wanted = expected(f"debugging_{record['task']}_evaluation")
        points = [p["accuracy"] for p in wanted["submitted_evaluations"] if p["submission"] == record["submission"]]
        assert record["curve"] == points
        assert record["before"] == wanted["before_acc"]
        assert record["score"] == wanted["auc_score"][record["submission"]]["fraction_fixes"]
