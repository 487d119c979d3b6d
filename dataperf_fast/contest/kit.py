"""The kit: of each board what participants may see, in a folder that was searched for what they may not.

What is in it of a task is what an algorithm is given of it, ``Benchmark.challenges``, and no more.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dataperf_fast import boards
from dataperf_fast.boards.board import Challenge
from dataperf_fast.boards.secrets import Secret, files_in
from dataperf_fast.contest.leaks import Search
from dataperf_fast.contest.manifest import Contest, ContestBoard, TaskSet
from dataperf_fast.files.debris import is_debris
from dataperf_fast.files.errors import InputError, meant
from dataperf_fast.files.paths import share

README = "README.md"
_SMALLEST_FILE = 4096  # bytes: what is smaller, a price list say, two sets may have in common


@dataclass
class _Kit:
    """A board's folder: its challenges by the names of their sets, and what lies where already."""

    part: ContestBoard
    folder: Path
    sets: dict[str, list[Challenge]] = field(default_factory=dict)
    placed: dict[Path, Path] = field(default_factory=dict)


def write(contest: Contest, out: Path, revealed: Sequence[str] = ()) -> list[Path]:
    """Write the kit to a new folder ``out``, whole or not at all; returns the boards' folders.

    Of sets of tasks that are hidden nothing is in it, but of those ``revealed`` by name what is given of the others.
    Raises ``InputError`` for a folder that is there, for what is missing, and for anything secret that it would hold.
    """
    _require_new(out)
    _require_sets(contest, revealed)
    shown = {id(tasks) for part in contest.manifest.boards for tasks in part.tasks if not tasks.hidden}
    shown |= {id(tasks) for part in contest.manifest.boards for tasks in part.tasks if tasks.name in revealed}
    search = Search(_secrets(contest, shown))
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".kit-", dir=out.absolute().parent))
    try:
        kits = [_of_board(contest, part, aside, shown) for part in contest.manifest.boards]
        for kit in kits:
            search.require_none(kit.folder, out / kit.folder.name, [kit.folder / README])
        share(aside, 0o777)
        aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return [out / kit.folder.name for kit in kits]


def _require_new(out: Path) -> None:
    if out.is_symlink() or (out.exists() and not (out.is_dir() and not any(out.iterdir()))):
        raise InputError(out, "is there already", expected="a new folder, so that nothing old stays in it")


def _require_sets(contest: Contest, revealed: Sequence[str]) -> None:
    known = {tasks.name for part in contest.manifest.boards for tasks in part.tasks}
    for name in revealed:
        if name not in known:
            raise InputError("--reveal", "is no set of tasks:", "", name, meant(name, known) or " or ".join(known))


def _secrets(contest: Contest, shown: set[int]) -> Iterator[Secret]:
    """Every board's secrets; of hidden sets also what participants would be given of them, and all names."""
    sets = [(boards.load(part.board), tasks) for part in contest.manifest.boards for tasks in part.tasks]
    names = {name for board, of in sets if id(of) in shown for name in (of.name, *board.tasks(of.data))}
    given = {
        path.resolve()
        for board, of in sets
        if id(of) in shown
        for challenge in board.challenges(of.data)
        for path in challenge.files.values()
    }
    for board, tasks in sets:
        yield from board.secrets(tasks.data)
        if id(tasks) not in shown:
            hidden = {tasks.name, *board.tasks(tasks.data)} - names
            yield Secret("the name of a hidden task", names={name for name in hidden if not name.isdecimal()})
            files = {path for challenge in board.challenges(tasks.data) for path in challenge.files.values()}
            files = {file for path in files if path.resolve() not in given for file in files_in(path)}
            large = (file for file in files if file.stat().st_size >= _SMALLEST_FILE)
            yield Secret("a hidden task", whole=sorted(large))


def _of_board(contest: Contest, part: ContestBoard, aside: Path, shown: set[int]) -> _Kit:
    board = boards.load(part.board)
    several = sum(other.board == part.board for other in contest.manifest.boards) > 1
    model = board.model_named(part.model)
    kit = _Kit(part, aside / (f"{part.board}-{model}" if several and model else part.board))
    kit.folder.mkdir()
    for tasks in part.tasks:
        challenges = board.challenges(tasks.data) if id(tasks) in shown else []
        for challenge in challenges:
            _put(kit, tasks, challenge)
        if challenges:
            kit.sets[tasks.name] = challenges
    if not kit.sets and any(board.challenges(tasks.data) for tasks in part.tasks):
        warnings.warn(
            f"{contest.path}: {part.board}: all sets of tasks are hidden, and the kit has nothing of them; "
            f"--reveal {part.tasks[0].name} gives what participants need to hand in files for one",
            stacklevel=2,
        )
    (kit.folder / README).write_text(_readme(contest, kit), encoding="utf-8")
    return kit


def _put(kit: _Kit, tasks: TaskSet, challenge: Challenge) -> None:
    """Put a task's files into a folder of its own: copies, and of what is there already a link to that copy."""
    folder = kit.folder / tasks.name / challenge.task
    folder.mkdir(parents=True)
    for name, source in challenge.files.items():
        if not source.exists():
            raise InputError(source, "no such file or folder", expected="what participants are given of a task")
        for file in files_in(source):
            within = file.relative_to(source)
            if not any(map(is_debris, within.parts)):
                _copy(kit, file, folder / name / within)
    about = {"board": kit.part.board, "answer": challenge.answer, "submitted": challenge.submitted}
    text = json.dumps({**about, "seed": kit.part.seed, **challenge.about}, indent=1)
    (folder / "task.json").write_text(text + "\n", encoding="utf-8")


def _copy(kit: _Kit, file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if (known := kit.placed.get(file.resolve())) is not None:
        try:
            os.link(known, target)
            return
        except OSError:  # a file system without links
            pass
    shutil.copyfile(file, target)
    kit.placed[file.resolve()] = target


def _readme(contest: Contest, kit: _Kit) -> str:
    part, board = kit.part, boards.load(kit.part.board)
    better = "higher" if board.higher_is_better else "lower"
    lines = [f"# {part.title or part.board.capitalize()}: {contest.name}", ""]
    for metric, meaning in (board.metric_means or {board.metric: ""}).items():
        lines += [f"The score is {metric.replace('_', ' ')}{meaning and f', {meaning}'}: {better} is better.", ""]
    lines += [board.instructions.strip(), ""] if board.instructions else []
    if kit.sets:
        lines += ["| task | what is given | file to hand in |", "|---|---|---|"]
        for name, challenges in kit.sets.items():
            for of in challenges:
                # By the folder whether or not another set has a task of this name: that set may be a hidden one.
                submitted = f"{name}/{of.submitted}" if len(part.tasks) > 1 else of.submitted
                lines.append(f"| {name}/{of.task} | {', '.join(sorted(of.files))} | {submitted} |")
        lines += [
            "",
            "Each task's folder is what an algorithm finds in `/input`; `task.json` says what it must leave.",
            "",
        ]
    if kit.sets and len(part.tasks) > 1:
        lines += [
            "What lies in a folder of a submission that is named after a set of tasks, as above, is for that set "
            "alone; files elsewhere are for every set for which there is no such folder.",
            "",
        ]
    lines.append(f"A submission is a folder, or a zip of it, of at most {part.largest_submission_mib} MiB.")
    if part.algorithms:
        most = part.limits
        lines.append(
            f"An algorithm may use {most.seconds:g} seconds, {most.memory_mib} MiB of memory, {most.processes} "
            f"processes and {most.output_mib} MiB of output a task."
        )
    return "\n".join(lines) + "\n"
