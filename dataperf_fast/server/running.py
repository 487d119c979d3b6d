"""A server as processes: one that answers, and one beside it that scores, which is begun again if it ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from dataperf_fast.contest.run import How
from dataperf_fast.report.terminal import complain
from dataperf_fast.server import app

_PAUSES = 1.0, 60.0  # seconds before a dispatcher that has ended is begun again: at first, and at most
_SILENCE = 15  # seconds in which nothing is asked over a connection
_PATIENCE = 5  # seconds for requests that are on, at the end
_TURN = 0.001  # seconds after which a thread that checks an upload lets another go on: pages wait for several turns


def serve(path: Path, host: str, port: int | None, how: How, proxy: str) -> None:
    """Serve a manifest until the process is told to end; raises ``InputError`` where it cannot be served.

    ``proxy`` is the address of a reverse proxy whose word is taken for where requests come from.
    """
    application = app.create(path)
    address = urlsplit(application.state.hall.address)
    port = port or address.port or 8000
    config = configured(application, host, port, proxy)
    sys.setswitchinterval(_TURN)
    with _dispatching(path, how):
        print(f"serving {application.state.hall.contest.title} at {application.state.hall.address}", file=sys.stderr)
        server = uvicorn.Server(config)
        application.state.teller.ending = lambda: server.should_exit
        server.run()


def configured(application: FastAPI, host: str, port: int, proxy: str) -> uvicorn.Config:
    """How requests are taken, from whoever sends them."""
    return uvicorn.Config(
        application, host=host, port=port, http=_Impatient, ws="none", log_level="warning", access_log=False,
        server_header=False, timeout_keep_alive=_SILENCE, timeout_graceful_shutdown=_PATIENCE,
        proxy_headers=bool(proxy), forwarded_allow_ips=proxy or None, limit_concurrency=2000,
        h11_max_incomplete_event_size=1 << 14,
    )  # fmt: skip


class _Impatient(H11Protocol):
    """A connection over which something is asked, or that is closed: uvicorn waits for ever for the end of a head.

    Neither does it end a request whose answer has been given, and whose body still comes.
    """

    silence: float = _SILENCE

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Look at it from now on."""
        super().connection_made(transport)
        self.loop.call_later(self.silence, self._look, self.cycle)

    def _look(self, before: object) -> None:
        if self.transport.is_closing():
            return
        waits = self.cycle is None or self.cycle.response_complete
        if waits and self.cycle is before:
            self.transport.close()
        else:
            self.loop.call_later(self.silence, self._look, self.cycle if waits else self)


@contextmanager
def _dispatching(path: Path, how: How) -> Iterator[None]:
    """A dispatcher, as long as this is open; it ends with this process, however that ends."""
    words = [
        sys.executable, "-m", "dataperf_fast.server.dispatcher", str(path), how.backend, str(how.jobs or ""),
        how.cluster,
    ]  # fmt: skip
    over = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def keep() -> None:
        pause = _PAUSES[0]
        while not over.is_set():
            began = time.monotonic()
            running[:] = [subprocess.Popen(words, stdin=subprocess.PIPE)]
            status = running[0].wait()
            if over.is_set():
                return
            pause = _PAUSES[0] if time.monotonic() - began > _PAUSES[1] else min(2 * pause, _PAUSES[1])
            complain(f"scoring has ended with status {status}, and is begun again in {pause:.0f} s")
            over.wait(pause)

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        for process in running:
            process.terminate()
        thread.join(_PATIENCE)
