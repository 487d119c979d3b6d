"""What organizers do to a contest that is on, by page, by program or by command: each act is logged with its reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sql

from dataperf_fast.contest import decisions
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.rules import in_utc
from dataperf_fast.files.errors import InputError
from dataperf_fast.server import arrivals, keys, people, schema
from dataperf_fast.server.arrivals import Upload
from dataperf_fast.server.database import Database
from dataperf_fast.server.people import Person


def rescore(contest: Contest, database: Database, uploads: list[Upload], by: str, reason: str) -> int:
    """Let uploads be scored anew; old scores stay as history. Returns how many there are."""
    decisions.require_reason(reason)
    for board, model in {(upload.board, upload.model) for upload in uploads}:
        names = [upload.submission for upload in uploads if (upload.board, upload.model) == (board, model)]
        database.store.set_aside(contest.name, board, model, names)
    with database.writing() as connection:
        of = schema.uploads.c
        connection.execute(schema.uploads.update().where(of.id.in_([u.id for u in uploads])).values(settled=None))
        about = uploads[0].submission if len(uploads) == 1 else f"{len(uploads)} submissions"
        decisions.log(connection, contest, by, "rescore", about, reason)
    return len(uploads)


def all_uploads(contest: Contest, database: Database) -> list[Upload]:
    """All of the season that is on, the oldest first."""
    of = schema.uploads.c
    with database.reading() as connection:
        return arrivals.read(connection, of.contest == contest.name, of.season == contest.season)


def extend(contest: Contest, database: Database, phase: str, end: str, by: str, reason: str) -> None:
    """Move a phase's end to a time, ISO 8601, taken for UTC where it says no zone."""
    decisions.require_reason(reason)
    known = {one.name: one for one in contest.manifest.server.phases}
    if phase not in known:
        raise InputError("phase", "is", value=phase, expected=" or ".join(known) or "none: there are no phases")
    try:
        time = in_utc(datetime.fromisoformat(end))
    except ValueError as error:
        raise InputError("end", "is", value=end, expected="a time, 2026-12-31T23:59") from error
    if time <= known[phase].start:
        raise InputError(
            "end", "is", value=end, expected=f"a time after the start, {known[phase].start:%Y-%m-%dT%H:%M}"
        )
    decisions.extend(contest, database.store, phase, time, by, reason)


def freeze(contest: Contest, database: Database, frozen: bool, by: str, reason: str) -> None:
    """Take nothing more, or take it again; what was taken stays, scored or not yet."""
    decisions.require_reason(reason)
    decisions.freeze(contest, database.store, frozen, by, reason)


def invite(contest: Contest, database: Database, email: str, role: str, by: str) -> str:
    """Make an invitation to register, for one address or whoever has it; returns the link, which is shown this once."""
    if role not in people.ROLES:
        raise InputError("role", "is", value=role, expected=" or ".join(people.ROLES))
    with database.writing() as connection:
        key = keys.make(connection, "invitation", about=people.address(email) if email.strip() else "", role=role)
        decisions.log(connection, contest, by, "invite", f"{role} {email}".strip())
    return f"{contest.manifest.server.address}/join?key={key}"


def link(contest: Contest, database: Database, person: Person, by: str) -> str:
    """Make a link by which somebody logs in once, to set another password for instance."""
    with database.writing() as connection:
        key = keys.make(connection, "login", person.id)
        decisions.log(connection, contest, by, "link", person.name)
    return f"{contest.manifest.server.address}/enter?key={key}"


def bar(contest: Contest, database: Database, person: Person, barred: bool, by: str, reason: str) -> None:
    """Shut somebody out, or let him in again."""
    decisions.require_reason(reason)
    with database.writing() as connection:
        people.bar(connection, person, barred)
        decisions.log(connection, contest, by, "bar" if barred else "unbar", person.name, reason)


def waiting(contest: Contest, database: Database) -> dict[str, Any]:
    """What waits, what could not be scored, and what others have not heard of."""
    of, told = schema.uploads.c, schema.deliveries
    with database.reading() as connection:
        count = sql.select(sql.func.count()).select_from(schema.uploads).where(of.contest == contest.name)
        left = arrivals.read(connection, of.contest == contest.name, of.settled.is_(None))
        undelivered = sql.select(told).where(told.c.contest == contest.name, told.c.delivered.is_(None))
        return {
            "uploads": connection.execute(count).scalar_one(),
            "waiting": left,
            "undelivered": [dict(row) for row in connection.execute(undelivered.limit(100)).mappings()],
        }
