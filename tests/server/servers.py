"""Contests that are served, for tests: an application in this process, and a dispatcher that takes a turn when told."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
import yaml
from starlette.testclient import TestClient

from dataperf_fast.boards.debugging import files, synth
from dataperf_fast.contest.run import How
from dataperf_fast.server import acts, app
from dataperf_fast.server.dispatcher import Dispatcher

ADDRESS = "http://contest.test"
STORE: str | None = None  # of contests that name none; conftest.py may set it
PASSWORD = "correct horse battery"
BOARD = "debugging-knn"
SCALE = synth.DebuggingScale(tasks=1, train=97, test=100, val=10)
ALWAYS = {"name": "main", "start": "2020-01-01T00:00:00Z", "end": "2099-01-01T00:00:00Z"}


def contest(folder: Path, phases=(ALWAYS,), board=None, server=None, sets=None, **keys) -> Path:
    """A manifest of a debugging board with a hidden set of tasks and a public one."""
    sets = sets if sets is not None else {"hidden": True, "warm-up": False}
    for number, name in enumerate(sets):
        if not (folder / name).exists():
            list(synth.write(folder / name, SCALE, number + 1))
    (folder / "teams").mkdir(exist_ok=True)
    described = {
        "board": "debugging", "model": "knn", "several": True, "counts": "last", "submissions": ["teams"],
        "published": False,
        "tasks": [{"name": name, "data": name, "hidden": hidden} for name, hidden in sets.items()],
    } | (board or {})  # fmt: skip
    rules = {"address": ADDRESS, "registration": "open", "phases": list(phases)} | (server or {})
    store = {"store": STORE} if STORE else {}
    whole = {"contest": "Spring", "boards": [described], "server": rules, **store, **keys}
    path = folder / "contest.yaml"
    path.write_text(yaml.safe_dump(whole, sort_keys=False))
    return path


def order(path: Path, seed: int) -> list[tuple]:
    """A random order of inspection for each task, as the parts of a form."""
    folder = path.parent
    parts = {}
    for data in ("hidden", "warm-up"):
        if (folder / data).exists():
            for task in files.open_setup(folder / data)[1].tasks:
                rows = np.random.default_rng(seed).permutation(task.train_size)
                parts[f"{task.data_id}_mine.txt"] = "\n".join(map(str, rows)) + "\n"
    return [("files", (name, text)) for name, text in parts.items()]


class Visitor:
    """Somebody with a browser: a cookie, and the key of the forms of his session."""

    def __init__(self, application, address: str = ADDRESS, place: str = "192.0.2.1"):
        self.http = TestClient(
            application, base_url=address, follow_redirects=True, client=(place, 50_000), raise_server_exceptions=False
        )
        self.http.headers["Origin"] = address
        self.token = ""

    @property
    def form_key(self) -> str:
        found = re.search('name="form_key" value="([^"]+)', self.http.get("/account").text)
        return found[1] if found else ""

    def post(self, path: str, files=None, **fields) -> httpx2.Response:
        return self.http.post(path, data={"form_key": self.form_key, **fields}, files=files)

    def join(self, name: str, team: str | None = None, key: str = "") -> httpx2.Response:
        answer = self.http.post(
            "/join", data={"name": name, "email": f"{name}@example.org", "password": PASSWORD, "key": key}
        )
        if team is not None:
            answer = self.post("/team", name=team)
        return answer

    def log_in(self, name: str, password: str = PASSWORD, **fields) -> httpx2.Response:
        return self.http.post("/login", data={"email": f"{name}@example.org", "password": password, **fields})

    def with_token(self) -> dict[str, str]:
        page = self.post("/account/tokens", name="test").text
        self.token = re.search("<code>(dpf_[^<]+)</code>", page)[1]
        return {"Authorization": f"Bearer {self.token}"}

    def hand_in(self, parts, board: str = BOARD, **fields) -> httpx2.Response:
        return self.post(f"/hand-in/{board}", files=parts, **({"method": "by hand"} | fields))


class Served:
    """A server and its dispatcher."""

    def __init__(self, path: Path):
        self.path, self.app = path, app.create(path)
        self.hall = self.app.state.hall
        self.dispatcher = Dispatcher(path, How("cpu", 1))

    def visitor(self, name: str = "", team: str | None = None) -> Visitor:
        somebody = Visitor(self.app)
        if name:
            somebody.join(name, team or name)
        return somebody

    def organizer(self) -> Visitor:
        link = acts.invite(self.hall.contest, self.hall.database, "", "organizer", "test")
        somebody = Visitor(self.app)
        somebody.join("Olga", key=link.partition("key=")[2])
        return somebody

    def turn(self) -> None:
        self.dispatcher.turn()

    def standings(self) -> dict:
        """Score and status by team, as the public page's JSON has them."""
        entries = self.visitor().http.get(f"/{BOARD}.json").json()["entries"]
        return {entry["submission"]: (entry["rank"], entry["score"], entry["status"]) for entry in entries}


@contextmanager
def served(path: Path):
    server = Served(path)
    try:
        yield server
    finally:
        server.dispatcher.database.close()
        server.hall.database.close()
