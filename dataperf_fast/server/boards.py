"""The boards' pages and downloads: what the dispatcher wrote, as it lies there, and for organizers the whole."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import mimetypes
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from dataperf_fast.report import leaderboard
from dataperf_fast.server import arrivals, pages, results, schema, site
from dataperf_fast.server.arrivals import Upload
from dataperf_fast.server.callers import AnswerError, Anybody, Organizer, TheHall
from dataperf_fast.server.hall import Hall

router = APIRouter(include_in_schema=False)
_NAME = re.compile(r"[a-z0-9-]+\.(?:html|csv|json|css|js)")
_KEPT = 64  # files, in a server's memory


class _File(NamedTuple):
    content: bytes
    packed: bytes
    tag: str


@lru_cache(maxsize=_KEPT)
def _file(path: Path, _: int) -> _File:
    content = path.read_bytes()
    return _File(content, gzip.compress(content, 5), f'"{hashlib.sha256(content).hexdigest()[:24]}"')


def _of(hall: Hall, whose: str, name: str) -> _File:
    path = site.folder_of(hall.contest, whose) / name
    if not _NAME.fullmatch(name):
        raise AnswerError(404, "there is nothing here")
    try:
        return _file(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise AnswerError(404, "there is nothing here, or not yet") from error


def content(hall: Hall, whose: str, name: str) -> bytes:
    """A file of the boards', as it lies there."""
    return _of(hall, whose, name).content


def serve(request: Request, hall: Hall, whose: str, name: str) -> Response:
    """The same as an answer, packed where that is understood, or that nothing has changed."""
    file = _of(hall, whose, name)
    kept = "no-cache" if whose == site.PUBLIC else "private, no-store"
    headers = {"ETag": file.tag, "Vary": "Accept-Encoding", "Cache-Control": kept}
    if request.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, media_type=kind, headers=headers | {"Content-Encoding": "gzip"})
    return Response(file.content, media_type=kind, headers=headers)


@lru_cache(maxsize=_KEPT)
def as_parquet(content: bytes) -> bytes:
    """A board's csv as parquet, columns by what they hold."""
    import pyarrow.csv
    import pyarrow.parquet

    table, out = pyarrow.csv.read_csv(io.BytesIO(content)), io.BytesIO()
    pyarrow.parquet.write_table(table, out)
    return out.getvalue()


@router.get("/")
def index(request: Request, hall: TheHall) -> Response:
    """The boards."""
    return serve(request, hall, site.PUBLIC, "index.html")


@router.get("/organizer/boards/{name}")
def private(request: Request, hall: TheHall, _: Organizer, name: str) -> Response:
    """A page with all scores, before they are released."""
    released = not site.folder_of(hall.contest, site.PRIVATE).exists()
    return serve(request, hall, site.PUBLIC if released else site.PRIVATE, name)


@router.get("/entries/{board}/{team}")
def entry(request: Request, hall: TheHall, caller: Anybody, board: str, team: str) -> Response:
    """A team's entry on a board's page, as anybody sees it: its place, what it says of its method, curves and parts."""
    shown = json.loads(content(hall, site.PUBLIC, f"{board}.json"))
    found = next((one for one in shown["entries"] if (one["submission"], one["kind"]) == (team, "submission")), None)
    which = json.loads(site.counting(hall.contest).read_bytes()).get(board, {}).get(team)
    if found is None or which is None:
        raise AnswerError(404, "there is no such entry")
    upload = _upload(hall, which.removesuffix(" (algorithm)"))
    settings = results.of(hall, upload, private=False, organizes=False).settings if upload else []
    plots = "".join(leaderboard.articles(setting) for setting in settings if setting.slug == board)
    return pages.show(
        request, caller, "entry.html", board=board, shown=shown, entry=found, upload=upload, plots=Markup(plots)
    )


def _upload(hall: Hall, submission: str) -> Upload | None:
    """What was handed in by that name, if the server has taken it."""
    of = schema.uploads.c
    here = of.contest == hall.contest.name, of.season == hall.contest.season, of.submission == submission
    with hall.database.reading() as connection:
        return next(iter(arrivals.read(connection, *here)), None)


@router.get("/{name}")
def page(request: Request, hall: TheHall, name: str) -> Response:
    """A board's page, or a file of it."""
    return serve(request, hall, site.PUBLIC, name)
