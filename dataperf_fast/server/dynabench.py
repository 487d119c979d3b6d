"""The scorer that Dynabench's upload calls: a JSON submission in, a score out; that platform keeps the rest."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from dataperf_fast import boards
from dataperf_fast.contest import batches
from dataperf_fast.contest.batches import Batch
from dataperf_fast.contest.manifest import ContestBoard
from dataperf_fast.engine import backend as backends
from dataperf_fast.files.set_folders import OfSet
from dataperf_fast.server import formats
from dataperf_fast.server.api import require_token
from dataperf_fast.server.callers import AnswerError, Organizer, TheHall
from dataperf_fast.server.hall import Hall

router = APIRouter(prefix="/dynabench", tags=["dynabench"])


@router.post("/{board}")
async def score(
    request: Request, hall: TheHall, caller: Organizer, board: str,
    file: Annotated[str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")] = "submission.json", bare: bool = False,
) -> Response:  # fmt: skip
    """Score a board's JSON submission, which is kept nowhere: ``{"score": x}``, or ``x`` alone where ``bare``."""
    require_token(caller)
    part = hall.part(board)
    if part is None:
        raise AnswerError(404, "there is no such board")
    body = await request.body()
    found = await to_thread.run_sync(_score, hall, part, file, body)
    return JSONResponse(found if bare else {"score": found})


def _score(hall: Hall, part: ContestBoard, file: str, body: bytes) -> float:
    board = boards.load(part.board)
    version = board.version_on(part.model, backends.choose("auto"))
    sets = [tasks for tasks in part.tasks if tasks.hidden] or part.tasks
    values: list[Any] = []
    with tempfile.TemporaryDirectory(prefix="dataperf-fast-") as place, hall.checks:
        folder = Path(place) / "submission"
        folder.mkdir()
        (folder / file).write_bytes(body)
        if lines := formats.problems(hall.contest, part, folder, algorithm=False):
            raise AnswerError(422, lines[0])
        for tasks in sets:
            batch = Batch(part.board, part.model, OfSet(tasks.name, part.names_of_sets), tasks.data, (folder,), version)
            records = batches.score(batch)[folder]
            if wrong := next((record for record in records if record.status != "ok"), None):
                raise AnswerError(422, formats.own(wrong.error or "", folder))
            values += [record.score for record in records]
    return float(mean(values))
