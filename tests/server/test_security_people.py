"""Strangers guess, and people reach for what is another's: his files, his team, his role, his place in the database."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import quote

import pytest

from dataperf_fast.contest.store import Store
from dataperf_fast.server import acts, people, throttle
from tests.server.servers import BOARD, PASSWORD, Visitor, order, served

SQL = "x'; DROP TABLE people; --"
HERE, THERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture
def verified(monkeypatch):
    """How many hashes have been compared."""
    counted, verify = [], type(people._hasher()).verify
    monkeypatch.setattr(type(people._hasher()), "verify", lambda *given: counted.append(1) or verify(*given))
    return counted


@pytest.fixture
def clock(monkeypatch):
    """A time that tests move."""
    now = [1e9]
    monkeypatch.setattr(throttle.time, "time", lambda: now[0])
    return now


def shown(answer) -> str:
    return re.sub('value="[^"]*"', "", answer.text)


def test_nobody_is_told_who_has_an_account(server, verified):
    server.visitor("anna")
    barred = server.visitor("bert")
    server.organizer().post("/organizer/act", act="bar", about="bert@example.org", reason="so")
    stranger, answers = Visitor(server.app), []
    people._nobodys()
    for name in ("anna", "bert", "nobody"):
        verified.clear()
        answers.append(stranger.log_in(name, "a wrong password"))
        assert len(verified) == 1
    assert {answer.status_code for answer in answers} == {403}
    assert len({shown(answer) for answer in answers}) == 1
    assert barred.log_in("bert").status_code == 403


def test_guesses_are_counted_by_all_servers_and_lock_out_nobody_else(server, clock, verified):
    anna = Visitor(server.app, place=HERE)
    anna.join("anna", "anna")
    with served(server.path) as other:
        guessers = Visitor(server.app, place=THERE), Visitor(other.app, place=THERE)
        answers = [guessers[turn % 2].log_in("anna", f"guess number {turn}") for turn in range(12)]
        assert [answer.status_code for answer in answers] == [403] * 5 + [429] * 7
        assert answers[-1].headers["retry-after"] == "2"
        verified.clear()
        assert [guesser.log_in("anna").status_code for guesser in guessers] == [429, 429]  # were it even right
        assert not verified
        clock[0] += 3
        assert [guesser.log_in("anna", "a wrong password").status_code for guesser in guessers] == [403, 429]
        assert "wait 4 s" in guessers[0].log_in("anna").text
        assert anna.log_in("anna").status_code == 200
        assert guessers[1].log_in("anna").status_code == 429  # what she does from there forgives nothing here


def test_a_hundred_places_lock_nobody_out_of_his_own(server, clock):
    anna = Visitor(server.app, place=HERE)
    anna.join("anna", "anna")
    anna.log_in("anna")
    for turn in range(110):
        Visitor(server.app, place=f"203.0.113.{turn}").log_in("anna", "a wrong password")
    clock[0] += 1
    assert Visitor(server.app, place=THERE).log_in("anna").status_code == 429
    assert anna.log_in("anna").status_code == 200
    assert Visitor(server.app, place="known " + HERE).log_in("anna").status_code == 429
    Visitor(server.app, place=THERE).log_in("KNOWN anna", "x")
    assert Visitor(server.app, place=THERE).log_in("anna").status_code == 429


def test_with_an_account_of_ones_own_one_guesses_no_more(server, clock):
    mallory = Visitor(server.app, place=THERE)
    mallory.join("mallory")
    tried = []
    for turn in range(80):
        tried.append(mallory.log_in(f"person{turn}", "a common password").status_code)
        assert turn % 10 or mallory.log_in("mallory").status_code in (200, 429)
    assert (tried.count(403), tried[-1]) == (50, 429)
    whole_network = [Visitor(server.app, place=f"2001:db8::{turn:x}") for turn in range(60)]
    tried = [one.log_in(f"person{turn}", "a common password").status_code for turn, one in enumerate(whole_network)]
    assert (tried.count(403), tried[-1]) == (50, 429)


def test_wrong_tokens_and_links_are_slowed_and_right_ones_are_not(server, clock):
    anna = server.visitor("anna")
    header = anna.with_token()
    answers = [
        anna.http.get("/api/spring/me", headers={"Authorization": f"Bearer dpf_{turn}"}).status_code
        for turn in range(25)
    ]
    assert answers == [401] * 20 + [429] * 5
    assert anna.http.post("/enter", data={"key": "a"}).status_code == 429
    assert anna.join("new", key="a").status_code == 429
    assert anna.http.get("/api/spring/me", headers=header).status_code == 200
    link = acts.invite(server.hall.contest, server.hall.database, "", "participant", "test")
    somebody = Visitor(server.app)
    assert somebody.join("somebody", key=link.partition("key=")[2]).status_code == 200
    clock[0] += 3
    assert Visitor(server.app, place=THERE).http.post("/enter", data={"key": "a"}).status_code == 403


def test_what_is_anothers_is_not_there(server):
    anna, bert = server.visitor("anna"), server.visitor("bert")
    anna.hand_in(order(server.path, 1))
    bert.hand_in(order(server.path, 2), method="of bert")
    server.turn()
    header = anna.with_token()
    asked = [anna.http.get(f"/submissions/2{more}") for more in ("", "/log")]
    asked += [anna.post(f"/submissions/2/{act}") for act in ("choose", "withdraw")]
    api = "/api/spring/submissions"
    asked += [anna.http.get(f"{api}/2{more}", headers=header) for more in ("", "/log")]
    asked += [anna.http.post(f"{api}/2/{act}", headers=header, json={"reason": "x"}) for act in ("choose", "withdraw")]
    for answer in asked:
        assert answer.status_code == 404
        assert "of bert" not in answer.text
    assert [one["id"] for one in anna.http.get(api, headers=header).json()] == [1]
    assert "of bert" not in anna.http.get("/mine").text + anna.http.get("/account/export").text
    assert bert.http.get("/submissions/2").text.count("of bert")
    for path in ("/submissions/0", "/submissions/-1", f"{api}/{2**31}", f"/submissions/{10**30}", "/submissions/1e0"):
        assert anna.http.get(path, headers=header if "api" in path else {}).status_code == 422
    for method, path in (("GET", f"{api}/1"), ("POST", f"{api}/1/withdraw"), ("GET", "/submissions/1")):
        assert Visitor(server.app).http.request(method, path).status_code in (200, 401, 403)  # 200: to log in
        assert "0001" not in Visitor(server.app).http.request(method, path).text


def test_organizers_pages_are_there_for_nobody_else(server):
    link = acts.invite(server.hall.contest, server.hall.database, "", "rater", "test")
    rater, anna = Visitor(server.app), server.visitor("anna")
    rater.join("rita", key=link.partition("key=")[2])
    assert "<dd>rater</dd>" in rater.http.get("/account").text
    paths = "/organizer", f"/organizer/boards/{BOARD}.html", "/organizer/boards/index.html", "/api/spring/organizer"
    for somebody in (rater, anna, Visitor(server.app)):
        header = somebody.with_token() if somebody.form_key else {}
        answers = [somebody.http.get(path) for path in paths] + [somebody.http.get(paths[-1], headers=header)]
        answers.append(somebody.post("/organizer/act", act="freeze", reason="so"))
        answers.append(somebody.post("/organizer/rule", act="withdraw", number="1", reason="so"))
        of_programs = "/api/spring/organizer/acts", "/api/spring/organizer/submissions/1/rescore"
        for path in (*of_programs, f"/dynabench/{BOARD}"):
            given = {"act": "release", "reason": "so"}
            answers.append(somebody.http.post(path, headers=header, json=given))
        assert {answer.status_code for answer in answers} == {404}
        assert "Organizer" not in somebody.http.get("/rules").text
    assert not server.hall.decided()[0].frozen


def key_of(link: str) -> str:
    return link.partition("key=")[2].partition("<")[0]


def count(server, table: str) -> int:
    with server.hall.database.reading() as connection:
        return connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()


@pytest.mark.parametrize("registration", ["invitation", "closed", "open"])
def test_an_invitation_is_for_one_person_once(manifest, registration):
    with served(manifest(server={"registration": registration})) as server:

        def invited(email, role):
            return key_of(acts.invite(server.hall.contest, server.hall.database, email, role, "test"))

        asked = Visitor(server.app).join("uninvited")
        assert (asked.status_code, count(server, "people")) == ((200, 1) if registration == "open" else (403, 0))
        if registration == "closed":
            assert Visitor(server.app).join("anna", key=invited("", "organizer")).status_code == 403
            assert count(server, "people") == 0
            return
        begun, key, somebody = count(server, "people"), invited("", "participant"), range(6)
        with served(server.path) as other, ThreadPoolExecutor(6) as pool:
            both = [Visitor((server, other)[turn % 2].app) for turn in somebody]
            answers = pool.map(lambda turn: both[turn].join(f"person{turn}", key=key).status_code, somebody)
            first, *others = sorted(answers)
            assert first == 200
            assert set(others) <= {403, 409}  # 409: PostgreSQL finds out at the end that somebody was first
        assert count(server, "people") == begun + 1
        key = invited("olga@example.org", "organizer")
        anna = Visitor(server.app)
        anna.join("anna", key=invited("anna@example.org", "participant"))
        assert "another address" in anna.post("/join", key=key).text
        thief = Visitor(server.app)
        thief.http.post(
            "/join", data={"name": "x", "email": "thief@e.org", "password": PASSWORD, "key": key, "role": "organizer"}
        )
        assert "olga@example.org" in thief.http.get("/account").text  # an account for whom it was made, and no other
        anna.post("/join", key=invited("", "participant"), role="organizer")
        assert "<dd>participant</dd>" in anna.http.get("/account").text
        thief.post("/join", key=invited("", "participant"))
        assert "<dd>organizer</dd>" in thief.http.get("/account").text  # nobody becomes less by one


def test_a_link_logs_in_once(server):
    anna = server.visitor("anna")
    with server.hall.database.reading() as connection:
        person = people.by_email(connection, "anna@example.org")
    key = key_of(acts.link(server.hall.contest, server.hall.database, person, "test"))
    for _ in range(2):
        assert 'name="key"' in Visitor(server.app).http.get(f"/enter?key={key}").text  # programs look at links
    with served(server.path) as other, ThreadPoolExecutor(4) as pool:
        apart = [Visitor((server, other)[turn % 2].app) for turn in range(4)]
        answers = list(pool.map(lambda one: one.http.post("/enter", data={"key": key}), apart))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]
    [within] = [one for one, answer in zip(apart, answers, strict=True) if answer.status_code == 200]
    assert within.post("/account/password", new=PASSWORD[::-1]).status_code == 200  # the old one is forgotten
    assert (anna.form_key, anna.log_in("anna").status_code) == ("", 403)
    assert within.post("/account/password", new=PASSWORD).status_code == 403


def test_teams_are_made_and_joined_once(server):
    (server.path.parent / "teams" / "Baseline").mkdir()
    anna = server.visitor("anna")
    for name in ("ANNA", "a\N{COMBINING RING ABOVE}nna/..", "..", "baseline", "x.tmp", "thumbs.db", "\ufdfa" * 20):
        mallory = server.visitor(f"mallory{count(server, 'people')}", name)
        assert mallory.http.get("/hand-in/" + BOARD).status_code == 403, name
    links = [key_of(anna.post("/team/link").text) for _ in range(3)]
    bert = Visitor(server.app)
    bert.join("bert")
    with served(server.path) as other, ThreadPoolExecutor(4) as pool:
        again = Visitor(other.app)
        again.http.cookies = bert.http.cookies
        form = {"form_key": bert.form_key}
        tries = [(bert, "/join", {"key": links[0]}), (again, "/join", {"key": links[1]})]
        tries += [(one, "/team", {"name": "b"}) for one in (bert, again)]
        answers = pool.map(lambda one: one[0].http.post(one[1], data=one[2] | form).status_code, tries)
        assert sorted(answers) == [200, 422, 422, 422]
    with server.hall.database.reading() as connection:
        teams = connection.exec_driver_sql(
            "SELECT team FROM members JOIN people ON people.id = person WHERE people.name = 'bert'"
        ).all()
    assert len(teams) == 1
    carl = Visitor(server.app)
    assert carl.join("carl", key=links[2]).status_code == 200
    assert Visitor(server.app).join("dora", key=links[2]).status_code == 403
    assert "carl" in anna.http.get("/mine").text
    assert (count(server, "members"), "dora" in anna.http.get("/mine").text) == (3, False)


def test_sql_is_text(server):
    anna = Visitor(server.app)
    form = {"name": SQL, "email": "anna@example.org", "password": SQL}
    assert anna.http.post("/join", data=form).status_code == 200
    assert Visitor(server.app).log_in("' OR 1=1 --", "' OR '1'='1").status_code == 403
    assert anna.post("/team", name="anna").status_code == 200
    header, olga = anna.with_token(), server.organizer()
    anna.hand_in(order(server.path, 1), method=SQL, description=SQL, link=f"https://{SQL}")
    anna.post("/account/tokens", name=SQL)
    anna.post("/submissions/1/withdraw", reason=SQL)
    for act in ("announce", "freeze", "thaw", "bar", SQL):
        olga.post("/organizer/act", act=act, about=SQL, value=SQL, reason=SQL)
    paths = [
        "/submissions/{}", "/hand-in/{}", "/{}", "/join?key={}", "/enter?key={}", "/login?next={}", "/api/{}",
        "/api/spring/pages/{}.csv", "/api/spring/submissions/{}", "/organizer/boards/{}", "/static/{}",
    ]  # fmt: skip
    for visitor in (anna, olga):
        for path in paths:
            given = header if path.startswith("/api") and visitor is anna else {}
            answer = visitor.http.get(path.format(quote(SQL, safe="")), headers=given)
            assert answer.status_code in (200, 403, 404, 422), path
            assert "sqlite" not in answer.text.lower()
    assert anna.http.get("/api/spring/me", headers={"Authorization": f"Bearer {SQL}"}).status_code == 401
    server.turn()
    with closing(Store(server.hall.contest.store)) as store:
        assert store.scores("Spring")
    assert count(server, "people") == 2
    assert olga.http.get("/organizer").text.count("DROP TABLE") >= 4


def test_who_has_an_account_is_asked_a_few_times(server):
    server.visitor("anna")
    asked = [Visitor(server.app).join("anna").status_code for _ in range(30)]
    assert asked[:20] == [422] * 20
    assert asked[-1] == 429
    assert "anna" not in Visitor(server.app).join("anna").text
    elsewhere = Visitor(server.app, place="198.51.100.7")
    assert elsewhere.join("bert").status_code == 200
