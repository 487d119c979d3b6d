"""Whether what is handed in could have a score: read and checked on every set of tasks, and nothing is trained."""

from __future__ import annotations

from pathlib import Path

from dataperf_fast import boards
from dataperf_fast.contest import algorithms, batches
from dataperf_fast.contest.batches import Batch
from dataperf_fast.contest.manifest import Contest, ContestBoard
from dataperf_fast.contest.submissions import Submission
from dataperf_fast.engine import backend as backends
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.set_folders import OfSet

OURS = "cannot be checked now, which is the organizers' to mend"
_MOST = 20  # lines


def problems(contest: Contest, part: ContestBoard, folder: Path, algorithm: bool) -> list[str]:
    """What is wrong with a folder of files, or an algorithm's, each once; its own path, and ours, are in no line."""
    if algorithm:
        return _of_algorithm(contest, part, folder)
    board = boards.load(part.board)
    version = board.version_on(part.model, backends.choose("cpu"))
    lines: dict[str, None] = {}
    for tasks in part.tasks:
        batch = Batch(
            part.board,
            part.model,
            OfSet(tasks.name, part.names_of_sets),
            tasks.data,
            (folder,),
            version,
            backend="cpu",
            jobs=1,
            train=False,
        )
        for record in batches.score(batch)[folder]:
            if record.status == "invalid":
                lines[own(record.error or "", folder)] = None
            elif record.status == "failed":
                lines[OURS] = None
    return list(lines)[:_MOST]


def _of_algorithm(contest: Contest, part: ContestBoard, folder: Path) -> list[str]:
    board = boards.load(part.board)
    challenges = [challenge for tasks in part.tasks for challenge in board.challenges(tasks.data)]
    try:
        algorithms.ready(contest, part, challenges, Submission(folder.name, folder, "", is_algorithm=True))
    except InputError as error:  # an UnavailableError too, which names what is ours
        return [own(error.line, folder)]
    return []


def own(line: str, folder: Path) -> str:
    """A line about a participant's file by the name that he knows; one about anything else is not for him."""
    if not line.startswith(str(folder)):
        return OURS
    return line.removeprefix(str(folder)).removeprefix("/").removeprefix(": ").replace(f"{folder}/", "")
