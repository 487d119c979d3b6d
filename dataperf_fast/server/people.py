"""People and their teams: who they are, how they prove it, what they may do, what is kept of them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict, dataclass
from functools import cache
from threading import BoundedSemaphore
from typing import Any

import sqlalchemy as sql
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dataperf_fast.contest.store import now
from dataperf_fast.files.debris import is_debris
from dataperf_fast.files.errors import InputError
from dataperf_fast.server import keys, schema

ROLES = ("participant", "rater", "organizer")
_SHORTEST_PASSWORD, _LONGEST_PASSWORD = 10, 200  # characters
_LONGEST_TEAM = 80  # bytes
_HASHES = BoundedSemaphore(4)  # at once: each takes 64 MiB for a moment
_ADDRESS = re.compile(r"[^@\s\x00-\x1f<>\"']{1,64}@[^@\s\x00-\x1f<>\"']{1,180}")


@dataclass(frozen=True)
class Person:
    """Somebody with an account."""

    id: int
    email: str
    name: str
    role: str
    joined: str
    barred: str | None = None

    @property
    def organizes(self) -> bool:
        """Whether organizers' pages are open to him."""
        return self.role == "organizer"


@dataclass(frozen=True)
class Team:
    """Who competes; ``name`` is its folder's too."""

    id: int
    contest: str
    name: str
    made: str


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # argon2id, RFC 9106's second recommendation


@cache
def _nobodys() -> str:
    """A hash that takes as long to compare with, for addresses that nobody has."""
    return _hasher().hash("nobody's")


def hashed(password: str) -> str:
    """What is kept of a password: made before a transaction, for it takes a while. ``InputError`` for what is none."""
    password = _password(password)
    with _HASHES:
        return _hasher().hash(password)


def add(connection: sql.Connection, email: str, name: str, hashed: str) -> Person:
    """Add a participant; raises ``InputError`` for what is no address or name, and an address that is taken."""
    email, name = address(email), _text("name", name, 120)
    if _row(connection, schema.people.c.email == email):
        raise InputError("email", "has an account already:", value=email, expected="to log in, or another address")
    row = {"email": email, "name": name, "password": hashed, "role": ROLES[0], "joined": now(), "barred": None}
    connection.execute(schema.people.insert(), [row])
    found = by_email(connection, email)
    assert found is not None
    return found


def by_id(connection: sql.Connection, number: int) -> Person | None:
    """Who has that number, unless he is barred."""
    row = _row(connection, schema.people.c.id == number, schema.people.c.barred.is_(None))
    return _person(row) if row else None


def by_email(connection: sql.Connection, email: str) -> Person | None:
    """Who has that address."""
    row = _row(connection, schema.people.c.email == email.strip().casefold())
    return _person(row) if row else None


def everybody(connection: sql.Connection) -> list[Person]:
    """All, in the order of their joining."""
    rows = connection.execute(sql.select(schema.people).order_by(schema.people.c.id)).mappings()
    return [_person(dict(row)) for row in rows]


