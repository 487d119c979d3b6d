"""Organizers' pages and acts; to anybody else they are not there."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from dataperf_fast.contest import decisions
from dataperf_fast.files.errors import InputError
from dataperf_fast.server import acts, arrivals, pages, people, schema, states, submitting
from dataperf_fast.server.api import of_contest, require_token
from dataperf_fast.server.callers import AnswerError, Caller, Number, Organizer, TheHall, require_form
from dataperf_fast.server.hall import Hall
from dataperf_fast.server.people import Person

router = APIRouter(include_in_schema=False)
Given = Annotated[str, Form(max_length=2000)]
_SHOWN = 100


@router.get("/organizer")
def overview(request: Request, hall: TheHall, caller: Organizer) -> Response:
    """What runs and waits, what went wrong, and all that can be done about it."""
    return _overview(request, hall, caller)


def _overview(request: Request, hall: Hall, caller: Caller, link: str = "") -> Response:
    of = schema.uploads.c
    made, _ = hall.decided()
    with hall.database.reading() as connection:
        state = states.read(connection, hall.contest.name, states.DISPATCHER)
        latest = arrivals.read(connection, of.contest == hall.contest.name, most=_SHOWN)
        everybody = people.everybody(connection)
    failed = hall.database.store.failures(hall.contest.name, _SHOWN)
    return pages.show(
        request, caller, "organizer.html", state=state, latest=latest, everybody=everybody, failed=failed,
        link=link, decided=made, roles=people.ROLES,
        log=decisions.acts(hall.contest, hall.database.store, _SHOWN), **acts.waiting(hall.contest, hall.database),
    )  # fmt: skip


@router.post("/organizer/rule")
def rule(
    hall: TheHall, caller: Organizer, number: Annotated[int, Form(ge=1, lt=1 << 31)], act: Given, reason: Given = "",
    form_key: Given = "",
) -> Response:  # fmt: skip
    """Withdraw, disqualify, restore, or rescore one."""
    require_form(caller, form_key)
    _rule(hall, caller, number, act, reason)
    return RedirectResponse(f"/submissions/{number}", 303)


def _rule(hall: Hall, caller: Caller, number: int, act: str, reason: str) -> None:
    upload = submitting.upload_of(hall, number)
    if act == "rescore":
        acts.rescore(hall.contest, hall.database, [upload], _name(caller), reason)
    else:
        decisions.rule(hall.contest, hall.database.store, upload.place, act, _name(caller), reason)


@router.post("/organizer/act")
def act_(
    request: Request, hall: TheHall, caller: Organizer, act: Given, about: Given = "", value: Given = "",
    reason: Given = "", form_key: Given = "",
) -> Response:  # fmt: skip
    """Any of the others."""
    require_form(caller, form_key)
    link = do(hall, caller, act, about, value, reason)
    return _overview(request, hall, caller, link) if link else RedirectResponse("/organizer", 303)


def do(hall: Hall, caller: Caller, act: str, about: str, value: str, reason: str) -> str:
    """One of the acts on the contest or a person, for forms and programs; returns a link where it makes one."""
    contest, database, by = hall.contest, hall.database, _name(caller)
    if act == "rescore all":
        acts.rescore(contest, database, acts.all_uploads(contest, database), by, reason)
    elif act == "extend":
        acts.extend(contest, database, about, value, by, reason)
    elif act in ("release", "withhold"):
        decisions.release(contest, database.store, act == "release", by, reason)
    elif act in ("freeze", "thaw"):
        acts.freeze(contest, database, act == "freeze", by, reason)
    elif act == "announce":
        decisions.announce(contest, database.store, value[:500], by)
    elif act == "invite":
        return acts.invite(contest, database, about, value, by)
    elif act == "link":
        return acts.link(contest, database, _person(hall, about), by)
    elif act in ("bar", "unbar"):
        acts.bar(contest, database, _person(hall, about), act == "bar", by, reason)
    else:
        raise InputError("act", "is none of an organizer's:", value=act)
    return ""


def _name(caller: Caller) -> str:
    assert caller.person is not None
    return caller.person.name


def _person(hall: Hall, email: str) -> Person:
    with hall.database.reading() as connection:
        found = people.by_email(connection, email)
    if found is None:
        raise AnswerError(404, "nobody has that address")
    return found


_of_programs = APIRouter(prefix="/api/{contest}/organizer", dependencies=[Depends(of_contest)], tags=["organizers"])
Text = Annotated[str, Body(embed=True, max_length=2000)]


@_of_programs.get("")
def overview_(hall: TheHall, caller: Organizer) -> dict[str, Any]:
    """What runs, waits and failed, and the log."""
    with hall.database.reading() as connection:
        state = states.read(connection, hall.contest.name, states.DISPATCHER)
    found = acts.waiting(hall.contest, hall.database)
    found["waiting"] = [arrivals.shown(upload) for upload in found["waiting"]]
    log = [vars(act) for act in decisions.acts(hall.contest, hall.database.store)]
    return {"state": state, **found, "failed": hall.database.store.failures(hall.contest.name), "acts": log}


@_of_programs.post("/submissions/{number}/{act}", status_code=204)
def rule_(hall: TheHall, caller: Organizer, number: Number, act: str, reason: Text = "") -> None:
    """Act on a submission: withdraw, disqualify, restore, rescore."""
    require_token(caller)
    _rule(hall, caller, number, act, reason)


@_of_programs.post("/acts")
def do_(
    hall: TheHall, caller: Organizer, act: Text, about: Text = "", value: Text = "", reason: Text = ""
) -> dict[str, str]:
    """Any other act: rescore all, extend, release, withhold, freeze, thaw, announce, invite, link, bar, unbar."""
    require_token(caller)
    return {"link": do(hall, caller, act, about, value, reason)}


router.include_router(_of_programs, include_in_schema=True)
