"""A participant's pairs, judged: how many fool, and the parts of their creativity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from dataperf_fast.boards.nibbler import creativity, ratings, similarity
from dataperf_fast.boards.nibbler.creativity import Pair
from dataperf_fast.boards.nibbler.ratings import CHOICES, Ratings, Verdicts
from dataperf_fast.boards.nibbler.similarity import Space


@dataclass(frozen=True)
class Panel:
    """All ratings at hand with the verdicts that they give; pairs are found by name."""

    ratings: Ratings
    verdicts: Verdicts
    number: Mapping[str, int]  # of a pair
    rows: Sequence[np.ndarray]  # of the ratings of each pair


@dataclass(frozen=True)
class Judged:
    """What became of a participant's pairs: counts; the parts of creativity, none where no pair fools; and the prompts
    that fool and repeat no earlier one, which nobody is shown who did not ask.
    """

    counts: dict[str, Any]
    parts: dict[str, float]
    prompts: list[str] = field(default_factory=list, repr=False)


def ratings_of(pairs: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """The ratings that a table of ``records.SUBMITTED`` holds, by pair."""
    return dict(zip(pairs["pair"].to_pylist(), pairs["ratings"].to_pylist(), strict=True))


def panel(of_pairs: Mapping[str, Sequence[Mapping[str, Any]]], method: str) -> Panel:
    """Gather the ratings of every pair and judge it by one of ``ratings.METHODS``."""
    gathered = ratings.gather(of_pairs)
    ends = np.searchsorted(gathered.pair, np.arange(1, len(gathered.pairs)))
    rows = np.split(np.arange(len(gathered.pair)), ends)
    number = {pair: at for at, pair in enumerate(gathered.pairs)}
    return Panel(gathered, ratings.verdicts(gathered, method), number, rows)


def judge(pairs: pa.Table, by: Panel, space: Space | None, threads: int = 1) -> Judged:
    """Count what a participant's ``pairs`` (``records.SUBMITTED``) are, and how various those that fool are.

    ``counts``: pairs, validated, pending, fooling; the share of the validated that fool and with it the standard
    deviation of fooling (binomial); distinct, those that fool and repeat no earlier one. Without a ``space`` prompts
    are compared by their terms alone.
    """
    at = np.array([by.number[pair] for pair in pairs["pair"].to_pylist()], np.int64)
    validated, fooling = by.verdicts.validated[at], by.verdicts.fooling[at]
    counts: dict[str, Any] = {
        "pairs": len(at),
        "validated": int(validated.sum()),
        "pending": int((~validated).sum()),
        "fooling": int(fooling.sum()),
    }
    if counts["validated"]:
        share = counts["fooling"] / counts["validated"]
        counts |= {"share": share, "spread": float(np.sqrt(counts["validated"] * share * (1 - share)))}
    if not fooling.any():
        return Judged(counts, {})
    that_fool = pairs.take(np.flatnonzero(fooling)).sort_by([("submitted", "ascending"), ("pair", "ascending")])
    prompts = that_fool["prompt"].to_pylist()
    space = space or similarity.terms_alone()
    repeats = similarity.near_duplicates(prompts, space, threads) >= 0
    counts["distinct"] = int((~repeats).sum())
    parts = creativity.parts(_labels(that_fool, by), space.embed(prompts), int(repeats.sum()))
    return Judged(counts, parts, [prompts[at] for at in np.flatnonzero(~repeats)])


def _labels(pairs: pa.Table, by: Panel) -> list[Pair]:
    """What each pair's raters agree on."""
    rows = [by.rows[by.number[pair]] for pair in pairs["pair"].to_pylist()]
    confirmed = [
        [
            creativity.confirmed([chosen for row in of_pair if (chosen := by.ratings.choices[name][row]) is not None])
            for of_pair in rows
        ]
        for name in CHOICES
    ]
    return [Pair(*of_pair) for of_pair in zip(*confirmed, strict=True)]
