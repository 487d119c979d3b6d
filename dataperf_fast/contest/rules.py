"""The rules of a contest that is served: who registers, when what is open, how much a team may hand in, what is seen.

Times are UTC; of a phase the start is in it, the end is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Seen = Literal["shown", "rounded", "withheld"]
Counting = Literal["all", "last", "best", "chosen"]
Field_ = Literal["method", "description", "link"]
Event = Literal["scored", "failed", "best"]

_Count = Annotated[int, Field(gt=0, strict=True)]


def in_utc(time: datetime) -> datetime:
    """A time in UTC, of which it is where it says no zone; a ``ValueError`` where that has no such year."""
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:  # of the year 1, further east, and of 9999, further west
        raise ValueError("a time of the years 1 to 9999") from None


Time = Annotated[datetime, AfterValidator(in_utc)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TeamLimits(_Part):
    """What a team may hand in to a board: a ``day`` (UTC), in ``all`` of a phase, and waiting ``at_once``."""

    day: _Count | None = None
    all: _Count | None = None
    at_once: _Count | None = None


class Phase(_Part):
    """A span in which submissions are taken.

    ``hidden`` says what is seen of the scores of hidden sets from its start on, until they are released: all of them,
    ``digits`` decimals (by which is ranked, too), or nothing.
    """

    name: Annotated[str, Field(min_length=1, max_length=80, coerce_numbers_to_str=True)]
    start: Time
    end: Time
    limits: TeamLimits = TeamLimits()
    hidden: Seen = "withheld"
    digits: Annotated[int, Field(ge=0, le=15, strict=True)] = 2


class Webhook(_Part):
    """Where to ``POST`` what happens; ``secret`` names the variable of the environment by whose value it is signed."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=500)]
    secret: Annotated[str, Field(pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")]
    events: list[Event] = ["scored", "failed", "best"]


class Serving(_Part):
    """The manifest's ``server``. Without phases all is open from the first day on, and hidden scores are shown.

    ``release``: hidden scores are released at the ``end`` of the last phase, or when the ``organizer`` says so.
    """

    address: Annotated[str, Field(pattern=r"^https?://[^/\s]+$", max_length=200)] = "http://localhost:8000"
    registration: Literal["open", "invitation", "closed"] = "invitation"
    phases: list[Phase] = []
    release: Literal["end", "organizer"] = "end"
    webhooks: list[Webhook] = []

    @model_validator(mode="after")
    def _in_order(self) -> Serving:
        before: Phase | None = None
        for phase in self.phases:
            if phase.end <= phase.start:
                raise ValueError(f"the phase {phase.name!r} ends before it starts")
            if before and (phase.start < before.end or phase.name == before.name):
                raise ValueError(f"the phase {phase.name!r} starts before {before.name!r} ends, or has its name")
            before = phase
        return self


@dataclass(frozen=True)
class Standing:
    """The rules at one time: the phase that is on, the next one, what is seen, and why nothing is taken, if so."""

    phase: Phase | None
    coming: Phase | None
    hidden: Seen
    digits: int
    closed: str = ""


def at(time: datetime, rules: Serving, ends: Mapping[str, datetime], released: bool | None) -> Standing:
    """The rules at a time; ``ends`` are those of phases that were extended, ``released`` what an organizer has said."""
    phases = _extended(rules.phases, ends)
    if not phases:
        return Standing(None, None, "withheld" if released is False else "shown", 15)
    on = next((phase for phase in phases if phase.start <= time < phase.end), None)
    coming = next((phase for phase in phases if time < phase.start), None)
    begun = [phase for phase in phases if phase.start <= time]
    last = begun[-1] if begun else phases[0]
    over = time >= phases[-1].end
    out = released if released is not None else over and rules.release == "end"
    closed = ""
    if on is None:
        closed = f"{coming.name} opens at {said(coming.start)}" if coming else f"closed since {said(phases[-1].end)}"
    return Standing(on, coming, "shown" if out else last.hidden, last.digits, closed)


def turns(rules: Serving, ends: Mapping[str, datetime]) -> list[datetime]:
    """The times at which something opens or closes by itself."""
    return sorted(time for phase in _extended(rules.phases, ends) for time in (phase.start, phase.end))


def _extended(phases: Sequence[Phase], ends: Mapping[str, datetime]) -> list[Phase]:
    return [phase.model_copy(update={"end": ends.get(phase.name, phase.end)}) for phase in phases]


def told(standing: Standing) -> str:
    """How a contest stands, for people."""
    if standing.closed:
        return f"Nothing is taken now: {standing.closed}."
    if standing.phase:
        return f"{standing.phase.name} is open until {said(standing.phase.end)}."
    return "Open: there are no phases."


def said(time: datetime) -> str:
    """A time for people."""
    return f"{time:%Y-%m-%d %H:%M} UTC"
