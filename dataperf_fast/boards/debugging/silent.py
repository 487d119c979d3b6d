"""Debugging tasks that say nothing: whatever order is handed in, the score is the same."""

from __future__ import annotations

from pathlib import Path

from dataperf_fast.boards.debugging import board, files
from dataperf_fast.engine.engine import Engine


def find(data: Path, model: str | None, engine: Engine) -> dict[str, str]:
    """Tasks that are at their target before the first inspection: two retrains each, which an evaluation shares."""
    folder, setup = files.open_setup(data)
    found = {}
    for of in setup.tasks:
        task = files.read_task(folder, setup, of, None)
        trained = board.BOARD.make_model(model)
        if not trained.can_train(task.train.labels):
            continue
        before, cleaned, _ = board.ends(task, board.pool_of(task), trained, engine)
        if before >= board.TARGET_SHARE * cleaned:
            found[of.data_id] = (
                f"the accuracy before cleaning, {before:.2f}, is at the target, {board.TARGET_SHARE * cleaned:.4g}, so "
                "that every order scores the same"
            )
    return found
