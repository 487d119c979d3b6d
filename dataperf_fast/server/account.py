"""Accounts and teams: to register, log in and out, and what is one's own (password, tokens, team, what is kept)."""

from __future__ import annotations

import json
import re
from typing import Annotated

import sqlalchemy as sql
from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from dataperf_fast.contest import decisions
from dataperf_fast.files.errors import InputError
from dataperf_fast.server import arrivals, keys, pages, people, security, throttle
from dataperf_fast.server.callers import (
    AnswerError,
    Anybody,
    Caller,
    Number,
    Somebody,
    TheHall,
    address_of,
    count_try,
    count_wrong_key,
    require_form,
)
from dataperf_fast.server.hall import Hall
from dataperf_fast.server.people import Person

router = APIRouter(include_in_schema=False)
Given = Annotated[str, Form(max_length=2000)]
_BY_LINK = "link"  # what a session is called that has begun by one
_WRONG = "the address or the password is wrong"


@router.get("/login")
def login_form(request: Request, caller: Anybody, next: str = "") -> Response:  # noqa: A002 - as links have it
    """The form."""
    return pages.show(request, caller, "login.html", wrong="", email="", next=_ours(next))


@router.post("/login")
def login(
    request: Request, hall: TheHall, caller: Anybody, email: Given = "", password: Given = "", next: Given = ""  # noqa: A002
) -> Response:  # fmt: skip
    """Begin a session of its own: one that somebody had put there is worth nothing."""
    counted = throttle.of_login(email, address_of(request))
    count_try(hall, counted)  # before the password is looked at: guesses at once count too
    with hall.database.reading() as connection:
        person = people.proven(connection, email, password)
    if person is None:
        return pages.show(request, caller, "login.html", 403, wrong=_WRONG, email=email, next=_ours(next))
    with hall.database.writing() as connection:
        throttle.forgive(connection, counted)
    return _begin(hall, person, _ours(next) or "/mine", caller)


@router.post("/logout")
def logout(hall: TheHall, caller: Somebody, form_key: Given = "") -> Response:
    """End the session, here and in the database: a cookie that was copied opens nothing any more."""
    require_form(caller, form_key)
    assert caller.key is not None
    with hall.database.writing() as connection:
        keys.end(connection, id=caller.key.id)
    return _out(hall)


@router.get("/join")
def join_form(request: Request, hall: TheHall, caller: Anybody, key: str = "") -> Response:
    """The form to register, or to follow a team's invitation."""
    return pages.show(
        request, caller, "join.html", key=key, invited=_invitation(hall, key), wrong="", email="", name="",
        open=hall.contest.manifest.server.registration == "open",
    )  # fmt: skip


@router.post("/join")
def join(
    request: Request, hall: TheHall, caller: Anybody, key: Given = "", email: Given = "", name: Given = "",
    password: Given = "", form_key: Given = "",
) -> Response:  # fmt: skip
    """Register; who is logged in follows an invitation to a team."""
    registration = hall.contest.manifest.server.registration
    invited = _invitation(hall, key)
    if key and invited is None:
        count_wrong_key(request)
        raise AnswerError(403, "the invitation is none, was used, or has ended: ask for another")
    if caller.person is not None:
        require_form(caller, form_key)
        if invited is not None:
            with hall.database.writing() as connection:
                _follow(hall, connection, caller.person, invited)
        return RedirectResponse("/mine", 303)
    if registration == "closed" or (registration == "invitation" and invited is None):
        raise AnswerError(
            403, "accounts are by invitation here" if registration != "closed" else "nobody registers now"
        )
    try:
        hashed = people.hashed(password)
        with hall.database.writing() as connection:
            if invited and invited.about:
                email = invited.about
            person = people.add(connection, email, name, hashed)
            decisions.log(connection, hall.contest, person.name, "registered", person.role)
            if invited is not None:
                _follow(hall, connection, person, invited)
    except InputError as error:
        count_try(hall, throttle.of_addresses(address_of(request)), "registrations")
        return pages.show(
            request, caller, "join.html", 422, key=key, invited=invited, wrong=error.line, email=email, name=name,
            open=registration == "open",
        )  # fmt: skip
    return _begin(hall, person, "/mine", caller)


def _follow(hall: Hall, connection: sql.Connection, person: Person, invited: keys.Key) -> None:
    """Use an invitation, once, in a transaction that is of no effect otherwise: into its team, or for its role."""
    if invited.about and invited.about != person.email:
        raise AnswerError(403, "the invitation is for another address")
    if not keys.end(connection, id=invited.id):
        raise AnswerError(403, "the invitation was used: ask for another")
    if invited.team is not None:
        people.join(connection, hall.contest.name, invited.team, person)
        decisions.log(connection, hall.contest, person.name, "joined", str(invited.team))
    elif people.ROLES.index(invited.role) > people.ROLES.index(person.role):  # nobody becomes less by one
        people.set_role(connection, person, invited.role)
        decisions.log(connection, hall.contest, person.name, "became", invited.role)


@router.get("/enter")
def enter_form(request: Request, caller: Anybody, key: str = "") -> Response:
    """An organizer's link: a button, since programs follow links in mails to look at them."""
    return pages.show(request, caller, "enter.html", key=key)


