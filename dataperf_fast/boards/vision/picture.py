"""The vision board's picture: every submission's F1 and the metrics beside it, a concept a picture, best first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dataperf_fast.boards.vision.published import PUBLISHED
from dataperf_fast.report import dots

if TYPE_CHECKING:
    from dataperf_fast.boards.vision.board import VisionResult

_PSEUDO = PUBLISHED["pseudo"].scores  # the best of the paper's baselines
_BESIDE = {
    "accuracy": "accuracy",
    "recall": "recall",
    "precision": "precision",
    "average_precision": "average precision",
}


def draw(folder: Path, scored: VisionResult) -> list[Path]:
    """Draw the best forty submissions for a concept as ``{task}_scores.png``; nothing where nothing was scored."""
    if scored.task == "mean":
        return []
    rows = [
        dots.Row(record.submission, record.score, {name: [record.details[key]] for key, name in _BESIDE.items()})
        for record in scored.records
        if record.score is not None
    ]
    landmark = (_PSEUDO[scored.task], "the paper's pseudo labels, on its own data") if scored.task in _PSEUDO else None
    chart = dots.Chart(scored.task, "on the concept's test set", landmark, "F1", PUBLISHED)
    return dots.draw(folder / f"{scored.task}_scores.png", chart, rows)
