"""What pages are told while they are open: that boards have changed, and how scoring goes (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import StreamingResponse

from dataperf_fast.files.errors import InputError
from dataperf_fast.server import states
from dataperf_fast.server.callers import AnswerError
from dataperf_fast.server.hall import Hall

router = APIRouter(include_in_schema=False)
_LOOKS_EVERY, _SAYS_EVERY = 1.0, 20.0  # seconds
_MOST = 1000  # pages that listen to a server


class Teller:
    """Looks at the database once for all who listen, until the server is ``ending``: it waits for open streams."""

    def __init__(self, hall: Hall):
        self.ending: Callable[[], bool] = lambda: False
        self._hall, self._listening = hall, 0
        # An event for each change. A condition's lock is lost where a listener goes while it comes back from waiting.
        self._changed = asyncio.Event()
        self._said: tuple[int, str] = (0, "")
        self._ended = False

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Look, as long as this is open."""
        task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            task.cancel()
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._changed.set()

    async def _look(self) -> None:
        while not self.ending():
            with suppress(SQLAlchemyError, OSError, InputError):  # as of a database that restarts: look again
                said = json.dumps(await to_thread.run_sync(self._state))
                if said != self._said[1]:
                    self._tell(said)
            await asyncio.sleep(_LOOKS_EVERY)
        self._end()

    def _tell(self, said: str) -> None:
        self._said = self._said[0] + 1, said
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _state(self) -> dict[str, Any]:
        self._hall.renew()
        contest = self._hall.contest.name
        with self._hall.database.reading() as connection:
            board = states.read(connection, contest, states.BOARD)
            dispatcher = states.read(connection, contest, states.DISPATCHER)
        return {"boards": board.get("version", 0), "left": sum(dispatcher.get("left", {}).values())}

    async def listen(self) -> AsyncIterator[str]:
        """Events as they come, and a sign of life between them."""
        if self._listening >= _MOST:
            raise AnswerError(503, "too many listen: reload the page now and then")
        return self._events()

    async def _events(self) -> AsyncIterator[str]:
        self._listening += 1
        number = -1
        try:
            while not self._ended:
                if number == self._said[0]:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_SAYS_EVERY):
                            await self._changed.wait()
                changed, number = number != self._said[0], self._said[0]
                yield f"data: {self._said[1]}\n\n" if changed else ": here\n\n"
        finally:
            self._listening -= 1


@router.get("/events")
async def events(request: Request) -> StreamingResponse:
    """The stream."""
    teller: Teller = request.app.state.teller
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(await teller.listen(), media_type="text/event-stream", headers=headers)
