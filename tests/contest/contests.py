"""Contests for tests: a manifest over made tasks, and runs of it."""

from __future__ import annotations

import os
import socket
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import yaml

from dataperf_fast.boards.debugging import files
from dataperf_fast.contest import manifest, planning, run, standings
from dataperf_fast.contest.store import Score, Store


class Watched(dict):
    """Counts what is done, by board."""

    def begin(self, label, left):
        self.planned = dict(left)

    def done(self, board, count):
        self[board] = self.get(board, 0) + count


def write(path: Path, *boards: dict, **keys) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"contest": "Spring", "boards": list(boards), **keys}, sort_keys=False))
    return path


def write_orders(data: Path, teams: Path, count: int, seed: int = 0) -> None:
    """Random orders of inspection, a folder a team; each third team hands in what the team before does."""
    generator = np.random.default_rng(seed)
    tasks = files.open_setup(data)[1].tasks
    for number in range(count):
        folder = teams / f"team{number:04d}"
        folder.mkdir(parents=True)
        for task in tasks:
            if number % 3 != 2:
                text = "\n".join(map(str, generator.permutation(task.train_size))) + "\n"
            else:
                text = (teams / f"team{number - 1:04d}" / f"{task.data_id}_mine.txt").read_text()
            (folder / f"{task.data_id}_mine.txt").write_text(text)


def score(path: Path, backend: str = "cpu", **how) -> tuple[list[Score], Watched]:
    contest, watched = manifest.read(path), Watched()
    with closing(Store(contest.store, make=True)) as store:
        plan = planning.read(contest, watched, backend)
        run.run(contest, plan, store, run.How(backend, **how), watched)
        return standings.current(plan, store), watched


def standing(path: Path, backend: str = "cpu"):
    contest = manifest.read(path)
    with closing(Store(contest.store)) as store:
        plan = planning.read(contest, Watched(), backend)
        return standings.settings(contest, plan, standings.current(plan, store))


def table(scores: list[Score]) -> dict:
    return {(s.board, s.dataset, s.submission, s.task): (s.status, s.score, s.error) for s in scores}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def as_nobody():
    """Without root's rights, by which everything may be written."""
    if os.getuid():
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
