"""What people decide in a contest: which submissions do not stand, which one counts, how its rules were changed.

Each decision is kept with who made it, when and why, in the log of ``acts``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sql

from dataperf_fast.contest import schema
from dataperf_fast.contest.history import Place
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.store import Store, now
from dataperf_fast.contest.submissions import text
from dataperf_fast.files.errors import InputError

# What is done to a submission, and what it then is: nothing, it stands again.
RULINGS = {"withdraw": "withdrawn", "disqualify": "disqualified", "restore": ""}

_CHANGES = "end", "release", "freeze", "announce"


@dataclass(frozen=True)
class Ruling:
    """Why a submission does not stand, and since when."""

    kind: str
    reason: str
    since: str


@dataclass(frozen=True)
class Announcement:
    """What an organizer has said to all."""

    made: str
    text: str


@dataclass(frozen=True)
class Act:
    """An entry of the log: who did what to what, and why."""

    at: str
    by: str
    act: str
    about: str
    reason: str


@dataclass(frozen=True)
class Decisions:
    """All that was decided in a season.

    ``ends`` of phases that were moved; ``released`` if somebody has said so; ``frozen`` since when nothing is taken.
    """

    rulings: Mapping[Place, Ruling] = field(default_factory=dict)
    chosen: frozenset[Place] = frozenset()
    ends: Mapping[str, datetime] = field(default_factory=dict)
    released: bool | None = None
    frozen: str | None = None
    announcements: tuple[Announcement, ...] = ()


def read(contest: Contest, store: Store) -> Decisions:
    """What was decided in the season that is on."""

    def rows(table: sql.Table) -> list[dict[str, Any]]:
        here = table.c.contest == contest.name, table.c.season == contest.season
        return store.reading(table, sql.select(table).where(*here).order_by(table.c.id))

    changes = rows(schema.changes)
    said = {kind: [row for row in changes if row["kind"] == kind] for kind in _CHANGES}
    return Decisions(
        {
            (row["board"], row["model"], row["submission"]): Ruling(row["kind"], row["reason"], row["since"])
            for row in rows(schema.rulings)
        },
        frozenset((row["board"], row["model"], row["submission"]) for row in rows(schema.choices)),
        {row["name"]: datetime.fromisoformat(row["value"]) for row in said["end"]},
        said["release"][-1]["value"] == "yes" if said["release"] else None,
        _frozen(said["freeze"], rows(schema.seasons)),
        tuple(Announcement(row["made"], row["value"]) for row in said["announce"]),
    )


def _frozen(said: Sequence[Mapping[str, str]], seasons: Sequence[Mapping[str, str | None]]) -> str | None:
    """Since when nothing is taken: by a server's organizer, else by `organize freeze`."""
    if said and said[-1]["value"] == "yes":
        return said[-1]["made"]
    return seasons[0]["frozen"] if seasons else None


def rule(contest: Contest, store: Store, place: Place, act: str, by: str, reason: str) -> None:
    """Let a submission stand no more, or again; raises ``InputError`` for what is none of ``RULINGS``."""
    require_reason(reason)
    if act not in RULINGS:
        raise InputError("act", "is", value=act, expected=" or ".join(RULINGS))
    table, kind, since = schema.rulings, RULINGS[act], now()
    row = {"contest": contest.name, "season": contest.season, **_of_place(place)}

    def change(connection: sql.Connection) -> None:
        connection.execute(table.delete().where(*(table.c[name] == value for name, value in row.items())))
        if kind:
            connection.execute(table.insert(), [row | {"kind": kind, "reason": text(reason), "since": since}])
        log(connection, contest, by, kind or "restored", " ".join(filter(None, place)), reason)

    store.write(change)


def choose(contest: Contest, store: Store, place: Place, team: str, by: str) -> None:
    """Let one of a team's submissions be the one that counts."""
    table = schema.choices
    board, model, submission = place
    row = {"contest": contest.name, "season": contest.season, "board": board, "model": model, "team": team}

    def change(connection: sql.Connection) -> None:
        connection.execute(table.delete().where(*(table.c[name] == value for name, value in row.items())))
        connection.execute(table.insert(), [row | {"submission": submission}])
        log(connection, contest, by, "chosen", " ".join(filter(None, place)))

    store.write(change)


def extend(contest: Contest, store: Store, phase: str, end: datetime, by: str, reason: str) -> None:
    """Move the end of a phase."""
    _change(contest, store, "end", phase, end.isoformat(), by, reason)


def release(contest: Contest, store: Store, released: bool, by: str, reason: str) -> None:
    """Let hidden scores be seen, or not, whatever the phases say."""
    _change(contest, store, "release", "", "yes" if released else "no", by, reason)


def freeze(contest: Contest, store: Store, frozen: bool, by: str, reason: str) -> None:
    """Let a server take nothing more, or take it again."""
    _change(contest, store, "freeze", "", "yes" if frozen else "no", by, reason)


def announce(contest: Contest, store: Store, said: str, by: str) -> None:
    """Say something to all, on every page."""
    _change(contest, store, "announce", "", said, by, "")


def require_reason(reason: str) -> None:
    """Raise ``InputError`` where nothing is said."""
    if not reason.strip():
        raise InputError("reason", "is not given", expected="a word on why, which the log keeps")


def _change(contest: Contest, store: Store, kind: str, name: str, value: str, by: str, reason: str) -> None:
    row = {
        "contest": contest.name, "season": contest.season, "kind": kind, "name": name, "value": text(value),
        "made": now(),
    }  # fmt: skip

    def change(connection: sql.Connection) -> None:
        connection.execute(schema.changes.insert(), [row])
        log(connection, contest, by, kind, " ".join(filter(None, (name, value))), reason)

    store.write(change)


def log(connection: sql.Connection, contest: Contest, by: str, act: str, about: str, reason: str = "") -> None:
    """Add to the log, in the transaction of what is logged."""
    row = {
        "contest": contest.name, "at": now(), "by": text(by), "act": act, "about": text(about), "reason": text(reason)
    }  # fmt: skip
    connection.execute(schema.acts.insert(), [row])


def acts(contest: Contest, store: Store, most: int = 1000) -> list[Act]:
    """The log, the newest first."""
    table = schema.acts
    query = sql.select(table).where(table.c.contest == contest.name).order_by(table.c.id.desc()).limit(most)
    return [Act(**{name: row[name] for name in Act.__dataclass_fields__}) for row in store.reading(table, query)]


def _of_place(place: Place) -> dict[str, str]:
    return dict(zip(("board", "model", "submission"), place, strict=True))
