"""Handing in by forms, and a team's own pages: what it has handed in, what came of each, which one counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, BinaryIO

from anyio import to_thread
from fastapi import APIRouter, Form, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from dataperf_fast.contest import decisions
from dataperf_fast.contest.manifest import ContestBoard
from dataperf_fast.contest.rules import Field_, Standing
from dataperf_fast.files.errors import InputError
from dataperf_fast.server import arrivals, formats, keys, pages, people, results, schema
from dataperf_fast.server.arrivals import About, Upload
from dataperf_fast.server.callers import AnswerError, Anybody, Caller, Member, Number, Somebody, TheHall, require_form
from dataperf_fast.server.hall import Hall, part_slug

router = APIRouter(include_in_schema=False)
Given = Annotated[str, Form(max_length=2000)]
_MOST_FILES, _MOST_FIELDS = 1000, 20
_SHOWN = 200  # of a team's uploads


@router.get("/rules")
def rules_page(request: Request, hall: TheHall, caller: Anybody) -> Response:
    """When what is open, how much is taken, what counts and what is seen."""
    return pages.show(request, caller, "rules.html", parts=hall.contest.manifest.boards)


@router.get("/mine")
def mine(request: Request, hall: TheHall, caller: Somebody) -> Response:
    """A team's page."""
    return _mine(request, hall, caller)


def _mine(request: Request, hall: Hall, caller: Caller, link: str = "") -> Response:
    members, uploads = [], []
    if caller.team is not None:
        with hall.database.reading() as connection:
            members = people.members_of(connection, caller.team.id)
            of = schema.uploads.c
            uploads = arrivals.read(connection, of.team == caller.team.id, most=_SHOWN)
    made, _ = hall.decided()
    return pages.show(
        request, caller, "mine.html", members=members, uploads=uploads, parts=hall.contest.manifest.boards,
        rulings=made.rulings, chosen=made.chosen, link=link,
    )  # fmt: skip


@router.post("/team/link")
def team_link(request: Request, hall: TheHall, caller: Member, form_key: Given = "") -> Response:
    """An invitation to one's team, shown this once."""
    require_form(caller, form_key)
    assert caller.person is not None
    assert caller.team is not None
    with hall.database.writing() as connection:
        key = keys.make(connection, "invitation", caller.person.id, caller.team.id)  # ends with its maker
    return _mine(request, hall, caller, f"{hall.address}/join?key={key}")


@router.get("/hand-in/{board}")
def form(request: Request, hall: TheHall, caller: Member, board: str) -> Response:
    """The form of a board."""
    return _form(request, hall, caller, board, [], About())


def _form(
    request: Request, hall: Hall, caller: Caller, board: str, wrong: list[str], about: About, status: int = 200
) -> Response:
    part = hall.part(board)
    if part is None or caller.team is None:
        raise AnswerError(404, "there is no such board")
    _, standing = hall.decided()
    with hall.database.reading() as connection:
        closed = arrivals.refused(connection, hall.contest, part, caller.team, standing)
    return pages.show(request, caller, "hand_in.html", status, part=part, closed=closed, wrong=wrong, about=about)


@router.post("/hand-in/{board}")
async def hand_in(request: Request, hall: TheHall, caller: Member, board: str) -> Response:
    """Take what a form holds, or show it again with what is wrong."""
    async with form_of(request, hall, caller) as given:
        require_form(caller, str(given.get("form_key", "")))
        about = about_of(given)
        try:
            upload, _ = await to_thread.run_sync(handed_in, hall, caller, board, given, limiter=hall.takers)
        except WrongError as error:
            lines = error.lines
            return await to_thread.run_sync(_form, request, hall, caller, board, lines, about, 422)
    return RedirectResponse(f"/submissions/{upload.id}", 303)


@asynccontextmanager
async def form_of(request: Request, hall: Hall, caller: Caller) -> AsyncIterator[FormData]:
    """An upload's form, one at a time a team from its first byte on: others would fill the disk meanwhile."""
    assert caller.team is not None
    team = caller.team.id
    if team in hall.checking:
        raise AnswerError(429, "another upload of your team is being checked: wait for its answer", seconds=2)
    hall.checking.add(team)
    try:
        async with request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS) as given:
            yield given
    finally:
        hall.checking.discard(team)


class WrongError(Exception):
    """What is handed in is not taken; ``lines`` say why."""

    def __init__(self, lines: list[str]):
        super().__init__("\n".join(lines))
        self.lines = lines


def about_of(given: FormData) -> About:
    """What a form says of a method."""
    return About(
        " ".join(str(given.get("method", "")).split())[:120], str(given.get("description", "")).strip()[:5000],
        str(given.get("link", "")).strip()[:500],
    )  # fmt: skip


def handed_in(hall: Hall, caller: Caller, board: str, given: FormData) -> tuple[Upload, bool]:
    """Stage, check and take what a form or a program hands in; returns it, and whether it is new.

    Raises ``WrongError`` with a line for each thing that is wrong, and ``AnswerError`` for a board that is none.
    """
    part, team, person = hall.part(board), caller.team, caller.person
    if part is None or team is None or person is None:
        known = ", ".join(map(part_slug, hall.contest.manifest.boards))
        raise AnswerError(404, f"there is no board {board!r}; expected one of {known}")
    about, algorithm = about_of(given), given.get("kind") == "algorithm"
    _, standing = hall.decided()
    lines = _lacking(about, part.demands)
    if standing.closed:
        raise AnswerError(403, f"{board} takes nothing now: {standing.closed}")
    files = [(file.filename or "", file.file) for file in given.getlist("files") if isinstance(file, UploadFile)]
    if lines:
        raise WrongError(lines)
    try:
        return _taken(hall, caller, part, about, algorithm, files, standing)
    except arrivals.NotNowError as error:
        raise AnswerError(409, error.line) from error
    except InputError as error:
        raise WrongError([error.line]) from error


