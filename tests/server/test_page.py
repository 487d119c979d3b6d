"""The examples of docs/serve.md, in their order: a server in the background, its organizer, and one who takes part."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress

import httpx2
import pytest

from dataperf_fast import cli
from dataperf_fast.server import webhooks
from tests.contest.contests import free_port
from tests.documents import NOT_RUN, ROOT, blocks
from tests.server.servers import PASSWORD

PAGE = ROOT / "docs" / "serve.md"
SERVE = "dataperf-fast serve contest.yaml"


class Reader:
    """Somebody who types what the page says, on a port of his own."""

    def __init__(self, capsys, monkeypatch):
        self.capsys, self.monkeypatch = capsys, monkeypatch
        self.address = f"http://localhost:{free_port()}"
        self.server: subprocess.Popen | None = None
        self.printed: dict[str, str] = {}

    def here(self, text: str) -> str:
        return text.replace("http://localhost:8000", self.address)

    def types(self, command: str) -> None:
        words = shlex.split(self.here(command))
        if command == SERVE:
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            self.server = subprocess.Popen([sys.executable, "-m", "dataperf_fast", *words[1:]], env=environment)
            self.waits()
        elif words[0] == "dataperf-fast":
            self.capsys.readouterr()
            assert cli.main(words[1:]) == 0, f"{command}\n{self.capsys.readouterr().err}"
            self.printed[" ".join(command.split()[:3])] = self.capsys.readouterr().out
        else:
            done = subprocess.run(self.here(command), shell=True, check=True, capture_output=True, text=True)
            self.printed[command] = done.stdout
        if "invite" in words:
            self.registers(self.printed["dataperf-fast organize invite"].strip())

    def waits(self) -> None:
        for _ in range(600):
            with suppress(httpx2.TransportError):
                if httpx2.get(f"{self.address}/rules").is_success:
                    return
            time.sleep(0.1)
        pytest.fail("the server does not answer")

    def registers(self, link: str) -> None:
        """The organizer, by the link; and a participant, with a team and a token."""
        for name, where in (("Me", link), ("anna", f"{self.address}/join")):
            with httpx2.Client(base_url=self.address, follow_redirects=True, headers={"Origin": self.address}) as http:
                key = where.partition("?key=")[2]
                fields = {"name": name, "email": f"{name}@example.org", "password": PASSWORD, "key": key}
                assert http.post("/join", data=fields).is_success
                form_key = re.search('name="form_key" value="([^"]+)', http.get("/account").text)[1]
                if name == "Me":
                    assert http.get("/organizer").is_success
                    continue
                assert http.post("/team", data={"name": "anna", "form_key": form_key}).is_success
                page = http.post("/account/tokens", data={"name": "laptop", "form_key": form_key})
                token = re.search("<code>(dpf_[^<]+)", page.text)[1]
                self.monkeypatch.setenv("DATAPERF_FAST_TOKEN", token)

    def stops(self) -> None:
        if self.server is not None:
            self.server.terminate()
            assert self.server.wait(60) == 143


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_example_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    reader, names = Reader(capsys, monkeypatch), {}
    parts = blocks(PAGE)
    try:
        for part in parts:
            if part.is_file:
                (tmp_path / part.about).write_text(reader.here(part.text))
            if part.language == "python":
                exec(compile(part.text, PAGE.name, "exec"), names)
            for command in part.commands:
                if command == SERVE or command not in NOT_RUN:
                    reader.types(command)
        last = json.loads([text for command, text in reader.printed.items() if command.startswith("curl")][-1])
    finally:
        reader.stops()
    assert (tmp_path / "teams" / "anna" / "000001").is_dir()
    assert "warm-up" in reader.printed["dataperf-fast submit http://localhost:8000"]
    assert re.search(r"debugging +1 +0\.\d{4} +anna", reader.printed["dataperf-fast board http://localhost:8000"])
    assert "secret" in last["error"]
    signed = webhooks.signature("word", b"{}")
    assert names["is_ours"]("word", b"{}", signed)
    assert not names["is_ours"]("other", b"{}", signed)
    assert (tmp_path / "board.parquet").stat().st_size > 100
    reader.types(SERVE.replace("serve", "organize restore") + " store.backup")


def test_settings_of_proxies_on_the_page_are_those_of_the_files():
    folder = ROOT / "contrib" / "serve"
    files = {"caddy": folder / "Caddyfile", "nginx": folder / "nginx.conf"}
    for part in blocks(PAGE):
        if part.language in files:
            given = {" ".join(line.split("#")[0].split()) for line in files[part.language].read_text().splitlines()}
            shown = {" ".join(line.split("#")[0].split()) for line in part.text.splitlines()}
            assert {line.rstrip(" {") for line in shown} <= {line.rstrip(" {") for line in given}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_unit(tmp_path):
    unit = (ROOT / "contrib" / "serve" / "dataperf-fast.service").read_text()
    assert "/opt/dataperf-fast/bin/dataperf-fast serve contest.yaml --proxy 127.0.0.1" in unit
    path = tmp_path / "dataperf-fast.service"
    path.write_text(unit.replace("/opt/dataperf-fast/bin/dataperf-fast", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    if "Failed to initialize manager" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
def test_caddy_understands_its_file():
    path = ROOT / "contrib" / "serve" / "Caddyfile"
    done = subprocess.run(
        ["caddy", "validate", "--adapter", "caddyfile", "--config", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
