"""A contest server under load: readers, uploads and watchers at once; a server that is killed ten times; a full store.

python -m benchmarks_perf.serving [load | killed | full] [--out benchmarks_perf/results/serving.json]

Clients and server share the machine. A page is one GET with its session; its time is the client's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil
import sqlalchemy as sql
import yaml

from benchmarks_perf import timing
from benchmarks_perf.organizer import write_order
from dataperf_fast.boards.debugging import files, synth
from dataperf_fast.contest import manifest, planning, seasons, standings
from dataperf_fast.contest import run as running
from dataperf_fast.contest.store import Store
from dataperf_fast.report.ranks import ranking
from dataperf_fast.server import keys, people
from dataperf_fast.server.database import Database

PARTICIPANTS, SECONDS = 200, 120.0
CLIENTS, UPLOADS, KILLS = 50, 2_000, 10
FULL = 10_000
PORT = 8991
ADDRESS = f"http://127.0.0.1:{PORT}"
PAGE = "debugging-knn"
SCALE = synth.DebuggingScale(tasks=2, train=100, test=200, val=20)


class _Quiet:
    """Watches a run and says nothing."""

    def begin(self, label: str, left: dict[str, int]) -> None:
        """Name what comes next."""

    def done(self, board: str, count: int) -> None:
        """Count."""


def write_contest(folder: Path) -> Path:
    """A manifest of a debugging board, one set of two tasks, all shown."""
    list(synth.write(folder / "hidden", SCALE, 1))
    (folder / "teams").mkdir()
    board = {
        "board": "debugging", "model": "knn", "several": True, "counts": "last", "submissions": ["teams"],
        "tasks": [{"name": "hidden", "data": "hidden"}],
    }  # fmt: skip
    path = folder / "contest.yaml"
    server = {"address": ADDRESS, "registration": "closed"}
    path.write_text(yaml.safe_dump({"contest": "Load", "boards": [board], "server": server}))
    return path


def write_people(path: Path, count: int) -> list[dict[str, str]]:
    """Teams of one, each with a session's cookie and a token."""
    contest = manifest.read(path)
    found = []
    with closing(Database(contest)) as database, database.writing() as connection:
        for number in range(count):
            person = people.add(connection, f"p{number}@example.org", f"p{number}", None)
            people.make_team(connection, contest.name, f"team{number:03d}", person)
            session = keys.make(connection, "session", person.id)
            found.append({"session": session, "token": keys.make(connection, "token", person.id)})
    return found


def started(path: Path, cache: Path) -> subprocess.Popen[bytes]:
    """A server, and its dispatcher beside it."""
    environment = {**os.environ, "DATAPERF_FAST_CACHE": str(cache)}
    command = [sys.executable, "-m", "dataperf_fast.cli", "serve", str(path), "--backend", "cpu"]
    return subprocess.Popen(command, env=environment)


async def answers(client: httpx2.AsyncClient) -> None:
    """Wait until a server does."""
    for _ in range(600):
        try:
            if (await client.get("/rules")).is_success:
                return
        except httpx2.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise RuntimeError("no server answers")


@asynccontextmanager
async def _client(**options: Any):
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(base_url=ADDRESS, timeout=60.0, limits=limits, trust_env=False, **options) as client:
        yield client


def orders(path: Path, seed: int) -> list[tuple[str, tuple[str, str]]]:
    """Random orders of inspection, as parts of a form."""
    generator = np.random.default_rng(seed)
    return [
        ("files", (f"{task.data_id}_order.txt", "\n".join(map(str, generator.permutation(task.train_size))) + "\n"))
        for task in files.open_setup(path.parent / "hidden")[1].tasks
    ]


async def hand_in(client: httpx2.AsyncClient, path: Path, token: str, seed: int) -> httpx2.Response:
    """An upload by the API."""
    return await client.post(
        f"/api/load/boards/{PAGE}/submissions", files=orders(path, seed), data={"method": f"seed {seed}"},
        headers={"Authorization": f"Bearer {token}"},
    )  # fmt: skip


def load(folder: Path) -> dict[str, Any]:
    """Participants who read, hand in and watch for two minutes: errors, and how long pages took."""
    path = write_contest(folder)
    everybody = write_people(path, PARTICIPANTS)
    server = started(path, folder / "cache")
    try:
        return asyncio.run(_load(path, everybody))
    finally:
        server.terminate()
        server.wait()