def proven(connection: sql.Connection, email: str, password: str) -> Person | None:
    """Who has that address, if that is his password; it takes as long for an address that nobody has."""
    row = _row(connection, schema.people.c.email == email.strip().casefold(), schema.people.c.barred.is_(None))
    hashed = (row or {}).get("password") or _nobodys()
    try:
        with _HASHES:
            _hasher().verify(hashed, password[:_LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return None
    return _person(row) if row and row["password"] else None


def set_password(connection: sql.Connection, person: Person, hashed: str) -> None:
    """Give a person another password; whoever is logged in with the old one is no more, nor comes by a link."""
    connection.execute(schema.people.update().where(schema.people.c.id == person.id).values(password=hashed))
    keys.end(connection, kind="session", person=person.id)
    keys.end(connection, kind="login", person=person.id)


def set_role(connection: sql.Connection, person: Person, role: str) -> None:
    """Let a person be something else."""
    connection.execute(schema.people.update().where(schema.people.c.id == person.id).values(role=role))


def bar(connection: sql.Connection, person: Person, barred: bool) -> None:
    """Shut a person out, or let him in again."""
    values = {"barred": now() if barred else None}
    connection.execute(schema.people.update().where(schema.people.c.id == person.id).values(values))
    if barred:
        keys.end(connection, person=person.id)


def make_team(connection: sql.Connection, contest: str, name: str, person: Person) -> Team:
    """Make a team with its first member; raises ``InputError`` for a name that is taken, or none of a folder."""
    name = team_name(name)
    folded = unicodedata.normalize("NFKC", name).casefold()
    if len(folded) > _LONGEST_TEAM:  # a ligature may stand for a sentence
        raise InputError("team", "is", value=name, expected=f"a name of at most {_LONGEST_TEAM} letters, written out")
    teams = schema.teams
    if connection.execute(sql.select(teams.c.id).where(teams.c.contest == contest, teams.c.folded == folded)).first():
        raise InputError("team", "is taken:", value=name, expected="another name, or an invitation of that team's")
    made = {"contest": contest, "name": name, "folded": folded, "made": now()}
    number = connection.execute(teams.insert().values(made)).inserted_primary_key
    assert number is not None
    join(connection, contest, number[0], person)
    return Team(number[0], contest, name, made["made"])


def join(connection: sql.Connection, contest: str, team: int, person: Person) -> None:
    """Let a person into a team; raises ``InputError`` where he is in one."""
    # One at a time a person: PostgreSQL's writers do not wait for each other otherwise.
    connection.execute(sql.select(schema.people.c.id).where(schema.people.c.id == person.id).with_for_update())
    if team_of(connection, contest, person) is not None:
        raise InputError("team", "is one too many", expected="one team a person and contest")
    connection.execute(schema.members.insert(), [{"team": team, "person": person.id, "since": now()}])


def team_of(connection: sql.Connection, contest: str, person: Person) -> Team | None:
    """The team that a person is in."""
    query = (
        sql.select(*(schema.teams.c[name] for name in Team.__dataclass_fields__))
        .join(schema.members, schema.members.c.team == schema.teams.c.id)
        .where(schema.teams.c.contest == contest, schema.members.c.person == person.id)
    )
    row = connection.execute(query).mappings().first()
    return Team(**row) if row else None


def members_of(connection: sql.Connection, team: int) -> list[Person]:
    """Who is in a team."""
    query = sql.select(schema.people).join(schema.members).where(schema.members.c.team == team)
    rows = connection.execute(query.order_by(schema.members.c.id)).mappings()
    return [_person(dict(row)) for row in rows]


def kept_of(connection: sql.Connection, person: Person) -> dict[str, Any]:
    """All that is kept of a person, for him."""
    of = schema.uploads.c
    uploads = connection.execute(sql.select(schema.uploads).where(of.person == person.id).order_by(of.id)).mappings()
    mine = sql.select(schema.teams.c.name, schema.teams.c.contest, schema.members.c.since).join(schema.members)
    teams = connection.execute(mine.where(schema.members.c.person == person.id)).mappings()
    return {
        "person": asdict(person),
        "teams": [dict(row) for row in teams],
        "tokens": [
            {"name": key.about, "made": key.made, "until": key.until, "used": key.used}
            for key in keys.listed(connection, "token", person.id)
        ],
        "sessions": [{"made": key.made, "until": key.until} for key in keys.listed(connection, "session", person.id)],
        "uploads": [{name: value for name, value in row.items() if name != "staged"} for row in uploads],
    }


def remove(connection: sql.Connection, person: Person) -> None:
    """Delete a person and his keys; what his team has handed in is the team's, and says his name no more."""
    uploads = schema.uploads
    connection.execute(uploads.update().where(uploads.c.person == person.id).values(person=None))
    connection.execute(schema.members.delete().where(schema.members.c.person == person.id))
    keys.end(connection, person=person.id)
    connection.execute(schema.people.delete().where(schema.people.c.id == person.id))


def team_name(name: str) -> str:
    """A name that is a folder's on every system; raises ``InputError`` for another."""
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    plain = all(c.isalnum() or c in " -_.+" or unicodedata.category(c) in ("Mn", "Mc") for c in name)
    fits = 1 <= len(name.encode("utf-8", "replace")) <= _LONGEST_TEAM and plain
    if not fits or not (name[0].isalnum() and name[-1] not in " .") or is_debris(name):
        expected = f"letters, digits, blanks and -_.+, at most {_LONGEST_TEAM} bytes, and no copy's ending"
        raise InputError("team", "is", value=name, expected=expected)
    return name


def address(email: str) -> str:
    """An e-mail address as it is kept; raises ``InputError`` for what is none."""
    email = email.strip().casefold()
    if not _ADDRESS.fullmatch(email):
        raise InputError("email", "is", value=email, expected="an e-mail address")
    return email


def _text(field: str, given: str, longest: int) -> str:
    given = " ".join(given.split())
    if not 1 <= len(given) <= longest or not given.isprintable():
        raise InputError(field, "is", value=given, expected=f"1 to {longest} characters in a line")
    return given


def _password(password: str) -> str:
    if not _SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
        expected = f"{_SHORTEST_PASSWORD} to {_LONGEST_PASSWORD} characters"
        raise InputError("password", f"has {len(password)} characters", expected=expected)
    return password


def _row(connection: sql.Connection, *where: sql.ColumnElement[bool]) -> dict[str, Any] | None:
    row = connection.execute(sql.select(schema.people).where(*where)).mappings().first()
    return dict(row) if row else None


def _person(row: dict[str, Any]) -> Person:
    return Person(**{name: row[name] for name in Person.__dataclass_fields__})
