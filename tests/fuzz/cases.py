"""A case: a board's official files, spoilt by chance, scored in this process or in an odd environment of its own."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import dataperf_fast as dpf
from dataperf_fast import cli
from dataperf_fast.boards.acquisition import baselines as acquisition_baselines
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.debugging import baselines as debugging_baselines
from dataperf_fast.boards.debugging import synth as debugging
from dataperf_fast.boards.nibbler import synth as nibbler
from dataperf_fast.boards.speech import baselines as speech_baselines
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.vision import baselines as vision_baselines
from dataperf_fast.boards.vision import synth as vision
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine

from .spoil import spoil
from .worlds import odd

BOARDS = ("speech", "vision", "debugging", "acquisition", "nibbler")
_PATIENCE = 120  # seconds; the slowest of the cases that end take two
_IN_A_WORLD = 0.1  # share of the cases
_ROOT = Path(__file__).parents[2]
_MODELS = {
    "debugging": ["knn", "logistic", "svc", None],
    "acquisition": ["lr", "knn", "rf"],
    "nibbler": ["dawid-skene", None],
}


class Material(NamedTuple):
    """A board's small official files, and the score of each of its submissions as they are."""

    data: Path
    teams: Path | None
    scores: dict[tuple[str, str], float | None]


@dataclass
class Case:
    """What was done, and what came of it; ``fault`` says what is wrong with that, if anything."""

    number: int
    told: str
    command: list[str]
    status: int = 0
    output: str = ""
    errors: str = ""
    fault: str = ""


def make(folder: Path) -> dict[str, Material]:
    """Small official files of every board, two submissions each."""
    engine = Engine(backends.choose("cpu"))
    list(
        speech.write(folder / "speech", speech.SpeechScale({"en": speech.LanguageSize((36, 32), (10, 8), 3, 6, 8)}), 1)
    )
    speech_baselines.write(folder / "speech", folder / "speech teams", ["random"], 0, engine)
    list(vision.write(folder / "vision", vision.VisionScale(2, 120, 30, 40, 10), 1))
    vision_baselines.write(folder / "vision", folder / "vision teams", ["random"], 0, engine)
    list(debugging.write(folder / "debugging", debugging.DebuggingScale(2, 24, 30, 10), 1))
    debugging_baselines.write(folder / "debugging", folder / "debugging teams", ["random", "consecutive"], 0, engine)
    list(acquisition.write(folder / "acquisition", acquisition.AcquisitionScale(2, 3, 40, 20, 30), 1))
    acquisition_baselines.write(folder / "acquisition", folder / "acquisition teams", ["uniform"], 0, engine)
    list(nibbler.write(folder / "nibbler", nibbler.NibblerScale(4, 30, 5, 4), 1))
    found = {}
    for board in BOARDS:
        teams = folder / f"{board} teams" if board != "nibbler" else None
        if board in ("speech", "vision", "acquisition"):
            for kind in list((folder / f"{board} teams").iterdir()):  # a team that nobody touches
                if kind.is_dir():
                    shutil.copytree(kind, folder / f"{board} teams" / "untouched")
        records = dpf.evaluate(board, folder / board, teams, cache=False, model=_own(board))
        found[board] = Material(folder / board, teams, {(r.submission, r.task): r.score for r in records})
    return found


def _own(board: str) -> str | None:
    return "knn" if board == "debugging" else None  # the net takes longer, and reads no other files


def run(number: int, material: dict[str, Material], folder: Path) -> Case:
    """Make a case's files in ``folder``, which is made, score them and look at what came of it."""
    generator = np.random.default_rng(number)
    board = BOARDS[number % len(BOARDS)]
    given = material[board]
    folder.mkdir(mode=0o755)
    shutil.copytree(given.data, folder / "data")
    if given.teams is not None:
        shutil.copytree(given.teams, folder / "teams")
    touched = [] if generator.random() < 0.03 else list(_spoil(folder, generator))
    command = _command(board, given, folder, generator)
    case = Case(number, ", ".join(touched), command)
    if generator.random() < _IN_A_WORLD:
        _in_a_world(case, folder, generator)
    else:
        _here(case)
    case.fault = _fault(case, board, given, any(name.startswith("data") for name in touched))
    return case


def _spoil(folder: Path, generator: np.random.Generator) -> Iterator[str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "untouched" not in path.parts)
    handed_in = [path for path in files if path.relative_to(folder).parts[0] == "teams"]
    for _ in range(int(generator.integers(1, 4))):
        among = handed_in if handed_in and generator.random() < 0.6 else files
        path = among[int(generator.integers(len(among)))]
        if path.is_file() and not path.is_symlink():
            place = path.relative_to(folder).as_posix()
            yield f"{place}: {spoil(path, generator)}"


