"""What ``import dataperf_fast`` shows, and that whatever takes a path takes a str and a Path."""

from __future__ import annotations

import inspect
import json
import rlcompleter
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dataperf_fast as dpf
from dataperf_fast import parity, profiling
from dataperf_fast.boards import NAMES
from dataperf_fast.boards.acquisition import baselines as acquisition
from dataperf_fast.boards.acquisition import demo as acquisition_demo
from dataperf_fast.boards.acquisition import synth as made_acquisition
from dataperf_fast.boards.acquisition.market import write_market
from dataperf_fast.boards.debugging import baselines as debugging
from dataperf_fast.boards.debugging import demo as debugging_demo
from dataperf_fast.boards.debugging import synth as made_debugging
from dataperf_fast.boards.nibbler import synth as made_nibbler
from dataperf_fast.boards.speech import baselines as speech
from dataperf_fast.boards.speech import demo as speech_demo
from dataperf_fast.boards.speech import synth as made_speech
from dataperf_fast.boards.vision import baselines as vision
from dataperf_fast.boards.vision import demo as vision_demo
from dataperf_fast.boards.vision import synth as made_vision
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.finished import ResultCache
from dataperf_fast.files.paths import write_text

SPEECH, NIBBLER = made_speech.SCALES["small"], made_nibbler.SCALES["small"]
VISION = replace(made_vision.SCALES["small"], concepts=2, pool=300, train=40, test=30)
MARKET = replace(made_acquisition.SCALES["small"], markets=1, sellers=2, rows=30, buyer=20)
SUITE = made_debugging.DebuggingScale(tasks=1, train=60, test=40, val=10)
FOUR = np.eye(4), [0, 1, 0, 1]
TASKS = {"t": {"train": FOUR, "ground_truth": [0, 1, 1, 1], "test": FOUR}}
TABLE = np.eye(3, dtype=np.float32), np.array([0, 1, 1])


def test_tab_completes_the_public_names_and_no_others():
    assert dir(dpf) == sorted(dpf.__all__)
    completer = rlcompleter.Completer({"dpf": dpf})
    shown = {completer.complete("dpf.", at) for at in range(len(dpf.__all__) - 1)}
    assert {name.rstrip("()") for name in shown} == {f"dpf.{name}" for name in dpf.__all__ if name != "__version__"}


@pytest.mark.parametrize("name", dpf.__all__)
def test_every_public_name_is_there(name):
    assert getattr(dpf, name) is not None


def test_a_misspelt_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'dataperf_fast' has no attribute 'evalute'$"):
        dpf.evalute  # noqa: B018


def without_times(records: list[dpf.Record]) -> list[dict[str, Any]]:
    return [json.loads(record.to_json()) | {"seconds": 0} for record in records]


def engine() -> Engine:
    return Engine(backends.choose("cpu", 1))


def source(_: int) -> tuple[np.ndarray, np.ndarray]:
    return made_debugging.two_classes(np.random.default_rng(0), 110)


def kept(cache: ResultCache) -> dict[bytes, bytes]:
    cache.put({b"key": b"outcome"})
    try:
        return cache.get([b"key"])
    finally:
        cache.close()


