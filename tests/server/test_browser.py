"""New users with a real browser: from nothing to an open contest, a place on the board, the private board's day."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataperf_fast.contest import manifest
from dataperf_fast.server import acts, database
from tests.contest.contests import free_port
from tests.server.servers import BOARD, PASSWORD, contest, order

ROOT = Path(__file__).parents[2]
SHOTS = os.environ.get("SHOTS", "")  # a folder for pictures of every page


@contextmanager
def serving(path: Path, port: int):
    """The command itself, in the background."""
    command = [sys.executable, "-m", "dataperf_fast", "serve", str(path), "--jobs", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    said = iter(process.stderr)
    try:
        assert f"at http://localhost:{port}" in next(said)
        threading.Thread(target=lambda: list(said), daemon=True).start()  # that its pipe is never full
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(200):
            try:
                opener.open(f"http://localhost:{port}/rules", timeout=5).close()
                break
            except OSError:
                threading.Event().wait(0.05)
        yield
    finally:
        process.terminate()
        assert process.wait(60) == 143
        process.stderr.close()


class Visit:
    """Somebody at the browser, who types and clicks; each page has a picture where those are wanted."""

    def __init__(self, browser, address: str):
        self.browser, self.address = browser, address

    def opens(self, path: str) -> None:
        self.browser.open(path if path.startswith("http") else self.address + path)

    def fills(self, **fields: str) -> None:
        for name, text in fields.items():
            self.browser.press(f"main [name={name}]", text)

    def sends(self, form: str) -> None:
        """A form, by its button; the page that answers is another."""
        self.browser.script("window.before = true")
        self.browser.click(f"form[action='{form}'] button")
        self.browser.wait("return !window.before && document.readyState === 'complete'")

    @property
    def text(self) -> str:
        return self.browser.script("return document.body.innerText")

    def sees(self, text: str, seconds: float = 120) -> None:
        """Without a reload: a mark that one would wipe is there still."""
        self.browser.script("window.here = true")
        self.browser.wait(f"return document.body.innerText.includes({json.dumps(text)})", seconds)
        assert self.browser.script("return window.here")

    def looks(self, name: str) -> None:
        """No page is wider than a phone, and each thing to fill in has a label."""
        unnamed = self.browser.script("""
            return Array.from(document.querySelectorAll("input:not([type=hidden]), select, textarea"))
                .filter((one) => !one.labels.length && !one.ariaLabel).map((one) => one.name);
        """)
        assert unnamed == []
        self.browser.look(400)
        assert self.browser.script("return document.documentElement.scrollWidth") <= 400, name
        if SHOTS:
            for width in (1280, 400):
                for scheme in ("light", "dark"):
                    self.browser.look(width, scheme, 600)
                    height = self.browser.script("return document.documentElement.scrollHeight")
                    self.browser.look(width, scheme, max(600, min(height, 4000)))
                    self.browser.screenshot(Path(SHOTS) / f"{name}-{width}-{scheme}.png")
        self.browser.look(1280)


@pytest.fixture
def nobody(browser):
    """A browser that has been nowhere."""
    browser.look(1280)
    browser.devtools("Network.clearBrowserCookies")
    browser.complaints()
    yield browser
    browser.devtools("Network.clearBrowserCookies")
    browser.open("about:blank")


@pytest.mark.long
def test_from_an_empty_folder_to_the_day_of_the_private_board(nobody, tmp_path):
    port = free_port()
    address = f"http://localhost:{port}"
    now = datetime.now(UTC)
    phase = {
        "name": "main", "start": now - timedelta(hours=1), "end": now + timedelta(days=9), "limits": {"day": 5},
        "hidden": "withheld",
    }  # fmt: skip
    path = contest(tmp_path, [phase], {"curves": True, "counts": "chosen"}, {"address": address})
    files = {}
    for seed in (1, 2):
        (tmp_path / f"hand {seed}").mkdir()
        files[seed] = tmp_path / f"hand {seed}" / "synth00-flipped_mine.txt"
        files[seed].write_text(order(path, seed)[0][1][1])
    broken = tmp_path / "synth00-flipped_broken.txt"
    broken.write_text("one\n")
    of = manifest.read(path)
    opened = database.Database(of)
    link = acts.invite(of, opened, "", "organizer", "test")
    opened.close()
    with serving(path, port):
        visit = Visit(nobody, address)
        organizes(visit, link)
        takes_part(visit, files, broken)
        the_end_comes(visit, path)
    said = [one["message"] for one in nobody.complaints() if one["level"] == "SEVERE"]
    assert [line for line in said if not any(word in line for word in ("422", "403", "/events"))] == []


def organizes(visit: Visit, link: str) -> None:
    """From an invitation to an announcement."""
    visit.opens(link)
    visit.looks("join")
    visit.fills(name="Olga", email="olga@example.org", password=PASSWORD)
    visit.sends("/join")
    visit.looks("no-team")
    visit.opens("/organizer")
    visit.browser.press("form:has([value=announce]) [name=value]", "Tea at four\ue007")  # with the enter key
    visit.sees("announce")
    visit.looks("organizer")
    visit.sends("/logout")
    visit.opens("/")
    visit.sees("Tea at four")
    visit.sees("main is open until")
    visit.looks("boards-empty")
    visit.opens("/rules")
    visit.looks("rules")


def takes_part(visit: Visit, files: dict[int, Path], broken: Path) -> None:
    """From a door that is shut to a place on the board."""
    browser = visit.browser
    visit.opens("/mine")
    assert "/login?next=/mine" in browser.script("return location.href")
    visit.looks("login")
    visit.fills(email="anna@example.org", password="wrong password")
    visit.sends("/login")
    visit.looks("login-wrong")
    browser.click("main a[href='/join']")
    visit.fills(name="Anna", email="anna@example.org", password=PASSWORD)
    visit.sends("/join")
    visit.fills(name="anna")
    visit.sends("/team")
    visit.looks("my-team-empty")
    browser.click("main .choices a")
    visit.looks("hand-in")
    visit.fills(files=str(broken), method="by hand")
    visit.sends(f"/hand-in/{BOARD}")
    assert "line 1: holds no integer" in visit.text
    assert browser.script("return document.activeElement.getAttribute('role')") == "alert"
    assert browser.script("return document.querySelector('[name=method]').value") == "by hand"
    visit.looks("hand-in-wrong")
    visit.fills(files=str(files[1]), description="Looked at each.\nTwice.", link="https://example.org/how")
    visit.sends(f"/hand-in/{BOARD}")
    visit.looks("submission-waiting")
    visit.sees("scored")
    browser.wait("return document.getElementById('told').textContent.includes('scored')", 60)  # who cannot see hears it
    visit.looks("submission")
    visit.opens("/mine")
    visit.looks("my-team")
    visit.sends("/team/link")
    visit.looks("my-team-link")
    visit.opens("/account")
    visit.fills(name="laptop")
    visit.sends("/account/tokens")
    visit.looks("account")
    token = re.search(r"dpf_\S+", visit.text)[0]
    watches(visit, token, files[2])


def watches(visit: Visit, token: str, file: Path) -> None:
    """The board, while another hands in by a program: it changes under his eyes."""
    browser = visit.browser
    visit.opens(f"/{BOARD}.html")
    browser.click("tbody th a")
    assert "by hand" in visit.text
    visit.looks("entry")
    visit.opens(f"/{BOARD}.html")
    browser.click("thead th:nth-child(5) button")
    hands_in(visit.address, token, file)
    browser.script("window.here = true")
    browser.wait("return document.getElementById('told').textContent")
    assert browser.script("return window.here")
    assert browser.script("return document.querySelectorAll('thead th:nth-child(5) button').length") == 1
    assert browser.script("return document.querySelector('thead th:nth-child(5)').ariaSort") == "ascending"
    assert browser.script("return document.activeElement.closest('th')?.cellIndex") == 4
    visit.looks("board")
    visit.opens("/")
    visit.looks("boards")


def hands_in(address: str, token: str, file: Path) -> None:
    command = [sys.executable, "-m", "dataperf_fast", "submit", address, "spring", str(file), "--method", "program"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DATAPERF_FAST_TOKEN": token}
    done = subprocess.run([*command, "--no-wait"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def the_end_comes(visit: Visit, path: Path) -> None:
    """A phase's end is brought forward, and the private board is everybody's, on a page that lies open."""
    visit.opens(f"/{BOARD}.html")
    assert "Nothing is taken now" not in visit.text
    of = manifest.read(path)
    opened = database.Database(of)
    acts.extend(of, opened, "main", (datetime.now(UTC) + timedelta(seconds=1)).isoformat(), "test", "it rains")
    opened.close()
    visit.sees("Nothing is taken now: closed since")
    visit.sees("hidden")
    visit.looks("board-released")
    visit.opens(f"/entries/{BOARD}/anna")
    visit.looks("entry-released")
    visit.opens("/submissions/1")
    visit.looks("submission-released")


def test_keys_alone_are_enough(nobody, tmp_path):
    """The first stop is the way past the links; each stop is seen, and they come in the order of the page."""
    port = free_port()
    path = contest(tmp_path, server={"address": f"http://localhost:{port}"})
    with serving(path, port):
        visit = Visit(nobody, f"http://localhost:{port}")
        for page in ("/login", "/join"):
            visit.opens(page)
            stops = []
            for _ in range(12):
                nobody.devtools(
                    "Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9
                )
                nobody.devtools("Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9)
                stops.append(
                    nobody.script("""
                        const at = document.activeElement;
                        const look = getComputedStyle(at);
                        const name = at === document.body ? "" : at.textContent.trim() || at.name;
                        return [name, look.outlineStyle, at.offsetLeft >= 0];
                    """)
                )
            names = [name for name, _, _ in stops]
            assert names[0] == "To the content"
            assert names.index("email") < names.index("password")
            assert all(style != "none" and seen for name, style, seen in stops if name)
