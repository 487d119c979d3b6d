"""Algorithms as submissions: each is run on what a participant may see of each task, and leaves a submission's files.

The Closed Division's way, and the debugging board's containers. What is run is contained (``sandbox``); its answers lie
in the contest's work folder, what came of each run in the store.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

from dataperf_fast import sandbox
from dataperf_fast.boards.board import Challenge
from dataperf_fast.contest.manifest import Contest, ContestBoard
from dataperf_fast.contest.store import Run, Store, now
from dataperf_fast.contest.submissions import Submission, text
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import has_place, read_text, whole_file
from dataperf_fast.files.setup_file import read_setup

SETTINGS = "algorithm.yaml"
_LARGEST, _DEEPEST = 1 << 16, 8  # characters of it, and levels


class AlgorithmSettings(BaseModel):
    """``algorithm.yaml``: a command that is run in the participant's folder, or an image with its own entry point."""

    model_config = ConfigDict(extra="forbid")

    command: Annotated[
        list[Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]], Field(max_length=100)
    ] = []
    image: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""


def identity(submission: Submission, part: ContestBoard) -> str:
    """A digest of what an algorithm's answers depend on beside the task: itself, its image, the seed, the limits."""
    given = [submission.digest, part.seed, part.limits.model_dump(), [str(path) for path in part.mounts]]
    if not submission.problem:
        with suppress(Exception):  # whatever a stranger wrote there: its run says so
            given += filter(None, [sandbox.number(_algorithm(submission, part))])
    return hashlib.sha256(json.dumps(given).encode()).hexdigest()


def ready(
    contest: Contest, part: ContestBoard, challenges: list[Challenge], submission: Submission
) -> sandbox.Algorithm:
    """What a participant hands in to be run, when all that can be known before a run is in order.

    Raises ``InputError`` where he does not say what is run, ``UnavailableError`` for what is the organizer's to mend.
    """
    algorithm = _algorithm(submission, part)
    if not has_place(contest.work):
        raise sandbox.UnavailableError(contest.work, "cannot be written", expected="a folder for algorithms' answers")
    for path in (path for challenge in challenges for path in challenge.files.values()):
        if not path.exists():
            expected = "what algorithms are shown of a task"
            raise sandbox.UnavailableError(path, "no such file or folder", expected=expected)
    sandbox.require(algorithm)
    return algorithm


def run(
    contest: Contest, part: ContestBoard, dataset: str, challenges: list[Challenge], submission: Submission,
    store: Store, digest: Callable[[tuple[Path, ...]], str], done: Callable[[], None],
) -> tuple[Path, dict[str, str]]:  # fmt: skip
    """Run an algorithm on every task of a data set on which it has not yet run; ``done`` is called after each.

    ``digest`` is ``submissions.digest``, which remembers from one algorithm to the next what they are all shown.
    Returns where its answers lie, named as a submission's files, and why there is none, by task. Raises what ``ready``
    does.
    """
    algorithm = ready(contest, part, challenges, submission)
    whose = identity(submission, part)
    folder = contest.work / "answers" / f"{part.board}-{whose[:16]}" / dataset / submission.name
    problems = {}
    for challenge in challenges:
        seen = digest(tuple(challenge.files.values()))
        key = hashlib.sha256(
            f"{whose} {submission.name} {seen} {challenge.task} {json.dumps(challenge.about)}".encode()
        ).hexdigest()
        known = store.run_of(key)
        answer = folder / challenge.submitted
        if known is None or not (known.problem or _is(answer, known.answer_digest)):
            ran = _run_on(contest, part, challenge, algorithm)
            if ran.answer is not None:
                with whole_file(answer) as aside:
                    aside.write_bytes(ran.answer)
            made = hashlib.sha256(ran.answer or b"").hexdigest()
            known = Run(
                key, contest.name, part.board, dataset, challenge.task, submission.name, ran.problem, made, ran.seconds,
                ran.log, now(),
            )  # fmt: skip
            store.add_run(known)
        if known.problem:
            answer.unlink(missing_ok=True)  # of a run on other data
            problems[challenge.task] = f"{text(str(submission.path))}: {challenge.task}: {known.problem}"
        done()
    folder.mkdir(parents=True, exist_ok=True)
    return folder, problems


def _algorithm(submission: Submission, part: ContestBoard) -> sandbox.Algorithm:
    """What ``algorithm.yaml`` says, a small one without aliases, which could unfold to any size."""
    path, what = submission.path / SETTINGS, "what is run: command, or image"
    content = read_text(path, what)
    if len(content) > _LARGEST:
        raise InputError(path, f"is too large ({len(content)} characters)", expected=what)
    with suppress(yaml.YAMLError):  # which read_setup says better
        depth = 0
        for event in yaml.parse(content, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                raise InputError(path, "holds an alias", expected=what)
            if depth > _DEEPEST:  # each level makes the next one slower to read
                raise InputError(path, "is nested too deeply", expected=what)
    settings = read_setup(path, AlgorithmSettings, what)
    return sandbox.Algorithm(submission.path, tuple(settings.command), settings.image, tuple(part.mounts))


def _run_on(contest: Contest, part: ContestBoard, challenge: Challenge, algorithm: sandbox.Algorithm) -> sandbox.Ran:
    contest.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".inputs-", dir=contest.work) as inputs:
        for name, path in challenge.files.items():
            _stage(path, Path(inputs) / name)
        about = {"board": part.board, "answer": challenge.answer, "seed": part.seed, **challenge.about}
        (Path(inputs) / "task.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        return sandbox.run(algorithm, Path(inputs), challenge.answer, part.limits.limits())


def _stage(source: Path, target: Path) -> None:
    """A hard link where the file system allows it: inputs may be large, and are shown read-only."""

    def link(file: str, to: str) -> None:
        try:
            os.link(os.path.realpath(file), to)
        except OSError:
            shutil.copyfile(file, to)

    if source.is_dir():
        shutil.copytree(source, target, copy_function=link)
    else:
        link(str(source), str(target))


def _is(path: Path, wanted: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == wanted