@dataclass
class _Crowd:
    """What participants do until the clock ends, and what they met."""

    client: httpx2.AsyncClient
    path: Path
    everybody: list[dict[str, str]]
    end: float
    pages: list[float] = field(default_factory=list)
    uploads: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    events: int = 0

    async def read(self, number: int) -> None:
        """Open a page every four seconds."""
        generator = np.random.default_rng(number)
        cookie = {"Cookie": f"dataperf={self.everybody[number]['session']}"}
        while await self._waits(float(generator.exponential(4.0))):
            page = str(generator.choice(["/", f"/{PAGE}.html", "/mine", "/rules", f"/{PAGE}.json", "/account"]))
            began = time.monotonic()
            answer = await self.client.get(page, headers=cookie)
            self.pages.append(time.monotonic() - began)
            if not answer.is_success:
                self.wrong[f"{page}: {answer.status_code}"] += 1

    async def _waits(self, seconds: float) -> bool:
        """Wait; whether the clock has not ended meanwhile."""
        left = self.end - time.monotonic()
        await asyncio.sleep(max(0.0, min(seconds, left)))
        return seconds < left

    async def upload(self, number: int) -> None:
        """Hand in once a minute."""
        generator = np.random.default_rng(1000 + number)
        while await self._waits(float(generator.exponential(60.0))):
            began = time.monotonic()
            token = self.everybody[number]["token"]
            answer = await hand_in(self.client, self.path, token, int(generator.integers(1 << 30)))
            self.uploads.append(time.monotonic() - began)
            if answer.status_code != httpx2.codes.CREATED:
                self.wrong[f"upload: {answer.status_code}"] += 1

    async def watch(self) -> None:
        """Listen all the time."""
        async with self.client.stream("GET", "/events", timeout=None) as stream:
            async for line in stream.aiter_lines():
                self.events += line.startswith("data:")


async def _load(path: Path, everybody: list[dict[str, str]]) -> dict[str, Any]:
    async with _client() as client:
        await answers(client)
        for seed in range(20):  # scoring runs, and the board is no empty one, when the clock starts
            await hand_in(client, path, everybody[seed]["token"], 10_000 + seed)
        crowd = _Crowd(client, path, everybody, time.monotonic() + SECONDS)
        watching = [asyncio.create_task(crowd.watch()) for _ in range(PARTICIPANTS)]
        await asyncio.gather(*(do(number) for number in range(PARTICIPANTS) for do in (crowd.read, crowd.upload)))
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    return {
        "participants": PARTICIPANTS, "seconds": SECONDS, "pages": len(crowd.pages), "uploads": len(crowd.uploads),
        "events": crowd.events, "wrong": dict(crowd.wrong), "page_p50_ms": _at(crowd.pages, 50),
        "page_p95_ms": _at(crowd.pages, 95), "page_p99_ms": _at(crowd.pages, 99),
        "upload_p50_ms": _at(crowd.uploads, 50), "upload_p95_ms": _at(crowd.uploads, 95),
    }  # fmt: skip


def _at(seconds: list[float], percent: int) -> float:
    return round(1000 * float(np.percentile(seconds, percent)), 1)


def killed(folder: Path) -> dict[str, Any]:
    """Uploads by clients who ask again, while the server is killed again and again: all scored once, none lost."""
    path = write_contest(folder)
    everybody = write_people(path, CLIENTS)
    began = time.monotonic()
    acknowledged = asyncio.run(_killed(path, everybody, folder / "cache"))
    seconds = time.monotonic() - began
    contest = manifest.read(path)
    with closing(Store(contest.store)) as store:
        of_store = store.scores(contest.name)
        plan = planning.read(contest, _Quiet(), "cpu")
        plan, _ = seasons.admitted(contest, plan, store)
        ours = _standing(contest, plan, store)
    names = Counter(score.submission for score in of_store)
    theirs = _by_hand(path, contest)
    return {
        "clients": CLIENTS, "uploads": UPLOADS, "kills": KILLS, "seconds": round(seconds, 1),
        "acknowledged": len(acknowledged), "scored": len(names), "lost": len(set(acknowledged) - set(names)),
        "scored_twice": sum(count != SCALE.tasks for count in names.values()),
        "never_acknowledged": len(set(names) - set(acknowledged)), "board_equals_organize_run": ours == theirs,
    }  # fmt: skip