def _command(board: str, given: Material, folder: Path, generator: np.random.Generator) -> list[str]:
    command = ["evaluate", board, str(folder / "data"), "--format", "json", "--no-cache"]
    if given.teams is not None:
        teams = [folder / "teams"]
        if generator.random() < 0.3:
            teams = sorted((folder / "teams").iterdir())
        command += ["--submissions", *map(str, teams)]
    models = _MODELS.get(board, [None])
    model = models[int(generator.integers(len(models)))] if generator.random() < 0.3 else _own(board)
    command += ["--model", model] if model else []
    if generator.random() < 0.05:
        command += ["--out", str(folder / "out")]
    return command


class _PatienceError(Exception):
    pass


def _here(case: Case) -> None:
    def give_up(*_: object) -> None:
        raise _PatienceError

    before = signal.signal(signal.SIGALRM, give_up)
    showing = warnings.showwarning
    signal.alarm(_PATIENCE)
    output, errors = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), warnings.catch_warnings():
            warnings.simplefilter("default")
            case.status = cli.main(case.command)
    except _PatienceError:
        case.fault = f"took more than {_PATIENCE} s"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        warnings.showwarning = showing
    case.output, case.errors = output.getvalue(), errors.getvalue()


def _in_a_world(case: Case, folder: Path, generator: np.random.Generator) -> None:
    (folder / "world").mkdir()
    world = odd(folder / "world", generator)
    case.told += f"; {', '.join(world.told)}"
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink() and path.name != "read only":
            path.chmod(0o777)
    # Without a place for compiled code each case would compile for minutes; tests/kernels/test_kept.py goes without.
    kept = {"PYTHONPATH": str(_ROOT), "NUMBA_CACHE_DIR": os.environ["NUMBA_CACHE_DIR"]}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "dataperf_fast", *case.command],
            cwd=folder,
            env=world.environment(dict(os.environ) | kept),
            preexec_fn=world.prepare,
            capture_output=True,
            timeout=3 * _PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        case.fault = f"took more than {3 * _PATIENCE} s"
        return
    encoding = "utf-16" if b"\0" in done.stdout else "utf-8"
    case.status = done.returncode
    case.output = done.stdout.decode(encoding, "backslashreplace")
    case.errors = done.stderr.decode("utf-16" if b"\0" in done.stderr else "utf-8", "backslashreplace")


def _fault(case: Case, board: str, given: Material, data_touched: bool) -> str:
    """What is wrong with an outcome; nothing where nothing is."""
    if case.fault or case.status not in (0, 2):
        return case.fault or f"exit status {case.status}"
    if any(sign in case.errors + case.output for sign in ("Traceback", "Exception ignored", "--debug shows where")):
        return "shows what went wrong inside"
    try:
        records: list[dict[str, Any]] = [json.loads(line) for line in case.output.splitlines()]
    except ValueError:
        return "prints what is no JSON"
    faults = [_fault_of_record(record, board, given, case, data_touched) for record in records]
    bad = [record for record in records if record["status"] not in ("ok", "pending")]
    if records and bool(bad) != (case.status == 2):
        faults.append(f"exit status {case.status} with {len(bad)} that are invalid")
    if case.status == 2 and not case.errors.strip():
        faults.append("says nothing")
    return next(filter(None, faults), "")


def _fault_of_record(record: dict[str, Any], board: str, given: Material, case: Case, data_touched: bool) -> str:
    name, status, score = (record["submission"], record["task"]), record["status"], record["score"]
    if status not in ("ok", "invalid", "pending"):
        return f"the status {status}: {record['error']}"
    if (status == "ok") != (score is not None) or (score is not None and not math.isfinite(score)):
        return f"the score {score} of what is {status}"
    if status == "invalid" and (not record["error"] or "\n" in record["error"] or len(record["error"]) > 3000):
        return f"no line but {record['error']!r}"
    own_model = ("--model" not in case.command) if _own(board) is None else _own(board) in case.command
    if name[0] == "untouched" and not data_touched and own_model and score != given.scores[name]:
        return f"{name} has {score} and had {given.scores[name]}"
    return ""


def faults(numbers: Iterable[int], folder: Path, keep: bool = False) -> Iterator[Case]:
    """Run cases; yields each, and keeps the files of those with a fault, or all."""
    folder.mkdir(parents=True, exist_ok=True)
    material = make(folder / "official")
    for number in numbers:
        place = folder / f"case {number}"
        case = run(number, material, place)
        yield case
        if not (case.fault or keep):
            shutil.rmtree(place, ignore_errors=True)
