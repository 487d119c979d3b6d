"""Strangers at the socket of a real server: bodies, heads and names of hosts that no browser sends."""

from __future__ import annotations

import re
import socket
import threading
import time

import pytest
import uvicorn

from dataperf_fast.server import running, security
from tests.server import servers
from tests.server.servers import ADDRESS, BOARD, PASSWORD, served

HOST = "Host: contest.test\r\n"
FORM = f"{HOST}Origin: {ADDRESS}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
API = f"/api/spring/boards/{BOARD}/submissions"
HURRY = 1.0


class Wire:
    """A server that listens, and what it says to bytes."""

    def __init__(self, server, port: int, header: str):
        self.server, self.port, self.header = server, port, header

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def __call__(self, sent: str | bytes, *more: bytes, shut: bool = False) -> str:
        """All that is answered until the other side closes, or for a moment after the last byte."""
        with self.connected() as line:
            for piece in (sent if isinstance(sent, bytes) else sent.encode("latin-1"), *more):
                line.sendall(piece)
            if shut:
                line.shutdown(socket.SHUT_WR)
            return read(line)


def read(line: socket.socket) -> str:
    found = b""
    try:
        while block := line.recv(1 << 16):
            found += block
    except ConnectionResetError:
        pass
    return found.decode("latin-1")


def closed_on(line: socket.socket) -> bool:
    """Whether the other side ends a connection over which a byte comes now and then."""
    for _ in range(100):
        time.sleep(HURRY / 5)
        try:
            line.sendall(b"x")
        except OSError:
            return True
    return False


def status(answer: str) -> int:
    return int(answer.split(" ", 2)[1]) if answer else 0


@pytest.fixture(scope="module")
def wire(tmp_path_factory):
    """One server for all of them, in a hurry."""
    with pytest.MonkeyPatch.context() as patch, served(servers.contest(tmp_path_factory.mktemp("wire"))) as server:
        header = "Authorization: " + server.visitor("anna").with_token()["Authorization"] + "\r\n"
        patch.setattr(running._Impatient, "silence", HURRY)
        patch.setattr(security.Guard.__init__, "__defaults__", (HURRY,))
        server.app.middleware_stack = None  # made again, with that patience
        config = running.configured(server.app, "127.0.0.1", 0, "")
        config.timeout_keep_alive = HURRY
        listening = uvicorn.Server(config)
        thread = threading.Thread(target=listening.run, daemon=True)
        thread.start()
        while not listening.started:
            time.sleep(0.01)
        yield Wire(server, listening.servers[0].sockets[0].getsockname()[1], header)
        listening.should_exit = True
        thread.join(20)


def post(path: str, head: str, body: str = "") -> str:
    return f"POST {path} HTTP/1.1\r\n{FORM}{head}Connection: close\r\n\r\n{body}"


def test_bodies_that_lie(wire):
    assert status(wire(post("/login", "Content-Length: 3\r\n", "email=a&password=b"))) in (400, 403)
    assert status(wire(post("/login", "Content-Length: 500\r\n", "email=a"), shut=True)) in (0, 400, 408)
    assert status(wire(post("/login", "Content-Length: 99999999\r\n", "email=a"))) == 413
    for length in ("-1", "1e3", "0x10", "+5", "9" * 30, "5, 6"):
        assert status(wire(post("/login", f"Content-Length: {length}\r\n", "email=a"))) in (400, 413), length
    assert status(wire(post("/login", "Content-Length: 5\r\nContent-Length: 7\r\n", "email=a"))) == 400
    chunks = [b"10000\r\n" + b"a" * 65536 + b"\r\n"] * 3
    assert status(wire(post("/login", "Transfer-Encoding: chunked\r\n"), *chunks, b"0\r\n\r\n")) == 413
    assert status(wire(post("/login", "Transfer-Encoding: chunked\r\n", "7\r\nemail=a\r\n0\r\n\r\n"))) == 403
    assert status(wire(post("/login", "Transfer-Encoding: chunked\r\n", "zz\r\nemail=a"))) == 400


def test_nobody_reads_what_strangers_send(wire):
    """Neither to forms of files nor to programs' paths, before it is known who asks."""
    for path in (f"/hand-in/{BOARD}", API):
        began = time.monotonic()
        answer = wire(post(path, "Content-Length: 60000000\r\n"))
        assert (status(answer), time.monotonic() - began < 10) == (401, True)
    for path in ("/api/spring/submissions/1/withdraw", "/api/spring/organizer/acts", f"/dynabench/{BOARD}"):
        bad = "Authorization: Bearer dpf_none\r\nContent-Length: 60000000\r\n"
        assert status(wire(post(path, bad))) == 413


def test_who_dawdles_is_cut_off(wire):
    anna = wire.header + "Content-Length: 1000\r\n"
    began = time.monotonic()
    answers = [wire(post(API, anna, "files")), wire(post("/login", "Content-Length: 500\r\n", "email=a"))]
    assert [status(answer) for answer in answers] == [408, 408]
    for head in ("", "GET / HTTP/1.1\r\n", f"GET / HTTP/1.1\r\n{HOST}X: y"):
        assert wire(head) == ""
    with wire.connected() as line:  # a byte now and then is no sign of life
        line.sendall(b"GET / HTTP/1.1\r\n")
        assert closed_on(line)
    assert time.monotonic() - began < 40
    assert wire.server.hall.checking == set()
    answer = wire(f"GET /rules HTTP/1.1\r\n{HOST}\r\n")  # and one that stays open after its answer
    assert status(answer) == 200


