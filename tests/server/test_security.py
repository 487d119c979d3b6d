"""Strangers, participants and other sites try what is not theirs, by pages and by programs."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sql

from dataperf_fast.report import leaderboard
from dataperf_fast.server import (
    account,
    acts,
    api,
    boards,
    dynabench,
    keys,
    live,
    organizing,
    pages,
    people,
    schema,
    submitting,
)
from dataperf_fast.server.hall import Hall
from tests.server.dom import checked, harmless
from tests.server.servers import ADDRESS, BOARD, PASSWORD, Visitor, order, served

XSS = "'\"><xss onxss=1>{{7*7}}</title></textarea><script>xss</script>"
SQL = "'; DROP TABLE people; --"
ROOMS = (account, api, dynabench, live, organizing, submitting, boards)
OF_PAGES = [
    "/", f"/{BOARD}.html", "/rules", "/mine", "/account", "/submissions/1", "/submissions/2", "/submissions/1/log",
    f"/hand-in/{BOARD}", "/organizer", "/organizer/boards/index.html", f"/organizer/boards/{BOARD}.html", "/style.css",
    "/table.js", "/static/live.js", "/static/server.css", "/static/none", "/static/../app.py", "/account/export",
    "/api/openapi.json", "/api/spring", "/api/other", "/api/spring/organizer", "/organizer/nothing", f"/{BOARD}.csv",
    f"/login?next={quote(XSS)}", f"/join?key={quote(XSS)}", f"/enter?key={quote(XSS)}", f"/{quote(XSS)}",
    f"/a/{quote(XSS)}", f"/hand-in/{quote(XSS)}", f"/submissions/{quote(XSS)}", f"/mine?link={quote(XSS)}",
]  # fmt: skip


def routes(method: str) -> list[str]:
    """The paths that are served, with something in the place of what changes."""
    found = [route for room in ROOMS for route in (*room.router.routes, *organizing._of_programs.routes)]
    paths = {route.path for route in found if method in getattr(route, "methods", ())}
    given = {
        "contest": "spring",
        "board": BOARD,
        "number": "1",
        "act": "rescore",
        "page": BOARD,
        "kind": "csv",
        "team": "of olga",
    }
    return sorted(re.sub(r"{(\w+)}", lambda word: given.get(word[1], "index.html"), path) for path in paths)


def kept(server, but: tuple[str, ...] = ()) -> str:
    """All that is in the database."""
    with server.hall.database.reading() as connection:
        names = sorted(set(sql.inspect(connection).get_table_names()) - set(but))
        rows = {name: connection.exec_driver_sql(f"SELECT * FROM {name}").mappings().all() for name in names}
    return json.dumps({name: [{**row, "used": None} for row in found] for name, found in rows.items()}, default=str)


def test_html_in_every_field_stays_text(server):
    path, anna, bert, olga = server.path, Visitor(server.app), server.visitor("bert"), server.organizer()
    anna.http.post("/join", data={"name": XSS, "email": "anna@example.org", "password": PASSWORD})
    answers = [anna.post("/team", name=XSS)]
    assert answers[0].status_code == 422
    anna.post("/team", name="anna")
    answers += [
        anna.hand_in(order(path, 1), method=XSS, description=XSS, link=f"https://example.org/{XSS}"),
        anna.hand_in(order(path, 2), method=XSS, link=f"javascript:{XSS}"),
        anna.hand_in([("files", (f"{XSS}_mine.txt", "0\n"))], description=XSS),
        anna.hand_in([("files", ("order.txt", XSS))], link=XSS),
        anna.hand_in(order(path, 1), board=XSS),
        anna.post("/account/tokens", name=XSS),
        anna.post("/login", email=XSS, password=XSS, next=XSS),
        Visitor(server.app).http.post("/join", data={"name": "", "email": XSS, "password": PASSWORD, "key": ""}),
        Visitor(server.app).http.post("/join", data={"name": XSS, "email": "x@example.org", "key": XSS}),
        olga.post("/organizer/act", act="announce", value=XSS),
        olga.post("/organizer/act", act="freeze", reason=XSS),
        olga.post("/organizer/act", act="thaw", reason=XSS),
        olga.post("/organizer/act", act=XSS, about=XSS),
        olga.post("/organizer/act", act="invite", about=XSS, value="participant"),
        bert.hand_in(order(path, 3), method=XSS),
        bert.post("/submissions/2/withdraw", reason=XSS),
        olga.post("/organizer/rule", number="1", act="disqualify", reason=XSS),
    ]
    assert re.search("link: is .{1,5}javascript:", harmless(answers[2].text).text)
    server.turn()
    seen = [checked(answer) for answer in answers]
    for visitor in (anna, bert, olga, Visitor(server.app)):
        seen += [checked(visitor.http.get(path)) for path in OF_PAGES]
    told = [page.text for page in seen if page]
    assert sum("<xss onxss=1>{{7*7}}" in text for text in told) > 40
    for visitor in (anna, bert, olga):
        answer = visitor.http.get(f"/api/{quote(XSS)}/submissions")
        assert answer.headers["content-type"] == "application/json"


def test_nothing_is_inline_in_any_template():
    templates = [*Path(pages.__file__).with_name("templates").glob("*.html"), *leaderboard._TEMPLATES.glob("*.html")]
    assert len(templates) > 10
    for path in templates:
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?! src=)", text), path
        assert set(re.findall(r"\|\s*safe", text)) <= ({"|safe"} if path.name == "submission.html" else set())


def test_what_is_refused_and_what_fails_has_the_policy_too(server, monkeypatch):
    anna = server.visitor("anna")
    cases = [
        (404, anna.http.get("/nothing.html")), (404, anna.http.get("/logout")),
        (403, anna.post("/logout", form_key="")),
        (421, anna.http.get("/", headers={"Host": "evil.example"})), (405, anna.http.request("TRACE", "/")),
        (413, anna.http.post("/login", content=b"x" * (1 << 17))), (422, anna.http.get("/submissions/one")),
        (415, anna.http.post("/login", headers={"Content-Type": "multipart/form-data; charset=punycode; boundary=a"})),
    ]  # fmt: skip

    def fails(*_):
        raise RuntimeError(f"no room at {server.path}")

    monkeypatch.setattr(Hall, "decided", fails)
    cases.append((500, anna.http.get("/rules")))
    assert str(server.path) not in cases[-1][1].text
    for status, answer in cases:
        assert answer.status_code == status
        checked(answer)


FOREIGN = (
    {"Origin": ""}, {"Origin": "null"}, {"Origin": "https://evil.example"}, {"Origin": "https://contest.test"},
    {"Origin": f"{ADDRESS}.evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
)  # fmt: skip


def test_other_sites_change_nothing(server):
    olga = server.organizer()
    before = kept(server)
    form = {"form_key": olga.form_key, "email": "Olga@example.org"}
    for headers in FOREIGN:
        for path in routes("POST"):
            assert olga.http.post(path, data=form, headers=headers).status_code == 403, (path, headers)
    del olga.http.headers["Origin"]
    assert olga.http.post("/team", data={**form, "name": "a"}).status_code == 403
    assert kept(server) == before


def test_forms_are_of_their_session(server):
    olga, anna = server.organizer(), server.visitor("anna")
    olga.post("/team", name="of olga")
    olga.hand_in(order(server.path, 1))
    for_all = {"email": "olga@example.org", "new": PASSWORD, "act": "freeze", "number": "1", "reason": "so"}
    wrong = "", anna.form_key, olga.form_key[:-1] + "\N{GREEK SMALL LETTER ALPHA}"
    before = kept(server, ("attempts",))
    for path in [path for path in routes("POST") if path not in ("/login", "/join", "/enter")]:
        for key in wrong:
            answer = olga.http.post(path, data={**for_all, "form_key": key})
            assert answer.status_code in (401, 403, 422), path
    assert kept(server, ("attempts",)) == before
    assert "not of this session" in olga.http.post("/logout", data={"form_key": anna.form_key}).text


def test_to_look_changes_nothing(server):
    olga = server.organizer()
    olga.post("/team", name="of olga")
    olga.hand_in(order(server.path, 1))
    server.turn()
    before = kept(server)
    paths = [path for path in routes("GET") if path != "/events"]
    assert len(paths) > 20
    for path in paths:
        assert olga.http.get(path).status_code == 200, path
        assert olga.http.get(f"{path}?key=a&act=freeze&reason=b&form_key={olga.form_key}").status_code == 200
    assert kept(server) == before


def cookie(visitor) -> str:
    return visitor.http.cookies[next(iter(visitor.http.cookies))]


def stolen(server, value: str) -> int:
    """What a page of an account says to who has copied a cookie."""
    thief = Visitor(server.app)
    return thief.http.get("/account", headers={"Cookie": f"dataperf={value}"}, follow_redirects=False).status_code


def test_a_cookie_from_before_is_nothing_after(server):
    anna = Visitor(server.app)
    anna.http.cookies.set("dataperf", "planted", domain="contest.test")
    anna.join("anna", "anna")
    assert stolen(server, "planted") == 303
    before = cookie(anna)
    assert stolen(server, before) == 200
    anna.log_in("anna")
    assert (cookie(anna) == before, stolen(server, before), stolen(server, cookie(anna))) == (False, 303, 200)


@pytest.mark.parametrize("address", [ADDRESS, "https://contest.test"])
def test_flags_of_cookies(manifest, address):
    with served(manifest(server={"address": address})) as server:
        anna = Visitor(server.app, address)
        form = {"name": "anna", "email": "anna@example.org", "password": PASSWORD}
        answer = anna.http.post("/join", data=form, follow_redirects=False)
        [given] = answer.headers.get_list("set-cookie")
        flags = {part.strip().lower() for part in given.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= flags
        assert not any(flag.startswith("domain") for flag in flags)
        secure = address.startswith("https")
        assert ("secure" in flags, given.startswith("__Host-dataperf=")) == (secure, secure)
        assert ("strict-transport-security" in answer.headers) == secure
        assert anna.form_key


def test_sessions_and_tokens_end(server):
    anna, olga = server.visitor("anna"), server.organizer()
    first = cookie(anna)
    anna.post("/logout")
    assert stolen(server, first) == 303
    anna.log_in("anna")
    elsewhere = Visitor(server.app)
    elsewhere.log_in("anna")
    link = acts.link(server.hall.contest, server.hall.database, one(server, "anna"), "test").partition("key=")[2]
    assert anna.post("/account/password", old="wrong", new=PASSWORD * 2).status_code == 403
    assert anna.post("/account/password", old=PASSWORD, new=PASSWORD * 2).status_code == 200
    assert (stolen(server, cookie(elsewhere)), stolen(server, cookie(anna))) == (303, 200)
    assert elsewhere.log_in("anna").status_code == 403
    assert elsewhere.http.post("/enter", data={"key": link}).status_code == 403
    header = anna.with_token()
    assert anna.http.get("/api/spring/me", headers=header).status_code == 200
    number = re.search("/account/tokens/([0-9]+)/end", anna.http.get("/account").text)[1]
    assert olga.post(f"/account/tokens/{number}/end").status_code == 404
    anna.post(f"/account/tokens/{number}/end")
    assert anna.http.get("/api/spring/me", headers=header).status_code == 401
    header, mine = anna.with_token(), cookie(anna)
    to_join = anna.post("/team/link").text.partition("/join?key=")[2].partition("<")[0]
    olga.post("/organizer/act", act="bar", about="anna@example.org", reason="a second account")
    assert (stolen(server, mine), anna.http.get("/api/spring/me", headers=header).status_code) == (303, 401)
    assert anna.log_in("anna", PASSWORD * 2).status_code == 403
    assert Visitor(server.app).join("again", key=to_join).status_code == 403


@pytest.mark.parametrize("kind", ["session", "token", "login", "invitation"])
def test_keys_end_by_themselves(server, kind):
    anna = server.visitor("anna")
    with server.hall.database.writing() as connection:
        person = one(server, "anna").id
        key = keys.make(connection, kind, None if kind == "invitation" else person, role="organizer")
        assert keys.find(connection, kind, key)
        past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat(timespec="seconds")
        connection.execute(schema.keys.update().where(schema.keys.c.kind == kind).values(until=past))
        for other in ("session", "token", "login", "invitation"):
            assert keys.find(connection, other, key) is None
    if kind == "session":
        assert (stolen(server, key), anna.form_key) == (303, "")
    anna.http.cookies.clear()
    header = {"Authorization": f"Bearer {key}"}
    assert anna.http.get("/api/spring/me", headers=header).status_code == 401
    assert anna.http.post("/enter", data={"key": key}).status_code == 403
    assert anna.join("new", key=key).status_code == 403


def test_keys_open_nothing_but_their_own_door(server):
    with server.hall.database.writing() as connection:
        person = people.add(connection, "anna@example.org", "anna", people.hashed(PASSWORD))
        made = {kind: keys.make(connection, kind, person.id) for kind in ("session", "token", "login")}
    anna = Visitor(server.app)
    for kind, key in made.items():
        assert (stolen(server, key) == 200) == (kind == "session")
        header = {"Authorization": f"Bearer {key}"}
        assert (anna.http.get("/api/spring/me", headers=header).status_code == 200) == (kind == "token")
        assert anna.join("new", key=key).status_code == 403
    header = {"Authorization": f"Bearer {made['token']}"}
    with server.hall.database.reading() as connection:
        found = keys.find(connection, "token", made["token"])
    forms = {"form_key": found.form_key, "name": "further", "email": "anna@example.org"}
    for path in ("/account/tokens", "/account/delete", "/team", "/logout"):
        assert anna.http.post(path, data=forms, headers=header).status_code == 403  # or it would outlive itself
    assert found.form_key not in anna.http.get("/account", headers=header).text


def one(server, name: str) -> people.Person:
    with server.hall.database.reading() as connection:
        return people.by_email(connection, f"{name}@example.org")
