"""The record of one score, as the command line contract states it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Literal

from dataperf_fast.kernels import arithmetic

Status = Literal["ok", "invalid", "failed", "pending"]  # pending: what it depends on is still to come
OURS = arithmetic.VERSION  # what decides a score, unless a library does


@dataclass
class Record:
    """One score of one submission on one task, or why there is none.

    Attributes:
        benchmark: the board's name.
        task: the task's; "mean" for the mean over several, nothing where a submission is for no task.
        submission: the submission's.
        status: ok, invalid (it cannot be scored), failed (by our doing), pending (it could have a score, and has none).
        metric: what the score is called.
        score: the score; None unless the status is ok.
        higher_is_better: which of two scores is the better one.
        details: what else the board says, by name.
        backend: where it was scored.
        arithmetic: what decided the score: the version of our own, and between two scores of one version nothing hangs
            on the machine; or the libraries that did, and the machine that they ran on.
        retrains: how many the score needed.
        distinct: the different training sets among them.
        rechecked: those that were run again on the exact path.
        seconds: the share of the run's wall time, less what compiling took (``clock``): retrains common to several
            submissions are booked on the first.
        error: why there is no score, in a line.

    Example:
        >>> import json
        >>> record = dpf.Record("debugging", "digits49", "mine", "ok", "fraction_fixes", 0.25, False)
        >>> json.loads(record.to_json())["score"]
        0.25
    """

    benchmark: str
    task: str
    submission: str
    status: Status
    metric: str
    score: float | None
    higher_is_better: bool
    details: dict[str, Any] = field(default_factory=dict)
    backend: str = ""
    arithmetic: str = OURS
    retrains: int = 0
    distinct: int = 0
    rechecked: int = 0
    seconds: float = 0.0
    error: str | None = None

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), allow_nan=False)


def decimal(score: float) -> Fraction:
    """The shortest decimal that is read back as a finite score, exactly: what one is that is no ratio of counts."""
    return Fraction(repr(float(score)))
