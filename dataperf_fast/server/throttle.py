"""Guessing takes longer and longer: wrong passwords and keys are counted, by who is tried and by where from.

The counts are in the database, for all server processes, under digests: it holds no list of addresses.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sql

from dataperf_fast.server import schema

_LONGEST = 3600.0  # seconds of a wait
_FORGOTTEN = 86_400.0  # seconds
_AS = "AS "
_KNOWN = 90 * _FORGOTTEN  # seconds for which it is known where somebody has logged in


def of_login(email: str, address: str) -> dict[str, int]:
    """What is counted of a login, and how many wrong tries of each are free: somebody from somewhere, and either.

    An address may be a whole campus. Whoever guesses must not lock out whom he guesses for: what is counted of a person
    from everywhere is nothing to the places from which he has logged in.
    """
    email = email.strip().casefold()  # so that nothing in capitals can be typed as one
    return {f"{email} FROM {address}": 5, f"FROM {address}": 50, f"{_AS}{email}": 100}


def of_keys(address: str) -> dict[str, int]:
    """The same of tokens and links."""
    return {f"KEYS FROM {address}": 20}


def of_addresses(address: str) -> dict[str, int]:
    """The same of registrations that were refused, which may say who has an account."""
    return {f"ADDRESSES FROM {address}": 20}


def wait(connection: sql.Connection, about: Mapping[str, int]) -> float:
    """Seconds until another try is heard, at most 0 for now."""
    table, free = schema.attempts, {_named(name): count for name, count in about.items()}
    known = {_named(_at(name)) for name in about}
    query = sql.select(table.c.about, table.c.count, table.c.last).where(table.c.about.in_(known | set(free)))
    rows, now = {of: (count, last) for of, count, last in connection.execute(query)}, time.time()
    if known & set(rows):
        free = {_named(name): count for name, count in about.items() if not name.startswith(_AS)}
    waits = (last + pause(count - free[of]) - now for of, (count, last) in rows.items() if of in free)
    return max(waits, default=0.0)


def pause(count: int) -> float:
    """Seconds of silence after so many wrong tries beyond the free ones: 2, 4, 8, .."""
    return 0.0 if count < 0 else min(2.0 ** min(count + 1, 20), _LONGEST)


def count(connection: sql.Connection, about: Mapping[str, int]) -> None:
    """Count a wrong try."""
    table, now = schema.attempts, time.time()
    connection.execute(table.delete().where(table.c.last < now - _FORGOTTEN))
    for name in about:
        _set(connection, name, table.c.count + 1, 1, now)


def forgive(connection: sql.Connection, about: Mapping[str, int]) -> None:
    """A right try was none of the wrong ones: those of this person from here are forgotten, and from here he comes.

    Others that were made from here or for him stay counted: who has an account could begin anew with it otherwise.
    """
    table, now = schema.attempts, time.time()
    pair, *others = about
    connection.execute(table.delete().where(table.c.about == _named(pair)))
    connection.execute(
        table.update().where(table.c.about.in_(map(_named, others)), table.c.count > 0).values(count=table.c.count - 1)
    )
    _set(connection, _at(pair), 0, 0, now + _KNOWN)


def _set(connection: sql.Connection, name: str, value: Any, first: int, last: float) -> None:
    table, here = schema.attempts, _named(name)
    changed = connection.execute(table.update().where(table.c.about == here).values(count=value, last=last))
    if not changed.rowcount:
        connection.execute(table.insert(), [{"about": here, "count": first, "last": last}])


def _at(pair: str) -> str:
    """What says that somebody has logged in from somewhere."""
    return f"KNOWN {pair}"


def _named(about: str) -> str:
    return hashlib.sha256(about.encode("utf-8", "surrogatepass")).hexdigest()
