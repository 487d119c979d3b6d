"""Images from a local server that does everything a server may, from patterns made here, and in batches that resume."""

from __future__ import annotations

import base64
import io
import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from dataperf_fast import cli
from dataperf_fast.boards.nibbler import files
from dataperf_fast.boards.nibbler.generation import GenerationError, Patterns, batch
from dataperf_fast.boards.nibbler.generation.http import HttpImages, HttpSettings, Pace
from dataperf_fast.files.errors import InputError

requests = pytest.importorskip("requests", reason="the extra 'generation' is not installed")
KEY, PROMPT = "sk-verysecret", "zzqsecret prompt"
PNG = Patterns().generate("any", 1).images[0]


def answer(*images, status=200):
    data = [{"b64_json": base64.b64encode(image).decode()} for image in images]
    return status, {}, json.dumps({"created": 1, "data": data}).encode()


class Server(ThreadingHTTPServer):
    """Gives the answers it was told to, one a request, and keeps what it was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.asked, self.times = [], [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1/images/generations"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((dict(self.headers), json.loads(body)))
        self.server.times.append(time.monotonic())
        status, headers, content = self.server.script.pop(0)
        if callable(content):
            content(self)
            return
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("IMAGE_API_KEY", KEY)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(server, *script, count=1, **settings):
    server.script = list(script)
    with HttpImages(HttpSettings(url=server.url, model="m", **({"backoff": 0.01} | settings))) as source:
        return source.generate(PROMPT, count)


def test_images_come_with_their_cost(server):
    made = ask(server, answer(PNG, PNG), count=2, price=0.04)
    assert (made.images, made.provider, made.model, made.cost, made.flags) == ((PNG, PNG), "127.0.0.1", "m", 0.08, {})
    [(headers, body)] = server.asked
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {"model": "m", "prompt": PROMPT, "n": 2, "size": "1024x1024", "response_format": "b64_json"}


def test_what_passes_is_tried_again_and_the_servers_wish_kept(server):
    busy = (429, {"Retry-After": "1"}, b"{}")
    assert ask(server, busy, (500, {}, b""), (503, {}, b"gone"), answer(PNG)).images == (PNG,)
    assert len(server.asked) == 4
    assert server.times[1] - server.times[0] >= 1


@pytest.mark.parametrize(
    ("script", "settings", "line"),
    [
        ([(500, {}, b"no")] * 3, {"retries": 2}, "answered with status 500; expected 200"),
        ([(401, {}, b'{"error": {"code": "invalid_api_key"}}')], {}, "answered with status 401"),
        ([(400, {}, b'{"error": {"code": "size"}}')], {}, "answered with status 400"),
        ([(400, {}, b'"odd"')], {}, "answered with status 400"),
        ([(200, {}, b"no json")], {}, "answered with no JSON"),
        ([(200, {}, b"[" * 100_000)], {}, "answered with no JSON"),
        ([(200, {}, b'{"data": [{"b64_json": "***"}]}')], {}, "no base64 images in data"),
        ([(200, {}, b'{"data": {}}')], {}, "answered with no image; expected PNG, JPEG or WebP"),
        ([(200, {}, b'{"data": [{"url": "http://elsewhere"}]}')], {}, "no base64 images in data"),
        ([(200, {}, b"7")], {}, "no base64 images in data"),
        ([answer(PNG, b"<html>")], {}, "answered with no image; expected PNG, JPEG or WebP"),
        ([(200, {}, b" " * 5000)], {"largest": 4000}, "answered with more than 4000 bytes"),
        ([(200, {"Content-Length": "999"}, b"{}")], {"patience": 0.5}, "no answer ("),
        ([(302, {"Location": "http://127.0.0.1:1/"}, b"")], {}, "answered with status 302"),
        ([(200, {}, lambda of: time.sleep(0.6))], {"patience": 0.2, "retries": 0}, "no answer ("),
    ],
)
def test_what_goes_wrong_is_one_line_without_prompt_or_key(server, caplog, script, settings, line):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(GenerationError) as caught:
        ask(server, *script, **settings)
    assert str(caught.value).startswith("127.0.0.1: ")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    shown = str(caught.value) + repr(caught.value) + caplog.text + repr(caught.value.__cause__)
    assert KEY not in shown
    assert PROMPT not in shown
    assert server.script == []  # all that was there to ask for was asked for, and no more


def test_a_server_that_drips_is_left(server):
    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(200):
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.02)

    started = time.monotonic()
    with pytest.raises(GenerationError, match=r"did not end its answer in 0.5 s"):
        ask(server, (200, {}, drip), deadline=0.5, patience=1)
    assert time.monotonic() - started < 3.5  # it drips for four seconds


def test_nobody_there():
    with (
        HttpImages(
            HttpSettings(url="http://127.0.0.1:9/", model="m", retries=1, backoff=0, key_variable="PATH")
        ) as source,
        pytest.raises(GenerationError, match=r"127.0.0.1: no answer \(ConnectionError\)"),
    ):
        source.generate(PROMPT, 1)


@pytest.mark.parametrize("code", ["content_policy_violation", "moderation_blocked"])
def test_a_refusal_is_a_result(server, code):
    made = ask(server, (400, {}, json.dumps({"error": {"code": code, "message": PROMPT}}).encode()), price=1)
    assert (made.images, made.cost, made.flags) == ((), 0, {"refused": True, "code": code})


@pytest.mark.parametrize("key", [None, "", "new\nline", "schlüssel"])
def test_no_key(server, monkeypatch, key):
    monkeypatch.delenv("IMAGE_API_KEY")
    if key is not None:
        monkeypatch.setenv("IMAGE_API_KEY", key)
    with pytest.raises(InputError, match=r"^\$IMAGE_API_KEY: holds no key; expected an API key"):
        ask(server)
    assert server.asked == []


def test_keys_travel_encrypted_or_not_at_all():
    with pytest.raises(InputError, match=r"url: is 'http://example\.org'; expected https"):
        HttpImages(HttpSettings(url="http://example.org/v1", model="m"))


def test_a_minute_holds_so_many_requests():
    now, slept = [0.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(3, lambda: now[0], sleep)
    times = []
    for _ in range(8):
        pace.wait()
        times.append(now[0])
        now[0] += 1
    assert times == [0, 1, 2, 60, 61, 62, 120, 121]
    assert all(later - first >= 60 for first, later in zip(times, times[3:], strict=False))


def test_patterns_depend_on_prompt_seed_and_number_alone():
    one, again, other = Patterns(1).generate("a", 2), Patterns(1).generate("a", 2), Patterns(2).generate("a", 2)
    assert one.images == again.images
    assert len({*one.images, *other.images, *Patterns(1).generate("b", 1).images}) == 5
    assert Image.open(io.BytesIO(one.images[0])).size == (64, 64)


class Counted:
    """Patterns that break off after so many sets."""

    model = "counted"

    def __init__(self, breaks_after=99, fails=()):
        self.made, self._breaks_after, self._fails = [], breaks_after, fails

    def generate(self, prompt, count):
        if len(self.made) == self._breaks_after:
            raise KeyboardInterrupt
        if prompt in self._fails:
            raise GenerationError("host: no answer")
        self.made.append(prompt)
        return Patterns().generate(prompt, count)


def test_a_batch_goes_on_where_it_was_stopped(tmp_path):
    prompts = [("team", f"prompt {number}") for number in range(9)]
    first = Counted(breaks_after=4, fails=("prompt 1",))
    with pytest.raises(KeyboardInterrupt):
        list(batch.generate(prompts, first, tmp_path))
    with (tmp_path / batch.LOG).open("a") as log:
        log.write('{"participant": "team", "pro')  # as a kill leaves it
    second = Counted()
    list(batch.generate(prompts, second, tmp_path, 2))
    assert first.made + second.made == [f"prompt {n}" for n in (0, 2, 3, 4, 1, 5, 6, 7, 8)]
    attempts = batch.attempts(tmp_path)
    assert sorted(one.prompt for one in attempts) == sorted(prompt for _, prompt in prompts)
    named = {path.name: path.read_bytes() for path in (tmp_path / "images").iterdir()}
    assert all(image in named for image in (one.image for one in attempts))
    assert {Patterns().generate("prompt 5", 2).images} <= {tuple(named[n] for n in entry["images"]) for entry in map(
        json.loads, (tmp_path / batch.LOG).read_text().splitlines()) if "images" in entry}  # fmt: skip
    assert list(batch.generate(prompts, Counted(), tmp_path)) == []
    (tmp_path / batch.LOG).write_text('{"an": "other"}\n')
    with pytest.raises(InputError, match=r"generated.jsonl: line 1: holds no line of this command's"):
        list(batch.generate(prompts, Counted(), tmp_path))


def test_the_command(server, tmp_path, capsys):
    lines = [{"participant": "team", "prompt": f"{PROMPT} {n}"} for n in range(52)] + [{"participant": "x" * 99}]
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert cli.main(["nibbler", "generate", str(tmp_path / "round"), str(prompts)]) == 2
    out, err = capsys.readouterr()
    assert PROMPT not in out + err
    errors = err.splitlines()
    assert "line 53, participant: holds text of 99 characters" in errors[0]
    assert errors[1].endswith(": 2 prompts left for another day; expected at most 50 sets a participant a day")
    assert len(files.read_attempts(tmp_path / "round", but="")) == 50
    lines = lines[:50]
    prompts.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with (tmp_path / "round" / "generated" / batch.LOG).open("a") as log:
        log.write('{"participant": "team", "pro')  # as a kill leaves it
    assert cli.main(["nibbler", "generate", str(tmp_path / "round"), str(prompts)]) == 0  # all of it is there
    assert len(files.read_attempts(tmp_path / "round", but="")) == 50
    (tmp_path / "round" / "generated").rename(tmp_path / "elsewhere")
    (tmp_path / "round" / "attempted" / "generated.jsonl").rename(tmp_path / "round" / "attempted" / "by hand.jsonl")
    prompts.write_text(json.dumps({"participant": "team", "prompt": "one more"}) + "\n")
    assert cli.main(["nibbler", "generate", str(tmp_path / "round"), str(prompts)]) == 2  # whoever made them
    assert "1 prompts left for another day" in capsys.readouterr().err
    (tmp_path / "api.yaml").write_text(f"url: {server.url}\nmodel: m\n")
    server.script = [answer(PNG)]
    prompts.write_text(json.dumps({"participant": "other", "prompt": PROMPT}) + "\n")
    command = ["nibbler", "generate", str(tmp_path / "round"), str(prompts), "--api", str(tmp_path / "api.yaml")]
    assert cli.main(command) == 0
    assert len(server.asked) == 1
    for text, line in (
        ("url: https://example.org\n", "api.yaml: line 1, model: is missing"),
        (f"url: https://a\nmodel: m\nkey: {KEY}\n", "api.yaml: line 3, key: is no known field"),
        (f"url: https://a\nmodel: m\nkey_variable: {KEY}\n", "api.yaml: line 3, key_variable: is not as it should be"),
        ("url: https://[bad\nmodel: m\n", "url: is none"),
        ("url: https://a\nmodel: ''\n", "api.yaml: line 2, model: is not as it should be"),
    ):
        (tmp_path / "api.yaml").write_text(text)
        assert cli.main(command) == 2
        err = capsys.readouterr().err
        assert line in err
        assert KEY not in err


def test_what_cannot_be_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("IMAGE_API_KEY", raising=False)
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(json.dumps({"participant": "other", "prompt": PROMPT}) + "\n")
    (tmp_path / "api.yaml").write_text("url: https://example.org\nmodel: m\n")
    data = tmp_path / "round"
    for files_given in (["missing.jsonl"], [str(prompts), "--api", str(tmp_path / "api.yaml")]):
        assert cli.main(["nibbler", "generate", str(data), *files_given]) == 2
        assert not data.exists()
    data.write_text("a file")
    assert cli.main(["nibbler", "generate", str(data), str(prompts)]) == 2
    assert "is no folder; expected a round's folder" in capsys.readouterr().err


def test_retries_keep_the_pace_and_waits_are_bounded(server, monkeypatch):
    waited = []
    monkeypatch.setattr(Pace, "wait", lambda self: waited.append(1))
    server.script = [(503, {"Retry-After": "3600"}, b""), (500, {}, b""), answer(PNG)]
    started = time.monotonic()
    with HttpImages(HttpSettings(url=server.url, model="m", backoff=0.01, patience=0.3)) as source:
        assert source.generate(PROMPT, 1).images == (PNG,)
    assert len(waited) == 3
    assert time.monotonic() - started < 60
