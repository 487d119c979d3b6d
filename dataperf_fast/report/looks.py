"""Which of many submissions a picture tells apart: the best, the baselines, and the rest in grey."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

# Okabe and Ito's colours for the best, Tol's muted ones for baselines, each told apart by colour-blind readers.
_BEST = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
_BASELINES = ("#332288", "#882255", "#117733", "#999933", "#661100", "#6699CC", "#AA4499", "#44AA99")
_FEW = 5  # of the best, where not all have a colour
REST = "#C4C8CE"


@dataclass(frozen=True)
class Look:
    """How a submission is drawn."""

    colour: str
    line: str = "-"


def looks(ranked: Sequence[str], baselines: Collection[str]) -> dict[str, Look]:
    """The looks of those that are told apart, of submissions ``ranked`` best first; the others are grey.

    All are while there are colours, else the best five and ``baselines``, whose lines are dashed.
    """
    if len(ranked) <= len(_BEST):
        return {name: Look(colour) for name, colour in zip(ranked, _BEST, strict=False)}
    compared = [name for name in ranked if name in baselines][: len(_BASELINES)]
    best = [name for name in ranked if name not in compared][:_FEW]
    found = dict(zip(best, map(Look, _BEST), strict=False))
    found |= {name: Look(colour, "--") for name, colour in zip(compared, _BASELINES, strict=False)}
    return {name: found[name] for name in ranked if name in found}
