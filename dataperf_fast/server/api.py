"""The same for programs: JSON in and out, a token in the header, one line in ``error`` where something is wrong."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Body, Depends, Request
from starlette.responses import JSONResponse, Response

from dataperf_fast.server import arrivals, boards, people, results, schema, site, submitting
from dataperf_fast.server.arrivals import Upload
from dataperf_fast.server.callers import AnswerError, Anybody, Caller, Member, Number, Somebody, TheHall, hall_of
from dataperf_fast.server.hall import Hall, part_slug, title_of


def of_contest(request: Request, contest: str) -> None:
    """See that the contest is the one that is served."""
    hall = hall_of(request)
    if contest not in (hall.slug, hall.contest.name):
        raise AnswerError(404, f"there is no contest {contest!r}; expected {hall.slug}")


router = APIRouter(prefix="/api/{contest}", dependencies=[Depends(of_contest)], tags=["contest"])
_FILES = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "kind": {"type": "string", "enum": ["files", "algorithm"]},
                        "method": {"type": "string"},
                        "description": {"type": "string"},
                        "link": {"type": "string"},
                    },
                }
            }
        },
    }
}


def require_token(caller: Caller) -> None:
    """What changes something wants a token: a cookie is for pages."""
    if caller.key is None or caller.key.kind != "token":
        raise AnswerError(401, "send a token: Authorization: Bearer dpf_..")


@router.get("")
def contest_(hall: TheHall) -> dict[str, Any]:
    """The contest: its boards, what they take, what is open and seen."""
    _, standing = hall.decided()
    return {
        "contest": hall.slug, "name": hall.contest.name, "season": hall.contest.season, **results.status_of(standing),
        "boards": [
            {
                "board": part_slug(part), "title": title_of(part), "counts": part.counts,
                "demands": part.demands, "algorithms": bool(part.algorithms),
                "largest_mib": part.largest_submission_mib,
            }
            for part in hall.contest.manifest.boards
        ],
        "pages": sorted(path.stem for path in site.folder_of(hall.contest, site.PUBLIC).glob("*.csv")),
    }  # fmt: skip


@router.get("/pages/{page}.{kind}")
def download(request: Request, hall: TheHall, page: str, kind: str) -> Response:
    """A board's page as json, csv or parquet."""
    if kind not in ("json", "csv", "parquet"):
        raise AnswerError(404, f"there is no {kind!r}; expected json, csv or parquet")
    if kind != "parquet":
        return boards.serve(request, hall, site.PUBLIC, f"{page}.{kind}")
    plain = boards.content(hall, site.PUBLIC, f"{page}.csv")
    return Response(boards.as_parquet(plain), media_type="application/vnd.apache.parquet")


@router.get("/me")
def me(hall: TheHall, caller: Somebody) -> dict[str, Any]:
    """Who asks, and all that is kept of him."""
    assert caller.person is not None
    with hall.database.reading() as connection:
        return people.kept_of(connection, caller.person)


@router.post("/boards/{board}/submissions", status_code=201, openapi_extra=_FILES)
async def hand_in(request: Request, hall: TheHall, caller: Member, board: str) -> Response:
    """Hand in a board's official files, raw or in a zip. 201: taken; 200: the same as before; 422: what is wrong."""
    require_token(caller)
    async with submitting.form_of(request, hall, caller) as given:
        try:
            upload, new = await to_thread.run_sync(
                submitting.handed_in, hall, caller, board, given, limiter=hall.takers
            )
        except submitting.WrongError as error:
            return JSONResponse({"error": error.lines[0], "errors": error.lines}, 422)
    return JSONResponse(_told(hall, upload), 201 if new else 200)


def _told(hall: Hall, upload: Upload) -> dict[str, Any]:
    return arrivals.shown(upload) | {"page": f"{hall.address}/submissions/{upload.id}"}


@router.get("/submissions")
def mine(hall: TheHall, caller: Member) -> list[dict[str, Any]]:
    """What one's team has handed in, the newest first."""
    assert caller.team is not None
    with hall.database.reading() as connection:
        of = schema.uploads.c
        uploads = arrivals.read(connection, of.team == caller.team.id, most=1000)
    return [_told(hall, upload) for upload in uploads]


@router.get("/submissions/{number}")
def submission(hall: TheHall, caller: Somebody, number: Number) -> dict[str, Any]:
    """One of them: its state, scores as far as they are to be seen, its place in line."""
    assert caller.person is not None
    upload = submitting.own_upload(hall, caller, number)
    result = results.of(hall, upload, private=True, organizes=caller.person.organizes)
    line = vars(result.line) if result.line else None
    about = {"state": result.state, "reason": result.reason, "scores": result.scores, "line": line}
    return _told(hall, upload) | about


@router.get("/submissions/{number}/log")
def log(hall: TheHall, caller: Somebody, number: Number) -> list[dict[str, Any]]:
    """What its algorithm has printed, a run a task."""
    upload = submitting.own_upload(hall, caller, number)
    assert caller.person is not None
    return [
        {"set": run.dataset, "task": run.task, "problem": run.problem, "seconds": run.seconds, "log": run.log}
        for run in results.runs_of(hall, upload, caller.person.organizes)
    ]


@router.post("/submissions/{number}/choose", status_code=204)
def choose(hall: TheHall, caller: Member, number: Number) -> None:
    """Let it be the one that counts."""
    require_token(caller)
    submitting.choose_upload(hall, caller, submitting.own_upload(hall, caller, number))


@router.post("/submissions/{number}/withdraw", status_code=204)
def withdraw(
    hall: TheHall, caller: Member, number: Number, reason: Annotated[str, Body(embed=True, max_length=500)] = ""
) -> None:
    """Take it back."""
    require_token(caller)
    submitting.withdraw_upload(hall, caller, submitting.own_upload(hall, caller, number), reason)


@router.get("/announcements")
def announcements(hall: TheHall, _: Anybody) -> list[dict[str, str]]:
    """What organizers have said to all."""
    made, _rules = hall.decided()
    return [vars(one) for one in made.announcements]
