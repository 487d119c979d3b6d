"""Sets of tasks that hold tasks of one name with different data, between which a file's name cannot tell."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from dataperf_fast import boards
from dataperf_fast.boards.board import Benchmark
from dataperf_fast.boards.secrets import files_in
from dataperf_fast.contest.manifest import Contest, TaskSet
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import content_digest

_NAMED = 3  # of tasks


def lines(contest: Contest) -> Iterator[str]:
    """A line for each two sets of a board that hold such tasks, with what would part them.

    Not for tasks of which participants are given the same: one file may be right for both, whatever is tested.
    """
    for part in contest.manifest.boards:
        board = boards.load(part.board)
        given: dict[str, dict[str, bytes]] = {}
        for two in combinations(part.tasks, 2):
            known = [set(board.tasks(tasks.data)) for tasks in two]
            if not known[0] & known[1]:
                continue
            for tasks in two:
                if tasks.name not in given:
                    given[tasks.name] = _given(board, tasks)
            first, second = (given[tasks.name] for tasks in two)
            shared = [name for name, digest in first.items() if second.get(name, digest) != digest]
            if shared:
                told = ", ".join(shared[:_NAMED]) + (", .." if len(shared) > _NAMED else "")
                one, other = (tasks.name for tasks in two)
                problem = f"{one} and {other} both hold {told}, with different data: a file for it is taken for both"
                expected = f"tasks of other names, or files in folders {one}/ and {other}/ of submissions"
                yield InputError(contest.path, problem, part.board, expected=expected).line


def _given(board: Benchmark, tasks: TaskSet) -> dict[str, bytes]:
    """A digest of what participants are given of each task; where a board does not say, of all of the set's data."""
    challenges = board.challenges(tasks.data)
    if not challenges:
        whole = _digest([file for path in board.inputs(tasks.data) for file in files_in(path)])
        return dict.fromkeys(board.tasks(tasks.data), whole)
    return {
        of.task: _digest([file for name in sorted(of.files) for file in files_in(of.files[name])]) for of in challenges
    }


def _digest(files: list[Path]) -> bytes:
    """Of their contents alone: what they are called says how many rows they have, and no participant minds."""
    whole = hashlib.sha256()
    for file in files:
        if file.is_file():  # what is not there, whoever needs it says
            whole.update(_content(file, file.stat().st_mtime_ns))
    return whole.digest()


@functools.cache
def _content(file: Path, time: int) -> bytes:
    """A file's digest, once for all tasks that it is given with."""
    return content_digest(file)
