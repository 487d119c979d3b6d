"""Guessing takes longer and longer: wrong passwords and keys are counted, by who is tried and by where from.

The counts are in the database, for all server processes, under digests: it holds no list of addresses.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping

import sqlalchemy as sql

from dataperf_fast.server import schema

_LONGEST = 3600.0  # seconds of a wait
_FORGOTTEN = 86_400.0  # seconds


def of_login(email: str, address: str) -> dict[str, int]:
    """What is counted of a login, and how many wrong tries of each are free: somebody from somewhere, and either.

    An address may be a whole campus, and whoever guesses must not lock out whom he guesses for.
    """
    email = email.strip().casefold()
    return {f"{email} from {address}": 5, f"from {address}": 50, f"as {email}": 100}


def wait(connection: sql.Connection, about: Mapping[str, int]) -> float:
    """Seconds until another try is heard, at most 0 for now."""
    table, free = schema.attempts, {_named(name): count for name, count in about.items()}
    query = sql.select(table.c.about, table.c.count, table.c.last).where(table.c.about.in_(free))
    now = time.time()
    waits = (last + pause(count - free[of]) - now for of, count, last in connection.execute(query))
    return max(waits, default=0.0)


def pause(count: int) -> float:
    """Seconds of silence after so many wrong tries beyond the free ones: 2, 4, 8, .."""
    return 0.0 if count < 0 else min(2.0 ** min(count + 1, 20), _LONGEST)


def count(connection: sql.Connection, about: Mapping[str, int]) -> None:
    """Count a wrong try."""
    table, now = schema.attempts, time.time()
    connection.execute(table.delete().where(table.c.last < now - _FORGOTTEN))
    for name in map(_named, about):
        changed = connection.execute(
            table.update().where(table.c.about == name).values(count=table.c.count + 1, last=now)
        )
        if not changed.rowcount:
            connection.execute(table.insert(), [{"about": name, "count": 1, "last": now}])


def forget(connection: sql.Connection, about: Mapping[str, int]) -> None:
    """What was wrong before a right one counts no more."""
    connection.execute(schema.attempts.delete().where(schema.attempts.c.about.in_(map(_named, about))))


def _named(about: str) -> str:
    return hashlib.sha256(about.encode("utf-8", "surrogatepass")).hexdigest()