async def _killed(path: Path, everybody: list[dict[str, str]], cache: Path) -> list[str]:
    server = started(path, cache)
    acknowledged: list[str] = []
    left = list(range(UPLOADS))
    async with _client() as client:
        await answers(client)

        async def hand_in_all(number: int) -> None:
            while left:
                seed = left.pop()
                while True:  # who gets no answer asks again
                    try:
                        answer = await hand_in(client, path, everybody[number]["token"], seed)
                        if answer.status_code in (httpx2.codes.CREATED, httpx2.codes.OK):
                            acknowledged.append(answer.json()["submission"])
                            break
                    except httpx2.TransportError:
                        pass
                    await asyncio.sleep(0.3)

        async def kill() -> subprocess.Popen[bytes]:
            now = server
            for number in range(1, KILLS + 1):
                while len(acknowledged) < number * UPLOADS // (KILLS + 2):
                    await asyncio.sleep(0.05)
                now.send_signal(signal.SIGKILL)
                now.wait()
                now = started(path, cache)
            return now

        killing = asyncio.create_task(kill())
        await asyncio.gather(*(hand_in_all(number) for number in range(CLIENTS)))
        last = await killing
        await answers(client)
        headers = {"Authorization": f"Bearer {everybody[0]['token']}"}
        contest = manifest.read(path)
        with closing(Database(contest)) as database:
            while _unsettled(database):
                await asyncio.sleep(0.5)
        await client.get("/api/load/submissions", headers=headers)
        last.terminate()
        last.wait()
    return acknowledged


def _unsettled(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(sql.text("SELECT count(*) FROM uploads WHERE settled IS NULL")).scalar_one())


def _standing(contest: manifest.Contest, plan: list[planning.PlannedSet], store: Store) -> list[tuple[Any, ...]]:
    [setting] = standings.settings(contest, plan, standings.current(plan, store))
    return [(rank, entry.submission, entry.which, repr(entry.exact), entry.status) for rank, entry in ranking(setting)]


def _by_hand(path: Path, contest: manifest.Contest) -> list[tuple[Any, ...]]:
    """What ``organize run`` makes of the same files, in a store of its own."""
    other = contest.manifest.model_copy(update={"store": f"sqlite:///{path.parent / 'other.sqlite'}"})
    again = manifest.Contest(contest.path, other)
    with closing(Store(again.store, make=True)) as store:
        plan = planning.read(again, _Quiet(), "cpu")
        running.run(again, plan, store, running.How("cpu"), _Quiet())
        return _standing(again, plan, store)


def full(folder: Path) -> dict[str, Any]:
    """A store of ten thousand: how long pages take, and the server's memory before and after many of them."""
    path = write_contest(folder)
    everybody = write_people(path, PARTICIPANTS)
    generator = np.random.default_rng(0)
    tasks = files.open_setup(folder / "hidden")[1].tasks
    for number in range(FULL):
        place = folder / "teams" / f"other{number % (FULL // 2):05d}" / f"{number:06d}"
        for task in tasks:
            write_order(place, task.data_id, generator.permutation(task.train_size))
    server = started(path, folder / "cache")
    try:
        return asyncio.run(_full(path, everybody, server.pid))
    finally:
        server.terminate()
        server.wait()


async def _full(path: Path, everybody: list[dict[str, str]], pid: int) -> dict[str, Any]:
    began = time.monotonic()
    async with _client() as client:
        await answers(client)
        while await _ranked(client) < FULL // 2:  # teams
            await asyncio.sleep(5)
        scored = time.monotonic() - began
        token, session = everybody[0]["token"], everybody[0]["session"]
        number = (await hand_in(client, path, token, 1)).json()["id"]
        cookie = {"Cookie": f"dataperf={session}"}
        paths = "/", f"/{PAGE}.html", f"/{PAGE}.json", "/mine", f"/submissions/{number}", "/account", "/rules"
        memory, times = [], {page: [] for page in paths}
        for _ in range(3):
            for page in paths:
                for _ in range(20):
                    at = time.monotonic()
                    (await client.get(page, headers=cookie)).raise_for_status()
                    times[page].append(time.monotonic() - at)
            memory.append(psutil.Process(pid).memory_info().rss >> 20)
        return {
            "submissions": FULL, "seconds_until_all_were_shown": round(scored), "server_mib": memory,
            "page_p95_ms": {page: _at(of, 95) for page, of in times.items()},
        }  # fmt: skip


async def _ranked(client: httpx2.AsyncClient) -> int:
    """How many entries of the board have a rank; none while there is no page."""
    answer = await client.get(f"/{PAGE}.json")
    return sum(entry["rank"] is not None for entry in answer.json()["entries"]) if answer.is_success else 0


PARTS = {"load": load, "killed": killed, "full": full}


def main() -> None:
    """Time, and keep what came out beside what was kept of the other parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/serving.json"))
    options = parser.parse_args()
    found = json.loads(options.out.read_text()) if options.out.exists() else {}
    for part in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            found[part] = PARTS[part](Path(folder)) | {"machine": timing.machine()}
        print(json.dumps({part: found[part]}, indent=1))
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
