"""The speech board's picture: every submission's macro F1, seed by seed, best first."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from dataperf_fast.files.records import Record
from dataperf_fast.report import dots

# Table of baselines in the paper (arXiv 2207.10062): on its own data, so a landmark and no measurement of this run.
PAPER = {"en_25": 0.31, "en_60": 0.41, "pt_25": 0.44, "pt_60": 0.52, "id_25": 0.36, "id_60": 0.43}


class Scored(Protocol):
    """What is drawn of a board: ``benchmarks.speech.TaskResult``."""

    task: str
    records: list[Record]


def draw(folder: Path, scored: Scored) -> list[Path]:
    """Draw the best forty submissions of a board as ``{task}_scores.png``; nothing where nothing was scored."""
    rows = [
        dots.Row(record.submission, record.score, {"seeds": list(record.details["scores"].values())})
        for record in scored.records
        if record.score is not None
    ]
    landmark = (PAPER[scored.task], "the paper's baseline on its own data") if scored.task in PAPER else None
    chart = dots.Chart(scored.task, "macro F1: mean (diamond) and each of ten seeds", landmark)
    return dots.draw(folder / f"{scored.task}_scores.png", chart, rows)
