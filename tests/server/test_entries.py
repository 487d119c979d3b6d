"""What the public sees besides the ranking: an entry's own page, and on every page what was said and how it stands."""

from __future__ import annotations

import json
import re
import tomllib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataperf_fast.contest.store import Store
from tests.server.servers import ALWAYS, BOARD, contest, order, served

ABOUT = {"method": "by hand", "description": "Looked at each.\nTwice.", "link": "https://example.org/how"}


def test_an_entry_has_a_page_of_its_own(tmp_path):
    path = contest(tmp_path, [ALWAYS | {"hidden": "shown"}], {"curves": True, "published": True})
    with served(path) as server:
        for seed, name in enumerate(("anna", "bert und Söhne")):
            server.visitor(f"person{seed}", name).hand_in(order(path, seed), **ABOUT)
        anybody = server.visitor()
        assert anybody.http.get(f"/entries/{BOARD}/anna").status_code == 404  # on no board yet
        server.turn()
        links = re.findall('href="(/entries/[^"]+)"', anybody.http.get(f"/{BOARD}.html").text)
        assert sorted(links) == [f"/entries/{BOARD}/anna", f"/entries/{BOARD}/bert%20und%20S%C3%B6hne"]
        for link in links:
            page = anybody.http.get(link)
            assert page.status_code == 200
            assert all(text in page.text for text in ABOUT.values())
            assert page.text.count("<article") == 1  # its own, and none of the paper's
            assert str(tmp_path) not in page.text
        rank, score, _ = server.standings()["anna"]
        assert (
            f"place {rank}, fraction fixes {score:.4f}, lower is better"
            in anybody.http.get(f"/entries/{BOARD}/anna").text
        )
        server.organizer().post("/organizer/rule", number=1, act="withdraw", reason="was asked to")
        server.turn()
        assert anybody.http.get(f"/entries/{BOARD}/anna").status_code == 404
        for nothing in (f"/entries/{BOARD}/nobody", "/entries/none/anna", "/entries/..%2f..%2fwork/anna"):
            assert anybody.http.get(nothing).status_code == 404


@pytest.mark.parametrize("only_hidden", [True, False])
def test_what_is_withheld_is_on_no_entrys_page(tmp_path, only_hidden):
    sets = {"hidden": True} if only_hidden else {"hidden": True, "warm-up": False}
    path = contest(tmp_path, [ALWAYS | {"hidden": "withheld"}], {"curves": True}, sets=sets)
    with served(path) as server:
        server.visitor("anna").hand_in(order(path, 1), **ABOUT)
        server.turn()
        with closing(Store(server.hall.contest.store)) as store:
            [score] = [score for score in store.scores("Spring") if score.dataset == "hidden"]

        def told(page: str) -> bool:
            seen = [f"{score.score:.4f}", f"{score.score:.3f}", json.dumps(score.details["curve"])[:40]]
            return any(text in page for text in seen)

        for somebody in (server.visitor(), server.visitor("bert"), server.organizer()):
            page = somebody.http.get(f"/entries/{BOARD}/anna").text
            assert "by hand" in page
            assert "withheld until they are released" in page
            assert not told(page)
        past = ALWAYS | {"hidden": "withheld", "end": datetime.now(UTC) - timedelta(seconds=1)}
        contest(tmp_path, [past], {"curves": True}, sets=sets)
        server.hall.renew()
        server.turn()
        assert told(server.visitor().http.get(f"/entries/{BOARD}/anna").text)


def test_boards_say_how_the_contest_stands_and_what_was_said(tmp_path):
    path = contest(tmp_path)
    with served(path) as server:
        olga, anybody = server.organizer(), server.visitor()
        before = server.dispatcher._seen()
        olga.post("/organizer/act", act="announce", value="<b>Tea</b> at four")
        assert server.dispatcher._seen() != before  # so that it writes the pages anew
        server.visitor("anna").hand_in(order(path, 1))
        server.turn()
        for page in ("/", f"/{BOARD}.html"):
            text = anybody.http.get(page).text
            assert "main is open until 2099-01-01 00:00 UTC." in text
            assert "&lt;b&gt;Tea&lt;/b&gt; at four" in text
        private = olga.http.get(f"/organizer/boards/{BOARD}.html").text
        assert "as organizers alone see them" in private
        assert "/entries/" not in private
        for link in set(re.findall('(?:href|src)="(/[^"]*)"', private)):
            assert olga.http.get(link).status_code == 200, link


def test_a_link_for_a_member_takes_nothing_from_the_page(tmp_path):
    path = contest(tmp_path)
    with served(path) as server:
        anna = server.visitor("anna")
        anna.hand_in(order(path, 1))
        page = anna.post("/team/link").text
        assert 'href="/submissions/1"' in page
        link = re.search("<code>([^<]+/join[^<]+)</code>", page)[1]
        bert = server.visitor()
        bert.join("bert", key=link.partition("key=")[2])
        assert 'href="/submissions/1"' in bert.http.get("/mine").text


def test_all_that_pages_need_comes_with_the_package():
    root = Path(__file__).parents[2]
    given = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["dataperf_fast"]
    assert {"server/templates/*", "server/static/*"} <= set(given)
