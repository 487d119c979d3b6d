"""Images from an HTTP API of the kind of OpenAI's: ``POST {url}`` with model, prompt, n; base64 in ``data`` comes back.

Failures that pass (time-outs, 408, 429, 5xx) are tried again, as urllib3's ``Retry`` has it; a server's Retry-After is
kept. The key comes from the environment, at the moment of a request, and is nowhere else: in no setting, log or error.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from dataperf_fast.boards.nibbler.generation.common import Generated, GenerationError, kind
from dataperf_fast.files.errors import InputError, install

if TYPE_CHECKING:
    import requests

_TRIED_AGAIN = (408, 429, 500, 502, 503, 504)
_REFUSALS = ("content_policy_violation", "moderation_blocked", "content_filter", "safety")
_HERE = ("localhost", "127.0.0.1", "::1")
_CHUNK = 1 << 16


class HttpSettings(BaseModel):
    """An API: where it is, and what may be asked of it.

    ``key_variable`` names the environment variable with the key; ``price`` is US dollars an image; times are seconds;
    ``patience`` bounds each wait for the server, ``deadline`` the reading of an answer; ``largest`` is its bytes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    model: str = Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+( [\x21-\x7e]+)*$")
    key_variable: str = Field("IMAGE_API_KEY", pattern="^[A-Z_][A-Z0-9_]*$")
    size: str = "1024x1024"
    price: float | None = Field(None, ge=0)
    requests_a_minute: int = Field(30, gt=0)
    retries: int = Field(4, ge=0, le=20)
    backoff: float = Field(1.0, ge=0)
    patience: float = Field(120.0, gt=0)
    deadline: float = Field(600.0, gt=0)
    largest: int = Field(64 << 20, gt=0)


class HttpImages:
    """The API that some settings describe. Use it in a ``with`` block, which closes its connections."""

    def __init__(self, settings: HttpSettings):
        try:
            address = urlsplit(settings.url)
        except ValueError:
            raise InputError("url", "is none", expected="https://host/path") from None
        if address.scheme != "https" and not (address.scheme == "http" and address.hostname in _HERE):
            raise InputError("url", "is", value=f"{address.scheme}://{address.hostname}", expected="https")
        self._settings, self._host = settings, address.hostname or ""
        self._pace = Pace(settings.requests_a_minute)
        self._session = _session(settings, self._pace)
        _key(settings.key_variable)  # or say at once that there is none

    def __enter__(self) -> HttpImages:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    @property
    def model(self) -> str:
        """The model that is asked for."""
        return self._settings.model

    def generate(self, prompt: str, count: int) -> Generated:
        """Ask for ``count`` images; see ``common.ImageSource``. Raises ``InputError`` where there is no key."""
        settings = self._settings
        started = time.perf_counter()
        self._pace.wait()
        asked = {"model": settings.model, "prompt": prompt, "n": count, "size": settings.size}
        status, content = self._ask(asked | {"response_format": "b64_json"})
        answer = self._read(content, status)
        flags = _refusal(answer) if status == 400 else {}
        if status != 200 and not flags:
            raise GenerationError(f"{self._host}: answered with status {status}; expected 200")
        images = () if flags else self._images(answer)
        cost = None if settings.price is None else settings.price * len(images)
        return Generated(images, self._host, settings.model, cost, flags, time.perf_counter() - started)

    def _ask(self, body: dict[str, Any]) -> tuple[int, bytes]:
        """One request with its retries: the status, and the whole content."""
        import requests
        import urllib3

        settings, ends = self._settings, time.monotonic() + self._settings.deadline
        try:
            with self._session.post(
                settings.url, json=body, auth=_key(settings.key_variable), timeout=settings.patience, stream=True,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                content = bytearray()
                while chunk := answer.raw.read1(_CHUNK, decode_content=True):  # what there is: a trickle is seen
                    content += chunk
                    if len(content) > settings.largest:
                        raise GenerationError(f"{self._host}: answered with more than {settings.largest} bytes")
                    if time.monotonic() > ends:
                        raise GenerationError(f"{self._host}: did not end its answer in {settings.deadline:g} s")
                return answer.status_code, bytes(content)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:  # who may quote the request
            raise GenerationError(f"{self._host}: no answer ({type(error).__name__})") from None

    def _read(self, content: bytes, status: int) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            if status == 200:
                raise GenerationError(f"{self._host}: answered with no JSON") from None
            return None

    def _images(self, answer: Any) -> tuple[bytes, ...]:
        try:
            images = tuple(base64.b64decode(item["b64_json"], validate=True) for item in answer["data"])
        except (TypeError, KeyError, binascii.Error, ValueError):
            raise GenerationError(f"{self._host}: answered with no base64 images in data[].b64_json") from None
        if not images or not all(map(kind, images)):
            raise GenerationError(f"{self._host}: answered with no image; expected PNG, JPEG or WebP")
        return images


class Pace:
    """Lets at most so many requests through in any minute, from any number of threads."""

    def __init__(
        self, most: int, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ):  # fmt: skip
        self._times: deque[float] = deque(maxlen=most)
        self._clock, self._sleep, self._lock = clock, sleep, threading.Lock()

    def wait(self) -> None:
        """Wait for the next request's turn."""
        with self._lock:
            if len(self._times) == self._times.maxlen and (left := self._times[0] + 60 - self._clock()) > 0:
                self._sleep(left)
            self._times.append(self._clock())


def _session(settings: HttpSettings, pace: Pace) -> requests.Session:
    try:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry
    except ModuleNotFoundError as error:
        raise InputError("generation", f"needs the package {error.name}", expected=install("generation")) from error

    class Again(Retry):
        """Waits for its turn as a first request does, and for a server no longer than our patience."""

        def sleep(self, response: Any = None) -> None:
            super().sleep(response)
            pace.wait()

        def get_retry_after(self, response: Any) -> float | None:
            wished = super().get_retry_after(response)
            return None if wished is None else min(wished, settings.patience)

    again = Again(
        settings.retries, backoff_factor=settings.backoff, backoff_jitter=settings.backoff, redirect=0,
        status_forcelist=_TRIED_AGAIN, allowed_methods=None, raise_on_status=False,
    )  # fmt: skip
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=again))
    return session


def _key(variable: str) -> Callable[[Any], Any]:
    """Puts the key into a request. A function of its own, or requests would look into the user's .netrc."""
    key = os.environ.get(variable, "")
    if not key or not key.isascii() or not key.isprintable():
        raise InputError(f"${variable}", "holds no key", expected="an API key in this environment variable")

    def put(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {key}"
        return request

    return put


def _refusal(answer: Any) -> dict[str, str | bool]:
    """The flags of a provider that would not make this, empty if it is another complaint."""
    error = answer.get("error") if isinstance(answer, dict) else None
    code = str(error.get("code")) if isinstance(error, dict) else ""
    return {"refused": True, "code": code} if code in _REFUSALS else {}
