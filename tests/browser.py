"""A headless Chromium, driven by the few words of the WebDriver protocol that tests need."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image


class Browser:
    """The few words of the WebDriver protocol that are needed."""

    def __init__(self, port):
        self._address = f"http://127.0.0.1:{port}"
        self._session = ""

    def _send(self, path, body=None, method="POST"):
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(
            f"{self._address}{path}", data, {"Content-Type": "application/json"}, method=method
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{body}: {json.load(error)['value']['message']}") from error

    def begin(self, binary, profile):
        deadline = time.monotonic() + 10
        while True:
            try:
                if self._send("/status", method="GET")["ready"]:
                    break
            except urllib.error.URLError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)
        flags = [
            "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
            "disable-component-update", "disable-sync", "disable-dev-shm-usage", f"user-data-dir={profile}",
            "window-size=1280,1600",
        ]  # fmt: skip
        options = {"binary": binary, "args": [f"--{flag}" for flag in flags]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._session = f"/session/{self._send('/session', {'capabilities': {'alwaysMatch': wanted}})['sessionId']}"

    def end(self):
        if self._session:
            self._send(self._session, method="DELETE")

    def open(self, path):
        """A file, or an address."""
        self._send(f"{self._session}/url", {"url": path if isinstance(path, str) else path.as_uri()})

    def script(self, text, *arguments):
        return self._send(f"{self._session}/execute/sync", {"script": text, "args": list(arguments)})

    def _do(self, selector, what, body=None):
        """To an element; once more where a page has put another in its place meanwhile."""
        for again in (True, False):
            found = self._send(f"{self._session}/element", {"using": "css selector", "value": selector})
            try:
                return self._send(f"{self._session}/element/{next(iter(found.values()))}/{what}", body)
            except AssertionError as error:
                if not again or "stale" not in str(error):
                    raise
        return None

    def press(self, selector, keys):
        self._do(selector, "value", {"text": keys})

    def click(self, selector):
        self._do(selector, "click")

    def wait(self, text, seconds=20):
        """Until a script returns what is true; returns that."""
        deadline = time.monotonic() + seconds
        while not (found := self.script(text)):
            assert time.monotonic() < deadline, f"{text}: {self.script('return document.body.innerText')}"
            time.sleep(0.1)
        return found

    def devtools(self, command, **parameters):
        return self._send(f"{self._session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def look(self, width, scheme="light", height=1600):
        mobile = width < 600
        size = {"width": width, "height": height, "deviceScaleFactor": 1 + mobile, "mobile": mobile}
        self.devtools("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self._send(f"{self._session}/screenshot", method="GET")))
        return np.asarray(Image.open(path).convert("RGB"))

    def complaints(self):
        return self._send(f"{self._session}/se/log", {"type": "browser"})


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    binary = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("no chromium or google-chrome with its chromedriver is installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    opened = Browser(port)
    try:
        opened.begin(binary, tmp_path_factory.mktemp("profile"))
        yield opened
    finally:
        try:
            opened.end()
        finally:
            process.terminate()
            process.wait(timeout=10)