def test_a_body_that_comes_after_its_answer_is_not_waited_for(wire):
    with wire.connected() as line:
        line.sendall(f"POST {API} HTTP/1.1\r\n{FORM}Content-Length: 60000000\r\n\r\n".encode())
        assert status(line.recv(1 << 16).decode()) == 401
        assert closed_on(line)


def test_one_upload_at_a_time_from_its_first_byte(wire):
    sent, answers = wire.header + "Content-Length: 1000\r\n", []
    deadline = time.monotonic() + 30
    while 429 not in answers and time.monotonic() < deadline:
        with wire.connected() as line:  # the first waits for the rest of its body, a second at most
            line.sendall(post(API, sent, "method=a").encode())
            answers.append(status(wire(post(API, sent, "x" * 1000))))
            line.sendall(b"x" * 992)
            read(line)
    assert answers[-1] == 429


HEADS = {
    "GET / HTTP/1.1\r\nHost: evil.example\r\n": {421},
    "GET / HTTP/1.1\r\nHost: contest.test.evil.example\r\n": {421},
    "GET / HTTP/1.1\r\nHost: contest.test\r\nHost: evil.example\r\n": {400, 421},
    "GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: contest.test\r\n": {421},
    "GET / HTTP/1.1\r\n": {400, 421},
    "GET / HTTP/1.0\r\n": {421},
    f"GET http://evil.example/ HTTP/1.1\r\n{HOST}": {400},
    f"GET http://[ HTTP/1.1\r\n{HOST}": {400},
    f"GET [ HTTP/1.1\r\n{HOST}": {400},
    f"CONNECT evil.example:443 HTTP/1.1\r\n{HOST}": {400},
    f"OPTIONS * HTTP/1.1\r\n{HOST}": {400},
    f"GET /..%2f..%2fetc/passwd HTTP/1.1\r\n{HOST}": {404},
    f"GET /../../etc/passwd HTTP/1.1\r\n{HOST}": {404},
    f"GET /static/../app.py HTTP/1.1\r\n{HOST}": {404},
    f"GET /static/..%2fapp.py HTTP/1.1\r\n{HOST}": {404},
    f"GET /static/%2e%2e/app.py HTTP/1.1\r\n{HOST}": {404},
    f"GET /static//etc/passwd HTTP/1.1\r\n{HOST}": {404},
    f"GET /static/%00 HTTP/1.1\r\n{HOST}": {404},
    f"GET /static/{'a' * 5000} HTTP/1.1\r\n{HOST}": {404},
    f"GET /organizer/boards/..%2f..%2fcontest.yaml HTTP/1.1\r\n{HOST}": {404},
    f"GET /..%5c..%5cetc HTTP/1.1\r\n{HOST}": {404},
    f"GET //evil.example HTTP/1.1\r\n{HOST}": {404},
    f"GET //evil.example/ HTTP/1.1\r\n{HOST}": {404},
    f"GET //evil.example/mine/ HTTP/1.1\r\n{HOST}": {404},
    f"GET /%ff%00%0d%0aSet-Cookie:x HTTP/1.1\r\n{HOST}": {404},
    f"GET /mine%0d%0aSet-Cookie:x HTTP/1.1\r\n{HOST}": {404},
    f"GET / HTTP/1.1\r\n{HOST}Cookie: {'a=b;' * 60_000}\r\n": {400, 431},
    f"GET / HTTP/1.1\r\n{HOST}X: a\r\n b\0\r\n": {400},
    f"GET /mine HTTP/1.1\r\n{HOST}Authorization: Bearer \xff\r\nIf-None-Match: \xff\r\n": {401},
    f"GET /mine HTTP/1.1\r\n{HOST}Cookie: dataperf=\xff\xfe; dataperf=\"\\\r\n": {303},
    f"GET /mine HTTP/1.1\r\n{HOST}Upgrade: websocket\r\nConnection: Upgrade\r\n": {303},
}  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_heads_that_trick(wire, head):
    answer = wire(head.encode("latin-1") + b"Connection: close\r\n\r\n" if "Upgrade" not in head else head + "\r\n")
    assert status(answer) in HEADS[head], answer
    assert not re.search("\r\nset-cookie", answer, re.I)
    assert "root:" not in answer
    assert "evil.example" not in answer
    assert str(wire.server.path.parent) not in answer


OTHERS = (
    "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/%0d%0aX:y", "/a\r\nX: y",
    "/login?next=//evil.example", "\\\\evil.example", "/.evil", "/@evil.example", "",
)  # fmt: skip


def test_a_redirect_stays_here(wire):
    for to in OTHERS:
        somebody = servers.Visitor(wire.server.app)
        form = {"email": "anna@example.org", "password": PASSWORD, "next": to}
        answer = somebody.http.post("/login", data=form, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/mine"), to
    answer = wire(f"GET /mine HTTP/1.1\r\n{HOST}X-Forwarded-Proto: https\r\nConnection: close\r\n\r\n")
    assert re.search("\r\nlocation: /login\\?next=/mine\r\n", answer, re.I)
    answer = wire(f"GET /account/ HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")
    assert "location: http://contest.test/account\r\n" in answer.lower() or status(answer) == 404


def test_where_requests_come_from_is_not_what_they_say(wire):
    answers = []
    for turn in range(8):
        body = f"email=nobody%40e.org&password=guess{turn}"
        head = (
            f"X-Forwarded-For: 203.0.113.{turn}\r\nForwarded: for=203.0.113.{turn}\r\nContent-Length: {len(body)}\r\n"
        )
        answers.append(status(wire(post("/login", head, body))))
    assert answers[-1] == 429


def test_it_still_serves(wire):
    assert status(wire(f"GET /rules HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")) == 200