@router.post("/enter")
def enter(request: Request, hall: TheHall, caller: Anybody, key: Given = "") -> Response:
    """Log in by a link, once."""
    with hall.database.writing() as connection:
        found = keys.find(connection, "login", key)
        person = people.by_id(connection, found.person) if found and found.person is not None else None
        used = person is not None and found is not None and keys.end(connection, id=found.id)
    if person is None or not used:
        count_wrong_key(request)
        raise AnswerError(403, "the link is none, was used, or has ended: ask for another")
    return _begin(hall, person, "/account", caller, about=_BY_LINK)


@router.get("/account")
def account(request: Request, hall: TheHall, caller: Somebody) -> Response:
    """One's own."""
    return _account(request, hall, caller)


def _account(request: Request, hall: Hall, caller: Caller, token: str = "") -> Response:
    assert caller.person is not None
    with hall.database.reading() as connection:
        tokens = keys.listed(connection, "token", caller.person.id)
    return pages.show(request, caller, "account.html", tokens=tokens, token=token)


@router.post("/account/password")
def password(
    request: Request, hall: TheHall, caller: Somebody, old: Given = "", new: Given = "", form_key: Given = ""
) -> Response:
    """Another password; all sessions end, and this one begins anew."""
    require_form(caller, form_key)
    person = caller.person
    assert person is not None
    counted = throttle.of_login(person.email, address_of(request))
    count_try(hall, counted)
    by_link = caller.key is not None and caller.key.about == _BY_LINK  # for who has forgotten the old one
    with hall.database.reading() as connection:
        if not by_link and people.proven(connection, person.email, old) is None:
            raise AnswerError(403, "the old password is wrong")
    hashed = people.hashed(new)
    with hall.database.writing() as connection:
        people.set_password(connection, person, hashed)
        throttle.forgive(connection, counted)
    return _begin(hall, person, "/account", Caller())


@router.post("/account/tokens")
def make_token(request: Request, hall: TheHall, caller: Somebody, name: Given = "", form_key: Given = "") -> Response:
    """An API token, shown this once."""
    require_form(caller, form_key)
    assert caller.person is not None
    with hall.database.writing() as connection:
        token = keys.make(connection, "token", caller.person.id, about=" ".join(name.split())[:80] or "token")
    return _account(request, hall, caller, token)


@router.post("/account/tokens/{number}/end")
def end_token(hall: TheHall, caller: Somebody, number: Number, form_key: Given = "") -> Response:
    """Revoke one of one's own."""
    require_form(caller, form_key)
    assert caller.person is not None
    with hall.database.writing() as connection:
        if not keys.end(connection, id=number, kind="token", person=caller.person.id):
            raise AnswerError(404, "there is nothing here")
    return RedirectResponse("/account", 303)


@router.get("/account/export")
def export(hall: TheHall, caller: Somebody) -> Response:
    """All that is kept of one, as JSON."""
    assert caller.person is not None
    with hall.database.reading() as connection:
        kept = people.kept_of(connection, caller.person)
    headers = {"Content-Disposition": 'attachment; filename="account.json"'}
    return Response(json.dumps(kept, indent=1) + "\n", media_type="application/json", headers=headers)


@router.post("/account/delete")
def delete(hall: TheHall, caller: Somebody, email: Given = "", form_key: Given = "") -> Response:
    """Delete one's account, once its address is typed."""
    require_form(caller, form_key)
    assert caller.person is not None
    if email.strip().casefold() != caller.person.email:
        raise AnswerError(422, "type your address to delete your account")
    with hall.database.writing() as connection:
        people.remove(connection, caller.person)
        decisions.log(connection, hall.contest, "a participant", "deleted", "an account")
    return _out(hall)


@router.post("/team")
def make_team(hall: TheHall, caller: Somebody, name: Given = "", form_key: Given = "") -> Response:
    """A team of one's own."""
    require_form(caller, form_key)
    assert caller.person is not None
    arrivals.require_no_folder(hall.contest, people.team_name(name))
    with hall.database.writing() as connection:
        people.make_team(connection, hall.contest.name, name, caller.person)
        decisions.log(connection, hall.contest, caller.person.name, "made a team", name)
    return RedirectResponse("/mine", 303)


def _out(hall: Hall) -> Response:
    """To the boards, without a session."""
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(security.cookie_name(hall.secure), **security.cookie_options(hall.secure))
    return answer


def _begin(hall: Hall, person: Person, to: str, before: Caller, about: str = "") -> Response:
    """A new session, in the place of the one before."""
    with hall.database.writing() as connection:
        keys.sweep(connection)
        if before.key is not None and before.key.kind == "session":
            keys.end(connection, id=before.key.id)
        key = keys.make(connection, "session", person.id, about=about)
    answer = RedirectResponse(to, 303)
    answer.set_cookie(
        security.cookie_name(hall.secure), key, max_age=14 * 86_400, **security.cookie_options(hall.secure)
    )
    return answer


def _invitation(hall: Hall, key: str) -> keys.Key | None:
    with hall.database.reading() as connection:
        return keys.find(connection, "invitation", key) if key else None


def _ours(path: str) -> str:
    """A path of this server to go on to, and no other's address."""
    return path if re.fullmatch(r"/[A-Za-z0-9][A-Za-z0-9/_.-]*", path) else ""
