"""What opens a door: sessions, tokens, links. Random, shown once, kept as digests, each with an end.

256 random bits need no slow hash: nobody tries them out.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sql

from dataperf_fast.contest.store import now
from dataperf_fast.server import schema

Kind = Literal["session", "token", "login", "invitation"]

TOKEN_PREFIX = "dpf_"  # by which scanners of repositories find one
_LASTS = {
    "session": timedelta(days=14), "token": timedelta(days=365), "login": timedelta(days=3),
    "invitation": timedelta(days=30),
}  # fmt: skip


@dataclass(frozen=True)
class Key:
    """A key's row, without what it is: whose, until when (ISO 8601), what for."""

    id: int
    kind: str
    person: int | None
    team: int | None
    about: str
    role: str
    form_key: str
    made: str
    until: str
    used: str | None


def make(
    connection: sql.Connection, kind: Kind, person: int | None = None, team: int | None = None, about: str = "",
    role: str = "",
) -> str:  # fmt: skip
    """Make a key and return it: nobody can, from then on."""
    key = (TOKEN_PREFIX if kind == "token" else "") + secrets.token_urlsafe(32)
    until = (datetime.now(UTC) + _LASTS[kind]).isoformat(timespec="seconds")
    row = {
        "kind": kind, "digest": digest(key), "person": person, "team": team, "about": about, "role": role,
        "form_key": secrets.token_urlsafe(24), "made": now(), "until": until, "used": None,
    }  # fmt: skip
    connection.execute(schema.keys.insert(), [row])
    return key


def find(connection: sql.Connection, kind: Kind, key: str) -> Key | None:
    """A key of a kind that has not ended; by its digest, so that how long it takes tells nothing of others."""
    table = schema.keys
    where = table.c.kind == kind, table.c.digest == digest(key), table.c.until > now()
    return next(iter(_read(connection, *where)), None)


def listed(connection: sql.Connection, kind: Kind, person: int | None = None) -> list[Key]:
    """The keys of a kind that have not ended, of a person or of all."""
    table = schema.keys
    where = [table.c.kind == kind, table.c.until > now()]
    return _read(connection, *where, *([table.c.person == person] if person is not None else []))


def _read(connection: sql.Connection, *where: sql.ColumnElement[bool]) -> list[Key]:
    columns = [schema.keys.c[name] for name in Key.__dataclass_fields__]
    rows = connection.execute(sql.select(*columns).where(*where).order_by(schema.keys.c.id)).mappings()
    return [Key(**row) for row in rows]


def touch(connection: sql.Connection, key: Key) -> None:
    """Keep that a key was used now."""
    connection.execute(schema.keys.update().where(schema.keys.c.id == key.id).values(used=now()))


def end(connection: sql.Connection, **of: Any) -> int:
    """End the keys with these values, of one ``id``, or a ``person``'s of a ``kind``; returns how many there were."""
    where = [schema.keys.c[name] == value for name, value in of.items()]
    return connection.execute(schema.keys.delete().where(*where)).rowcount


def sweep(connection: sql.Connection) -> None:
    """Drop what has ended."""
    connection.execute(schema.keys.delete().where(schema.keys.c.until <= now()))


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
