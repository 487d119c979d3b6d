"""What ``verify`` compared, score by score and rung by rung, and the verdict on each: the same in every output.

``equal`` is said only of figures that both sides have. Where there are none to compare, a submission that cannot be
read is an ``error``; what is still to come, what a model does not have, and what the reference disagrees with itself
about is ``skipped``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from dataperf_fast.files.records import Status

Verdict = Literal["equal", "different", "skipped", "error"]
DISAGREES = "the reference disagrees with itself"  # by its precisions


@dataclass
class Rung:
    """One rung over all retrains that were compared: how many numbers, how many differ, and the largest difference.

    ``largest`` and ``tolerance`` are parts of the decision values' root mean square; None where only equality counts.
    What is ``disagreeing``, the reference with itself by its precisions, neither differs nor counts for ``largest``.
    """

    name: str
    compared: int = 0
    differing: int = 0
    largest: float | None = None
    tolerance: float | None = None
    excused: int = 0  # predictions that differ where the decision value is within the tolerance
    disagreeing: int = 0

    def add(self, differences: Sequence[float], among_theirs: float) -> None:
        """Take in how far ours is from each of the reference's, and these from each other.

        What is not a number differs.
        """
        self.compared += 1
        if among_theirs > max(0.0, self.tolerance or 0.0):
            self.disagreeing += 1
            return
        difference = float(np.min(differences))
        self.largest = float("inf") if np.isnan(difference) else max(self.largest or 0.0, difference)
        self.differing += not difference <= (self.tolerance or 0.0)

    @property
    def verdict(self) -> Verdict:
        """Equal only if something was compared."""
        if self.differing:
            return "different"
        return "skipped" if self.disagreeing or not self.compared else "equal"

    @property
    def reason(self) -> str:
        """Why it is not equal; nothing if it is."""
        if self.verdict == "equal":
            return ""
        if not self.compared:
            return f"nothing was compared: not both backends have a model's {self.name}"
        largest = "" if self.largest is None else f", largest difference {self.largest:.2g}"
        disagreeing = f"; {DISAGREES} in {self.disagreeing}" if self.disagreeing else ""
        return f"{self.differing} of {self.compared} differ{largest}{disagreeing}"


@dataclass
class Ladder:
    """The rungs of a model; ``smallest_margin`` is the least distance of an evaluation row from another class."""

    model: str
    backends: tuple[str, str]
    checked: int
    retrains: int
    rechecked: int
    rungs: list[Rung]
    smallest_margin: float = float("inf")


@dataclass
class ScoreCheck:
    """A published score by two backends; ``differs`` names what of the record is not equal.

    ``disagrees`` names what is not equal between the reference's own precisions, which is then left out of ``differs``.
    ``status`` is the record's, and ``error`` says why it has no score.
    """

    task: str
    submission: str
    backends: tuple[str, str]
    scores: tuple[float | None, float | None]
    rechecked: int
    differs: list[str]
    disagrees: list[str] = field(default_factory=list)
    status: Status = "ok"
    error: str | None = None

    @property
    def verdict(self) -> Verdict:
        """Equal only if there are scores: two that do not exist are not equal."""
        if self.differs:
            return "different"
        if None in self.scores:
            return "skipped" if self.status == "pending" else "error"
        return "skipped" if self.disagrees else "equal"

    @property
    def reason(self) -> str:
        """Why it is not equal; nothing if it is."""
        if not self.differs and None in self.scores:
            return self.error or f"there is no score: {self.status}"
        said = [f"differs: {', '.join(self.differs)}"] if self.differs else []
        said += [f"{DISAGREES}: {', '.join(self.disagrees)}"] if self.disagrees else []
        said += [f"{self.scores[0]} and {self.scores[1]}"] if said else []
        return "; ".join([*said, *([self.error] if said and self.error else [])])


@dataclass
class Report:
    """What was compared.

    Attributes:
        benchmark: the board's name.
        reference: how the reference departs from its definition on this machine; nothing where it does not.
        scores: the scores that were compared, each with its verdict.
        ladders: the retrains that were compared rung by rung, by model.
        invalid: a line for each submission that could not be scored.
        left_out: why a backend that nobody named was not compared, by its name; each counts as skipped.
        seconds: how long it took.

    Example:
        >>> from dataperf_fast import parity
        >>> report = parity.verify("vision", "made/vision", names=["cpu", "reference"], sample=1, jobs=1)
        >>> [rung.verdict for rung in report.ladders[0].rungs]
        ['equal', 'equal', 'equal', 'equal']
    """

    benchmark: str
    reference: str = ""
    scores: list[ScoreCheck] = field(default_factory=list)
    ladders: list[Ladder] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many comparisons ended how."""
        of_rungs = [rung.verdict for ladder in self.ladders for rung in ladder.rungs]
        of_backends: list[Verdict] = ["skipped"] * len(self.left_out)
        return Counter([check.verdict for check in self.scores] + of_rungs + of_backends)

    @property
    def compared(self) -> bool:
        """Whether there was anything to compare: figures that both sides have, of a reference that agrees with itself.

        A rung that is skipped for what the reference disagrees about may have others beside it.
        """
        rungs = (rung for ladder in self.ladders for rung in ladder.rungs)
        return any(rung.compared > rung.disagreeing for rung in rungs) or any(
            check.verdict in ("equal", "different") for check in self.scores
        )

    @property
    def same(self) -> bool:
        """Whether something was compared, nothing differs, and nothing could not be read."""
        return self.compared and not self.verdicts["different"] and not self.verdicts["error"]

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON, with every verdict, why, and their counts; infinities become None."""
        found = asdict(self) | {"verdicts": dict(self.verdicts), "same": self.same}
        for check, shown in zip(self.scores, found["scores"], strict=True):
            shown |= {"verdict": check.verdict, "reason": check.reason}
        for ladder, of_ladder in zip(self.ladders, found["ladders"], strict=True):
            for rung, shown in zip(ladder.rungs, of_ladder["rungs"], strict=True):
                shown |= {"verdict": rung.verdict, "reason": rung.reason}
            for numbers in (of_ladder, *of_ladder["rungs"]):
                for name, value in numbers.items():
                    if isinstance(value, float) and not np.isfinite(value):
                        numbers[name] = None
        return found