# Every function that takes paths, and a call of it: ``path`` makes what is given of a name. ``suite`` holds debugging
# tasks with submissions; what is written goes to ``out``.
CALLS: dict[Callable[..., Any], Callable[[Callable[[str], Any]], Any]] = {
    dpf.evaluate: lambda path: [
        without_times(dpf.evaluate("debugging", path("suite"), out=path("out"))),
        without_times(dpf.evaluate("debugging", path("suite"), path("suite/submissions"))),
        without_times(dpf.evaluate("debugging", path("suite"), [path("suite/submissions")])),
    ],
    dpf.score: lambda path: without_times(
        dpf.score("debugging", TASKS, {"mine": {"t": [1, 0, 2, 3]}}, model="logistic", out=path("out"), jobs=1)
    ),
    dpf.open_market: lambda path: [
        list(made_acquisition.write(path("out"), MARKET, 0)),
        [seller.summary for seller in dpf.open_market(path("out"), 0).sellers],
    ],
    dpf.InputError: lambda path: [dpf.InputError(path("suite"), "is").line, dpf.InputError(path("suite"), "is").file],
    parity.verify: lambda path: [
        parity.verify("debugging", path("suite"), of, model="knn", sample=1, jobs=1).same
        for of in (path("suite/submissions"), [path("suite/submissions")])
    ],
    profiling.profile: lambda path: [
        profiling.profile("debugging", path("suite"), of, model="knn", jobs=1, out=path("out")).distinct
        for of in (path("suite/submissions"), [path("suite/submissions")])
    ],
    ResultCache: lambda path: kept(ResultCache(path("out/cache.sqlite"))),
    write_text: lambda path: write_text(path("out/text"), "text\n"),
    write_market: lambda path: write_market(path("out"), 0, [TABLE], [100], 50, TABLE),
    debugging_demo.write: lambda path: len(debugging_demo.write(path("out"), SUITE)),
    speech_demo.write: lambda path: speech_demo.write(path("out")),
    vision_demo.write: lambda path: vision_demo.write(path("out")),
    acquisition_demo.write: lambda path: acquisition_demo.write(path("out")),
    made_acquisition.write: lambda path: list(made_acquisition.write(path("out"), MARKET, 0)),
    made_debugging.write: lambda path: len(list(made_debugging.write(path("out"), SUITE, 0))),
    made_debugging.write_tasks: lambda path: len(
        list(made_debugging.write_tasks(path("out"), ["one"], source, SUITE, 0))
    ),
    made_nibbler.write: lambda path: list(made_nibbler.write(path("out"), NIBBLER, 0)),
    made_speech.write: lambda path: list(made_speech.write(path("out"), SPEECH, 0)),
    made_vision.write: lambda path: list(made_vision.write(path("out"), VISION, 0)),
    debugging.write: lambda path: debugging.write(path("suite"), path("out"), ["random"], 0, engine()),
    speech.write: lambda path: [
        list(made_speech.write(path("data"), SPEECH, 0)),
        speech.write(path("data"), path("out"), ["random"], 0, engine()),
    ],
    vision.read_candidates: lambda path: [
        list(made_vision.write(path("out"), VISION, 0)),
        vision.read_candidates(path("out"), 0, 1).ids,
    ],
    vision.write: lambda path: [
        list(made_vision.write(path("data"), VISION, 0)),
        vision.write(path("data"), path("out"), ["random"], 0, engine()),
    ],
    acquisition.write: lambda path: [
        list(made_acquisition.write(path("data"), MARKET, 0)),
        acquisition.write(path("data"), path("out"), ["uniform"], 0, engine()),
    ],
}


WITH_REFERENCE = {parity.verify: pytest.mark.reference}


@pytest.mark.parametrize(
    "function",
    [pytest.param(of, marks=WITH_REFERENCE.get(of, ()), id=f"{of.__module__}.{of.__name__}") for of in CALLS],
)
def test_a_path_is_a_str_or_a_path(function, suite, tmp_path, monkeypatch):
    if function in WITH_REFERENCE:
        pytest.importorskip("torch", reason="the reference pipeline needs PyTorch: make test-reference")
    found, written = [], []
    for kind in (str, Path):
        folder = tmp_path / kind.__name__
        folder.mkdir()
        (folder / "suite").symlink_to(suite)
        monkeypatch.chdir(folder)
        found.append(CALLS[function](kind))
        written.append({path for path in Path("out").rglob("*") if path.is_file()})
    assert found[0] == found[1]
    assert written[0] == written[1]
    assert written[0] or function in (dpf.InputError, parity.verify)


def test_every_public_function_that_takes_a_path_is_called_above():
    public = [getattr(dpf, name) for name in dpf.__all__ if inspect.isroutine(getattr(dpf, name))]
    boards = [f"boards.{board}.synth" for board in NAMES]
    boards += [f"boards.{board}.{module}" for board in NAMES if board != "nibbler" for module in ("baselines", "demo")]
    for name in ("parity.ladder", "profiling.profiler", *boards):
        module = import_module(f"dataperf_fast.{name}")
        public += [
            function
            for word, function in inspect.getmembers(module, inspect.isfunction)
            if not word.startswith("_") and function.__module__ == module.__name__
        ]
    taking = {function for function in public if "Path" in str(inspect.signature(function).parameters)}
    assert taking <= set(CALLS)
    assert len(taking) > 15
