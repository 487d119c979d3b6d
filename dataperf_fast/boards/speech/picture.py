"""The speech board's picture: every submission's macro F1, seed by seed, best first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dataperf_fast.boards.speech.published import PUBLISHED
from dataperf_fast.report import dots

if TYPE_CHECKING:
    from dataperf_fast.boards.speech.board import SpeechResult

_BASELINE = PUBLISHED["baseline"].scores


def draw(folder: Path, scored: SpeechResult) -> list[Path]:
    """Draw the best forty submissions of a board as ``{task}_scores.png``; nothing where nothing was scored."""
    rows = [
        dots.Row(record.submission, record.score, {"seeds": list(record.details["scores"].values())})
        for record in scored.records
        if record.score is not None
    ]
    landmark = (_BASELINE[scored.task], "the paper's baseline on its own data") if scored.task in _BASELINE else None
    chart = dots.Chart(scored.task, "macro F1: mean (diamond) and each of ten seeds", landmark, baselines=PUBLISHED)
    return dots.draw(folder / f"{scored.task}_scores.png", chart, rows)