def _taken(
    hall: Hall,
    caller: Caller,
    part: ContestBoard,
    about: About,
    algorithm: bool,
    files: list[tuple[str, BinaryIO]],
    standing: Standing,
) -> tuple[Upload, bool]:
    assert caller.team is not None
    assert caller.person is not None
    staged = arrivals.stage(part, algorithm, files)
    try:
        digest = arrivals.digest_of(staged, part, algorithm)
        with hall.database.reading() as connection:
            known = arrivals.same(connection, hall.contest, part, caller.team, digest)
            if not known:
                arrivals.require_taking(connection, hall.contest, part, caller.team, standing)
        if known:
            arrivals.discard(staged)
            return known, False
        with hall.checks:
            if lines := formats.problems(hall.contest, part, staged / "handed in", algorithm):
                raise WrongError(lines)
        with hall.database.writing() as connection:
            upload, new = arrivals.take(
                connection, hall.contest, part, caller.team, caller.person, about, standing, staged, digest, algorithm
            )
    except BaseException:
        arrivals.discard(staged)
        raise
    if not new:
        arrivals.discard(staged)
    arrivals.put_in_place(part, upload)
    with hall.database.writing() as connection:
        arrivals.placed(connection, upload)
    return upload, new


def _lacking(about: About, demands: Sequence[Field_]) -> list[str]:
    lines = [
        InputError(field, "is not given", expected="a word, which this board wants to be told").line
        for field in demands
        if not getattr(about, field)
    ]
    if about.link and not about.link.startswith(("https://", "http://")):
        lines.append(InputError("link", "is", value=about.link, expected="an address, https://..").line)
    return lines


def upload_of(hall: Hall, number: int) -> Upload:
    """An upload of the contest, by its number."""
    of = schema.uploads.c
    with hall.database.reading() as connection:
        found = arrivals.read(connection, of.id == number, of.contest == hall.contest.name)
    if not found:
        raise AnswerError(404, "there is nothing here")
    return found[0]


def own_upload(hall: Hall, caller: Caller, number: int) -> Upload:
    """The same, for its team and for organizers; to others it is not there."""
    upload = upload_of(hall, number)
    if not caller.may_see(upload):
        raise AnswerError(404, "there is nothing here")
    return upload


@router.get("/submissions/{number}")
def submission(request: Request, hall: TheHall, caller: Somebody, number: Number) -> Response:
    """What came of an upload."""
    upload = own_upload(hall, caller, number)
    assert caller.person is not None
    result = results.of(hall, upload, private=True, organizes=caller.person.organizes)
    part = hall.contest.part_of(upload.board, upload.model)
    return pages.show(request, caller, "submission.html", upload=upload, result=result, part=part)


@router.post("/submissions/{number}/choose")
def choose(hall: TheHall, caller: Member, number: Number, form_key: Given = "") -> Response:
    """Let it be the one that counts."""
    require_form(caller, form_key)
    choose_upload(hall, caller, own_upload(hall, caller, number))
    return RedirectResponse(f"/submissions/{number}", 303)


def choose_upload(hall: Hall, caller: Caller, upload: Upload) -> None:
    """The same, for forms and programs: while the phases last."""
    part, (_, standing) = hall.contest.part_of(upload.board, upload.model), hall.decided()
    if part is None or part.counts != "chosen":
        raise AnswerError(409, "which submission counts is not chosen on this board")
    if standing.closed:
        raise AnswerError(409, f"it is too late to choose: {standing.closed}")
    assert caller.person is not None
    team = upload.submission.rpartition("/")[0]
    decisions.choose(hall.contest, hall.database.store, upload.place, team, caller.person.name)


@router.post("/submissions/{number}/withdraw")
def withdraw(hall: TheHall, caller: Member, number: Number, form_key: Given = "", reason: Given = "") -> Response:
    """Take it back."""
    require_form(caller, form_key)
    withdraw_upload(hall, caller, own_upload(hall, caller, number), reason)
    return RedirectResponse(f"/submissions/{number}", 303)


def withdraw_upload(hall: Hall, caller: Caller, upload: Upload, reason: str) -> None:
    """The same, for forms and programs."""
    assert caller.person is not None
    if upload.place in hall.database.decided(hall.contest).rulings:
        raise AnswerError(409, "it stands no more already")
    by, why = caller.person.name, reason or "by its team"
    decisions.rule(hall.contest, hall.database.store, upload.place, "withdraw", by, why)


@router.get("/submissions/{number}/log")
def log(hall: TheHall, caller: Somebody, number: Number) -> Response:
    """What its algorithm has printed."""
    upload = own_upload(hall, caller, number)
    assert caller.person is not None
    runs = results.runs_of(hall, upload, caller.person.organizes)
    text = "".join(f"== {run.dataset} / {run.task}: {run.problem or 'answered'}\n{run.log}\n" for run in runs)
    return Response(text, media_type="text/plain; charset=utf-8")
