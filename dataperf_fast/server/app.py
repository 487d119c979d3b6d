"""The application: its layers, its rooms' routes, and how what goes wrong is told."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

import dataperf_fast
from dataperf_fast.files.errors import InputError
from dataperf_fast.server import account, api, boards, dynabench, live, organizing, pages, security, submitting
from dataperf_fast.server.callers import AnswerError, caller_of
from dataperf_fast.server.hall import Hall

_ROOM_FOR_A_FORM = 1 << 20  # bytes beside the files
_TAKE_FILES = re.compile("/hand-in/[^/]+|/api/[^/]+/boards/[^/]+/submissions")


def create(path: Path) -> FastAPI:
    """The application that serves a manifest; raises ``InputError`` where that cannot be served."""
    hall = Hall(path)
    teller = live.Teller(hall)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with teller.telling():
            yield
        hall.database.close()

    app = FastAPI(
        title=hall.contest.title, version=dataperf_fast.__version__, openapi_url="/api/openapi.json", docs_url=None,
        redoc_url=None, lifespan=lifespan,
    )  # fmt: skip
    app.state.hall, app.state.teller = hall, teller
    for room in (account, api, dynabench, live, organizing, submitting, boards):  # boards: any other name
        app.include_router(room.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")))
    largest = max(part.largest_submission_mib for part in hall.contest.manifest.boards) << 20

    def most(of: str) -> int:
        return largest + _ROOM_FOR_A_FORM if _TAKE_FILES.fullmatch(of) else security.SMALL

    app.add_exception_handler(AnswerError, _answer)
    app.add_exception_handler(InputError, _refused)
    app.add_exception_handler(security.BodyTooLargeError, _too_large)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _of_the_framework)
    app.add_exception_handler(IntegrityError, _too_late)
    app.add_exception_handler(ClientDisconnect, _cut_off)
    app.add_middleware(security.Guard, address=hall.address, most=most)
    return app


def _told(request: Request, status: int, line: str, headers: dict[str, str] | None = None) -> Response:
    """A line as a page, or to programs as JSON."""
    if request.url.path.startswith(("/api/", "/dynabench/", "/events")):
        return JSONResponse({"error": line}, status, headers)
    try:
        caller = caller_of(request)
    except AnswerError:
        return JSONResponse({"error": line}, status, headers)
    return pages.show(request, caller, "told.html", status, headers, line=line, code=status)


def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnswerError)
    if error.log_in and request.method == "GET" and not request.url.path.startswith(("/api/", "/events")):
        return RedirectResponse(f"/login?next={quote(request.url.path)}", 303)
    headers = {"Retry-After": f"{error.seconds:.0f}"} if error.seconds else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _told(request, error.status, error.line, headers)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, InputError)
    return _told(request, 422, error.line)


def _too_large(request: Request, _: Exception) -> Response:
    return _told(request, 413, "the body is larger than what is taken here")


def _cut_off(request: Request, _: Exception) -> Response:
    return _told(request, 408, "the body has not come to its end")


def _too_late(request: Request, _: Exception) -> Response:
    """Two have asked for one thing at once, which a database that is a server finds out at the end."""
    return _told(request, 409, "somebody was first: try again")


def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return _told(request, 422, f"{place}: {first['msg']}")


def _of_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, security.BodyTooLargeError):  # FastAPI takes it for a body that cannot be read
        return _too_large(request, error)
    if isinstance(error.__cause__, ClientDisconnect):
        return _cut_off(request, error)
    line = "there is nothing here" if error.status_code == 404 else str(error.detail)
    return _told(request, error.status_code, line, dict(error.headers or {}))
