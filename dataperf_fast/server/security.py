"""What every request and answer goes through, whatever it is for: headers, hosts, sizes, patience, other sites."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_SAFE = ("GET", "HEAD", "OPTIONS")
_UTF8 = re.compile(r'[^;]*;\s*(?:boundary=[^;]*;\s*)?charset="?utf-?8"?\s*(?:;\s*boundary=.*)?')
SMALL = 1 << 16  # bytes of a form without files
_GRACE, _SLOWEST = 15.0, 1 << 14  # seconds, and bytes a second after them


class BodyTooLargeError(Exception):
    """A body is larger than what is taken there."""


class Guard:
    """The outermost layer. ``most`` gives how many bytes a path takes."""

    def __init__(self, app: ASGIApp, address: str, most: Callable[[str], int], patience: float = _GRACE):
        self._app, self._most, self._patience = app, most, patience
        parts = urlsplit(address)
        self._secure, self._host = parts.scheme == "https", parts.netloc.lower()
        self._origin = f"{parts.scheme}://{parts.netloc}".lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse before anything else sees it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most = self._most(scope["path"])
        answer: ASGIApp = self._app
        if problem := self._problem(scope, headers, most):
            answer = PlainTextResponse(problem[1] + "\n", status_code=problem[0])
        body = _Body(receive, most, self._patience)
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                found = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    found.setdefault(name, value)
                found.setdefault("Cache-Control", "no-store")
                if self._secure:
                    found.setdefault("Strict-Transport-Security", "max-age=31536000")
                if body.left_unread:
                    found["Connection"] = "close"
            await send(message)

        try:
            await answer(scope, body, guarded)
        except Exception:  # ours: the log has the traceback, whoever asked has not, and his answer has all headers
            if not begun:
                failed = JSONResponse({"error": "failed, which is the organizers' to mend"}, 500)
                await failed(scope, body, guarded)
            raise

    def _problem(self, scope: Scope, headers: Headers, most: int) -> tuple[int, str] | None:
        if not scope["path"].startswith("/"):  # as proxies are asked, from which no address of a page can be made
            return 400, "expected a path of this server"
        host = headers.getlist("host")
        if len(host) != 1 or host[0].lower() != self._host:
            return 421, "this server is not called so"
        if problem := _problem_of_body(headers, most):
            return problem
        if scope["method"] not in _SAFE and not headers.get("authorization") and not self._is_ours(headers):
            return 403, "refused: the request comes from another site"
        return None

    def _is_ours(self, headers: Headers) -> bool:
        """Whether a page of ours has sent it; what carries a token in a header, no other site can have made."""
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site")
        if origin is not None and origin.lower() != self._origin:
            return False
        return site in ("same-origin", "none") if site is not None else origin is not None


def _problem_of_body(headers: Headers, most: int) -> tuple[int, str] | None:
    length = headers.get("content-length")
    if length is not None and not re.fullmatch("[0-9]{1,15}", length):
        return 400, "Content-Length is no number"
    if length is not None and int(length) > most:
        return 413, f"too large: at most {most} bytes are taken here"
    kind = headers.get("content-type", "").lower()
    if "charset" in kind and not _UTF8.fullmatch(kind):  # some take hours to decode, others give what is no text
        return 415, "expected UTF-8"
    return None


class _Body:
    """A body that is counted and hurried while it is read."""

    def __init__(self, receive: Receive, most: int, patience: float):
        self._receive, self._most, self._patience = receive, most, patience
        self._began, self._read = 0.0, 0
        self.left_unread = False

    async def __call__(self) -> Message:
        self._began = self._began or time.monotonic()
        allowed = self._patience + self._read / _SLOWEST - (time.monotonic() - self._began)
        try:
            message = await asyncio.wait_for(self._receive(), max(allowed, 0.001))
        except TimeoutError:
            self.left_unread = True
            return {"type": "http.disconnect"}
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            if not message.get("more_body", False):
                self._patience = float("inf")  # what comes next is that the other side goes, in its own time
        if self._read > self._most:
            self.left_unread = True
            raise BodyTooLargeError
        return message


def bearer(authorization: str | None) -> str:
    """The token of a header, or nothing."""
    kind, _, token = (authorization or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def cookie_name(secure: bool) -> str:
    """A session's: behind TLS one that no other host and no plain page can set."""
    return "__Host-dataperf" if secure else "dataperf"


def cookie_options(secure: bool) -> dict[str, Any]:
    """How a session's cookie is set."""
    return {"httponly": True, "secure": secure, "samesite": "lax", "path": "/"}
