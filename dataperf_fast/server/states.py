"""What the dispatcher says of itself, for pages: a JSON object a name, in the database, where every server sees it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql

from dataperf_fast.contest.store import now
from dataperf_fast.server import schema

DISPATCHER, BOARD = "dispatcher", "board"


def keep(connection: sql.Connection, contest: str, name: str, value: dict[str, Any]) -> None:
    """Keep a state in the place of what it was."""
    table = schema.states
    here = table.c.contest == contest, table.c.name == name
    row = {"value": value, "at": now()}
    if not connection.execute(table.update().where(*here).values(row)).rowcount:
        connection.execute(table.insert(), [row | {"contest": contest, "name": name}])


def read(connection: sql.Connection, contest: str, name: str) -> dict[str, Any]:
    """A state, with ``at``, when it was kept; an empty one where there is none."""
    table = schema.states
    query = sql.select(table.c.value, table.c.at).where(table.c.contest == contest, table.c.name == name)
    row = connection.execute(query).first()
    return {**row[0], "at": row[1]} if row else {}
