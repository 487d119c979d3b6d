"""Who asks: by a session's cookie or an API token; what he may see, and that a form is one of ours."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, IPv6Network
from typing import Annotated

from fastapi import Depends, Path, Request

from dataperf_fast.server import keys, people, security, throttle
from dataperf_fast.server.arrivals import Upload
from dataperf_fast.server.hall import Hall
from dataperf_fast.server.people import Person, Team

_TOUCHED_EVERY = timedelta(minutes=1)


class AnswerError(Exception):
    """What ends a request: a status, and a line for whoever asked. ``log_in``: he may go on once he has."""

    def __init__(self, status: int, line: str, log_in: bool = False, seconds: float = 0.0):
        super().__init__(line)
        self.status, self.line, self.log_in, self.seconds = status, line, log_in, seconds


@dataclass(frozen=True)
class Caller:
    """Somebody who asks; nobody known where there is no ``person``."""

    person: Person | None = None
    team: Team | None = None
    key: keys.Key | None = None

    @property
    def form_key(self) -> str:
        """What forms of his session carry; a token is for programs, and opens none."""
        return self.key.form_key if self.key and self.key.kind == "session" else ""

    def may_see(self, upload: Upload) -> bool:
        """Whether all of an upload is for him: his team's, or an organizer."""
        organizes = self.person is not None and self.person.organizes
        return organizes or (self.team is not None and upload.team == self.team.id)


def hall_of(request: Request) -> Hall:
    """What requests share."""
    hall: Hall = request.app.state.hall
    return hall


def caller_of(request: Request) -> Caller:
    """Who asks; a token that is none is told so, a session that has ended is nobody's."""
    hall = hall_of(request)
    token = security.bearer(request.headers.get("authorization"))
    name: keys.Kind = "session" if request.headers.get("authorization") is None else "token"
    given = token if name == "token" else request.cookies.get(security.cookie_name(hall.secure), "")
    if not given and name == "session":
        return Caller()
    with hall.database.reading() as connection:
        key = keys.find(connection, name, given)
        person = people.by_id(connection, key.person) if key and key.person is not None else None
        team = people.team_of(connection, hall.contest.name, person) if person else None
    if key is None or person is None:
        if name == "token":
            count_wrong_key(request)
            raise AnswerError(401, "the token is none, or has ended; make one on the page of your account")
        return Caller()
    if not key.used or datetime.fromisoformat(key.used) < datetime.now(UTC) - _TOUCHED_EVERY:
        with hall.database.writing() as connection:
            keys.touch(connection, key)
    return Caller(person, team, key)


def address_of(request: Request) -> str:
    """Where a request comes from, as wrong tries are counted: of IPv6, one has a whole network."""
    host = request.client.host if request.client else ""
    with suppress(ValueError):
        address = IPv6Address(host)
        return str(address.ipv4_mapped or IPv6Network((address.packed, 64), strict=False))
    return host


def count_try(hall: Hall, counted: Mapping[str, int], of: str = "tries") -> None:
    """Count a try as a wrong one; raises ``AnswerError``, and counts nothing, where there were too many."""
    with hall.database.writing() as connection:
        wait = throttle.wait(connection, counted)
        if wait <= 0:
            throttle.count(connection, counted)
    if wait > 0:
        raise AnswerError(429, f"too many wrong {of}: wait {wait:.0f} s", seconds=wait)


def count_wrong_key(request: Request) -> None:
    """Count a token or link that is none; raises ``AnswerError`` where there were too many. Right ones always are."""
    count_try(hall_of(request), throttle.of_keys(address_of(request)), "keys")


def somebody(request: Request) -> Caller:
    """Who asks, if he is known."""
    caller = caller_of(request)
    if caller.person is None:
        raise AnswerError(401, "log in first, or send a token", log_in=True)
    return caller


def member(request: Request) -> Caller:
    """Who asks, if he is in a team."""
    caller = somebody(request)
    if caller.team is None:
        raise AnswerError(403, "be in a team first: make one on the page of your team, or ask one for its link")
    return caller


def organizer(request: Request) -> Caller:
    """Who asks, if he organizes; to others the page is not there."""
    caller = caller_of(request)
    if caller.person is None or not caller.person.organizes:
        raise AnswerError(404, "there is nothing here")
    return caller


def require_form(caller: Caller, given: str) -> None:
    """Raise ``AnswerError`` unless a form was sent from a page of this very session."""
    if not caller.form_key or not hmac.compare_digest(caller.form_key.encode(), given.encode("utf-8", "replace")):
        raise AnswerError(403, "the form is not of this session: go back, reload the page and send it again")


Anybody = Annotated[Caller, Depends(caller_of)]
Somebody = Annotated[Caller, Depends(somebody)]
Member = Annotated[Caller, Depends(member)]
Organizer = Annotated[Caller, Depends(organizer)]
Number = Annotated[int, Path(ge=1, lt=1 << 31)]  # of a row: what a database takes
TheHall = Annotated[Hall, Depends(hall_of)]
