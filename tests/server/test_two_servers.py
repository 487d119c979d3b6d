"""Two servers of one contest, as processes: each answers, one of them scores, and one of them is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx2
import psutil
import pytest
import sqlalchemy as sql

from dataperf_fast.contest import manifest
from dataperf_fast.contest.store import Store
from dataperf_fast.server import keys, people, schema, states
from dataperf_fast.server.database import Database
from tests.contest.contests import free_port
from tests.server.servers import ALWAYS, BOARD, PASSWORD, contest, order
from tests.server.test_contest import by_hand, ranked

HOST = {"Host": "contest.test"}  # as a proxy before them says
TEAMS, LIMIT = 4, 3


@pytest.fixture
def path(store_url, tmp_path):
    return contest(tmp_path, [ALWAYS | {"hidden": "shown", "limits": {"all": LIMIT}}], store=store_url)


class Server:
    """One of them."""

    def __init__(self, path):
        self.address = f"http://127.0.0.1:{free_port()}"
        words = [sys.executable, "-m", "dataperf_fast", "serve", str(path), "--backend", "cpu", "--jobs", "1"]
        self.process = subprocess.Popen([*words, "--port", self.address.rpartition(":")[2]])
        self.http = httpx2.Client(base_url=self.address, headers=HOST, timeout=60, trust_env=False)

    def answers(self) -> None:
        until(lambda: self.get("/rules") == 200)

    def get(self, path: str, **options) -> int:
        try:
            return self.http.get(path, **options).status_code
        except httpx2.TransportError:
            return 0

    def standings(self) -> dict:
        entries = self.http.get(f"/{BOARD}.json").json()["entries"]
        return {entry["submission"]: (entry["rank"], entry["score"], entry["status"]) for entry in entries}

    def hand_in(self, path, token: str, seed: int) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"}
        while True:  # of one team two at once are not read
            answer = self.http.post(
                f"/api/spring/boards/{BOARD}/submissions",
                files=order(path, seed),
                data={"method": "any"},
                headers=headers,
            )
            if answer.status_code != 429:
                return answer
            time.sleep(0.05)


@contextmanager
def two(path):
    both = [Server(path), Server(path)]
    try:
        for server in both:
            server.answers()
        yield both
    finally:
        for server in both:
            server.process.kill()
            server.process.wait()
            server.http.close()


def until(holds, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def make_teams(database, name: str) -> tuple[list[str], str]:
    """A token a team, and the first one's session."""
    with database.writing() as connection:
        persons = [people.add(connection, f"p{number}@example.org", f"p{number}", PASSWORD) for number in range(TEAMS)]
        for number, person in enumerate(persons):
            people.make_team(connection, name, f"team{number}", person)
        tokens = [keys.make(connection, "token", person.id) for person in persons]
        return tokens, keys.make(connection, "session", persons[0].id)


def unsettled(database) -> int:
    of = schema.uploads.c
    with database.reading() as connection:
        return connection.execute(sql.select(sql.func.count()).where(of.settled.is_(None))).scalar_one()


def dispatcher(database, name: str) -> dict:
    """What the process that scores says of itself."""
    with database.reading() as connection:
        return states.read(connection, name, states.DISPATCHER)


def test_two_servers_are_one_contest(path, tmp_path):
    of = manifest.read(path)
    with closing(Database(of)) as database, two(path) as both:
        tokens, session = make_teams(database, of.name)

        # The same files to both at once are one submission; of more than a team may hand in, as many are taken.
        jobs = [(both[at % 2], token, seed // 2) for token in tokens for seed in range(4) for at in [seed]]
        jobs += [(both[at % 2], token, 10 + at) for token in tokens for at in range(6)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda job: (job[1], job[0].hand_in(path, *job[1:])), jobs))
        taken = {token: {a.json()["id"] for of, a in answers if of == token and a.is_success} for token in tokens}
        assert {answer.status_code for _, answer in answers} <= {200, 201, 409}
        assert [len(ids) for ids in taken.values()] == [LIMIT] * TEAMS
        assert Counter(answer.status_code for _, answer in answers)[201] == LIMIT * TEAMS

        # Who is known to one is known to the other, until he leaves one of them.
        cookie = {"Cookie": f"dataperf={session}"}
        assert [server.get("/mine", headers=cookie) for server in both] == [200, 200]
        account = both[0].http.get("/account", headers=cookie).text
        form = account.partition('name="form_key" value="')[2].partition('"')[0]
        left = both[0].http.post("/logout", data={"form_key": form}, headers=cookie | {"Origin": "http://contest.test"})
        assert left.status_code in (200, 303)
        assert [server.get("/mine", headers=cookie) for server in both] == [303, 303]

        # One of them is killed, the one that scores: the other goes on.
        until(lambda: dispatcher(database, of.name))
        scores = dispatcher(database, of.name)["pid"]
        of_first = psutil.Process(scores).ppid() == both[0].process.pid
        gone, stays = both if of_first else both[::-1]
        gone.process.kill()
        gone.process.wait()
        until(lambda: unsettled(database) == 0)
        now = dispatcher(database, of.name)
        assert now["problem"] == ""
        assert now["pid"] != scores
        expected = ranked(by_hand(path, tmp_path))
        until(lambda: stays.standings() == expected)
    with closing(Store(of.store)) as store:
        counted = Counter(score.submission for score in store.scores(of.name))
    assert set(counted.values()) == {2}  # a task on each of two sets
    assert len(counted) == LIMIT * TEAMS
