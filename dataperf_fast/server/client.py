"""A contest server from a terminal or a job: what its API says, as Python objects, and errors in a line."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2

from dataperf_fast.files.debris import is_debris
from dataperf_fast.files.errors import InputError

TOKEN = "DATAPERF_FAST_TOKEN"
_PATIENCE = httpx2.Timeout(120.0, connect=10.0)
_PAUSES = 1.0, 2.0, 4.0, 8.0, 16.0, 30.0  # seconds between tries while a server is away, or busy
_BUSY = (429, 502, 503, 504)
_LOOKS_EVERY = 1.0


class RefusedError(Exception):
    """The server does not take something; ``lines`` say why. ``broken``: files are, and not the moment."""

    def __init__(self, lines: Sequence[str], broken: bool):
        super().__init__("\n".join(lines))
        self.lines, self.broken = list(lines), broken


class Client:
    """A contest on a server, as somebody with a token.

    Args:
        url: the server's address.
        contest: the contest's name, or what its addresses call it.
        token: of the page of one's account; that of the environment (``DATAPERF_FAST_TOKEN``) by default.

    Example:
        >>> Client("https://contest.example.org", "spring-2026").board("debugging")[0]["submission"]  # doctest: +SKIP
        'anna'
    """

    def __init__(self, url: str, contest: str, token: str | None = None):
        token = os.environ.get(TOKEN, "") if token is None else token
        self.named, self.contest = url, contest
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(base_url=url.rstrip("/"), headers=headers, timeout=_PATIENCE)
        self._slug = contest

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def about(self) -> dict[str, Any]:
        """The contest: its boards, what is open and seen."""
        found: dict[str, Any] = self._get("")
        return found

    def submit(
        self, board: str, files: Sequence[Path], about: dict[str, str], kind: str = "files"
    ) -> tuple[dict[str, Any], bool]:
        """Hand in files, or what lies in one folder; returns the submission, and whether it is new.

        A server that is away is asked again: the same files are never taken twice. Raises ``RefusedError``.
        """
        found = self._tried(lambda: self._post(board, files, about, kind))
        return found.json(), found.status_code == httpx2.codes.CREATED

    def _post(self, board: str, files: Sequence[Path], about: dict[str, str], kind: str) -> httpx2.Response:
        with ExitStack() as opened:
            parts = [("files", (name, opened.enter_context(path.open("rb")))) for name, path in named(files)]
            return self._http.post(
                f"/api/{self._slug}/boards/{board}/submissions", data={**about, "kind": kind}, files=parts
            )

    def submissions(self) -> list[dict[str, Any]]:
        """What one's team has handed in, the newest first."""
        found: list[dict[str, Any]] = self._get("/submissions")
        return found

    def submission(self, number: int) -> dict[str, Any]:
        """One of them."""
        found: dict[str, Any] = self._get(f"/submissions/{number}")
        return found

    def wait(self, number: int, told: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Wait until a submission has its scores; ``told`` how it stands meanwhile."""
        while (found := self.submission(number))["state"] == "waiting":
            told(found)
            time.sleep(_LOOKS_EVERY)
        return found

    def board(self, page: str) -> list[dict[str, Any]]:
        """A board's entries, as its page shows them."""
        entries: list[dict[str, Any]] = self._get(f"/pages/{page}.json")["entries"]
        return entries

    def _get(self, path: str) -> Any:
        return self._tried(lambda: self._http.get(f"/api/{self._slug}{path}")).json()

    def _tried(self, ask: Callable[[], httpx2.Response]) -> httpx2.Response:
        """Ask until there is an answer; raises ``InputError`` where there is no server, ``RefusedError`` for a no."""
        problem = ""
        for pause in (*_PAUSES, None):
            try:
                answer = ask()
                if answer.status_code not in _BUSY:
                    return self._checked(answer)
                problem = f"answers {answer.status_code}"
            except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
                raise InputError("URL", "is", value=self.named, expected="https://HOST") from error
            except httpx2.TransportError as error:
                problem = f"cannot be reached ({type(error).__name__})"
            if pause is not None:
                time.sleep(pause)
        raise InputError(self.named, problem, expected="a contest server that runs")

    def _checked(self, answer: httpx2.Response) -> httpx2.Response:
        if answer.is_success:
            return answer
        try:
            said = answer.json()
            lines = said.get("errors") or [said["error"]]
        except (ValueError, KeyError, AttributeError):
            lines = [f"answers {answer.status_code}, and is no contest server"]
        if answer.status_code == httpx2.codes.UNAUTHORIZED:
            lines = [f"{line}; {TOKEN} holds it" for line in lines]
        raise RefusedError(lines, answer.status_code == httpx2.codes.UNPROCESSABLE_ENTITY)


def named(files: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """The files to send with their names; of a folder those in it, as long as none lies deeper."""
    for path in files:
        if path.is_dir():
            inside = [one for one in sorted(path.iterdir()) if not is_debris(one.name)]
            if deeper := next((one for one in inside if one.is_dir()), None):
                raise InputError(deeper, "is a folder in the folder", expected="files, or a zip of it all")
            yield from ((one.name, one) for one in inside)
        elif path.is_file():
            yield path.name, path
        else:
            raise InputError(path, "no such file or folder", expected="what is handed in")
