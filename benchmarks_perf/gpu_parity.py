"""The same scores on CPU and GPU: every board and model that has a CUDA path, on seeded tasks and on given ones."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dataperf_fast as dpf
from dataperf_fast import boards
from dataperf_fast.boards.acquisition import baselines as acquisition_baselines
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.debugging import baselines as debugging_baselines
from dataperf_fast.boards.debugging import synth as debugging
from dataperf_fast.boards.speech import baselines as speech_baselines
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.vision import baselines as vision_baselines
from dataperf_fast.boards.vision import synth as vision
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine

SEEDS = 20


class Case(NamedTuple):
    """A folder to score: its name, board, data, submissions (None: those that come with it) and model."""

    name: str
    board: str
    data: Path
    submissions: list[Path] | None
    model: str | None


def seeded(folder: Path, seeds: int) -> Iterator[Case]:
    """Write a task of each board a seed, with submissions, all of different sizes."""
    engine = Engine(backends.choose("cpu"))
    for seed in range(seeds):
        data = folder / f"debugging {seed}"
        list(debugging.write(data, debugging.DebuggingScale(1, 90 + 11 * seed, 120, 40), seed))
        debugging_baselines.write(data, data / "submissions", ["random", "datascope"], seed, engine)
        for model in ("linear-net", "knn", "logistic", "svc"):
            yield Case(f"{data.name}, {model}", "debugging", data, None, model)
        data = folder / f"speech {seed}"
        words = 2 + seed % 4
        board = speech.LanguageSize((30,) * words, (20,) * words, 4, 8, 15)
        list(speech.write(data, speech.SpeechScale({"en": board}), seed))
        speech_baselines.write(data, data / "chosen", ["random"], seed, engine)
        yield Case(data.name, "speech", data, [data / "chosen"], None)
        data = folder / f"vision {seed}"
        list(vision.write(data, vision.VisionScale(1, 300 + seed, 50 + seed, 60 + 3 * seed, 10), seed))
        vision_baselines.write(data, data / "chosen", ["random"], seed, engine)
        yield Case(data.name, "vision", data, [data / "chosen"], None)
        data = folder / f"acquisition {seed}"
        list(acquisition.write(data, acquisition.AcquisitionScale(1, 4, 60 + seed, 40 + seed, 50 + 2 * seed), seed))
        acquisition_baselines.write(data, data / "chosen", ["uniform"], seed, engine)
        for model in ("lr", "knn", "rf"):
            yield Case(f"{data.name}, {model}", "acquisition", data, [data / "chosen"], model)


def given(shared: Path) -> Iterator[Case]:
    """Real recordings in the boards' formats."""
    for model in ("linear-net", "knn", "logistic", "svc"):
        yield Case(f"shared debugging, {model}", "debugging", shared / "debugging", None, model)
    yield Case("shared speech", "speech", shared / "speech", None, None)
    yield Case("shared vision", "vision", shared / "vision", None, None)
    for model in ("lr", "knn", "rf"):
        yield Case(f"shared acquisition, {model}", "acquisition", shared / "acquisition", None, model)


def compare(case: Case) -> list[dict[str, Any]]:
    """Score a case on both backends; every score, curve and seed's score must be the same."""
    cpu, gpu = (
        dpf.evaluate(case.board, case.data, case.submissions, backend=name, model=case.model, curve=True, cache=False)
        for name in ("cpu", "cuda")
    )
    return [
        {
            "case": case.name,
            "task": one.task,
            "submission": one.submission,
            "same": one.status == other.status == "ok"
            and other.backend == "cuda"
            and _published(one) == _published(other),
            "rechecked": [one.rechecked, other.rechecked],
        }
        for one, other in zip(cpu, gpu, strict=True)
    ]


def _published(record: Any) -> tuple[Any, ...]:
    return record.score, record.details.get("curve"), record.details.get("scores")


def parity(shared: Path | None, seeds: int = SEEDS) -> dict[str, Any]:
    """Compare everything; what has no CUDA path is named."""
    compared = []
    with tempfile.TemporaryDirectory() as folder:
        cases = list(seeded(Path(folder), seeds))
        if shared is not None and shared.is_dir():
            cases += given(shared)
        for number, case in enumerate(cases):
            compared += compare(case)
            differ = sum(not found["same"] for found in compared)
            print(f"parity, {number + 1} of {len(cases)}: {differ} differ so far", file=sys.stderr, flush=True)
    missing = [name for board in boards.NAMES if (name := boards.load(board).without_cuda(None))]
    return {"compared": compared, "without_a_cuda_path": missing}
