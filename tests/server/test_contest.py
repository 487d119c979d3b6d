"""A contest over the web: what is taken, what counts, what is seen when, against ``organize run`` on the same files."""

from __future__ import annotations

import json
import re
from concurrent.futures import CancelledError
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from dataperf_fast import cli
from dataperf_fast.contest import decisions, manifest, planning, run, standings
from dataperf_fast.contest.store import Store
from dataperf_fast.report import leaderboard
from dataperf_fast.server import arrivals, database, schema
from tests.contest.contests import Watched
from tests.server import servers
from tests.server.servers import ALWAYS, BOARD, contest, order, served


def by_hand(path: Path, folder: Path) -> list:
    """The standings of ``organize run`` on the same files, in a store of its own."""
    given = yaml.safe_load(path.read_text())
    given["store"] = f"sqlite:///{folder / 'other.sqlite'}"
    other = path.with_name("other.yaml")
    other.write_text(yaml.safe_dump(given))
    of = manifest.read(other)
    with closing(Store(of.store, make=True)) as store:
        plan = planning.read(of, Watched(), "cpu")
        run.run(of, plan, store, run.How("cpu", 1), Watched())
        return standings.settings(of, plan, standings.current(plan, store))


def ranked(settings) -> dict:
    [setting] = settings
    rows = leaderboard.rows_of(setting)
    return {row.entry.submission: (row.rank, row.score, row.entry.status) for row in rows}


def test_from_registration_to_a_place_on_the_board(tmp_path, store_url):
    path = contest(tmp_path, [ALWAYS | {"hidden": "shown"}], store=store_url)
    with served(path) as server:
        anna, bert = server.visitor("anna"), server.visitor("bert")
        broken = anna.hand_in([("files", ("synth00-flipped_mine.txt", "one\n"))])
        assert broken.status_code == 422
        assert "synth00-flipped_mine.txt: line 1: holds no integer" in broken.text
        assert str(tmp_path) not in broken.text
        for somebody, seed in ((anna, 1), (bert, 2), (anna, 3)):
            answer = somebody.hand_in(order(path, seed))
            assert re.fullmatch(".*/submissions/[123]", str(answer.url))
            assert "waiting" in answer.text
        server.turn()
        assert server.standings() == ranked(by_hand(path, tmp_path))
        page = anna.http.get("/submissions/1").text
        assert '<span class="state scored">scored</span>' in page
        assert [entry.name for entry in sorted((tmp_path / "teams" / "anna").iterdir())] == ["000001", "000003"]


def test_the_same_again_is_the_same_and_takes_nothing_from_a_limit(tmp_path, store_url):
    path = contest(tmp_path, [ALWAYS | {"limits": {"day": 2, "at_once": 1}}], store=store_url)
    with served(path) as server:
        anna = server.visitor("anna")
        headers = anna.with_token()
        api = f"/api/spring/boards/{BOARD}/submissions"
        first = anna.http.post(api, headers=headers, files=order(path, 1), data={"method": "a"})
        again = anna.http.post(api, headers=headers, files=order(path, 1), data={"method": "a"})
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["id"] == again.json()["id"]
        waits = anna.http.post(api, headers=headers, files=order(path, 2), data={"method": "a"})
        assert waits.status_code == 409
        assert "1 may wait at once" in waits.json()["error"]
        server.turn()
        broken = [("files", ("synth00-flipped_mine.txt", "0\n"))]
        for _ in range(3):
            assert anna.http.post(api, headers=headers, files=broken, data={"method": "a"}).status_code == 422
        assert anna.http.post(api, headers=headers, files=order(path, 2), data={"method": "a"}).status_code == 201
        server.turn()
        full = anna.http.post(api, headers=headers, files=order(path, 3), data={"method": "a"})
        assert (full.status_code, "2 a day are taken" in full.json()["error"]) == (409, True)
        assert len(list((tmp_path / "teams" / "anna").iterdir())) == 2


@pytest.mark.parametrize("counts", ["last", "best", "chosen"])
def test_which_submission_counts(tmp_path, counts):
    path = contest(tmp_path, [ALWAYS | {"hidden": "shown"}], {"counts": counts})
    with served(path) as server:
        anna = server.visitor("anna")
        for seed in (1, 2, 3):
            anna.hand_in(order(path, seed))
        server.turn()
        with closing(Store(server.hall.contest.store)) as store:
            of = {f"anna/00000{n}": [] for n in (1, 2, 3)}
            for score in store.scores("Spring"):
                if score.dataset == "hidden":
                    of[score.submission].append(score.score)
        means = {name: sum(scores) / len(scores) for name, scores in of.items()}
        wanted = {"last": "anna/000003", "best": min(means, key=means.get), "chosen": "anna/000003"}[counts]
        assert server.standings()["anna"][1] == pytest.approx(means[wanted], abs=1e-12)
        answer = anna.post("/submissions/1/choose")
        assert answer.status_code == (200 if counts == "chosen" else 409)
        server.turn()
        if counts == "chosen":
            assert server.standings()["anna"][1] == pytest.approx(means["anna/000001"], abs=1e-12)


def test_phases_open_and_close_by_themselves(tmp_path):
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    phases = [
        {"name": "warm", "start": now - 3 * hour, "end": now - 2 * hour},
        {"name": "final", "start": now + hour, "end": now + 2 * hour},
    ]
    path = contest(tmp_path, phases)
    with served(path) as server:
        anna = server.visitor("anna")
        refused = anna.hand_in(order(path, 1))
        assert refused.status_code == 403
        assert "final opens at" in refused.text
        contest(tmp_path, [phases[0] | {"end": now + hour / 2}, phases[1]])
        server.hall.renew()
        assert anna.hand_in(order(path, 1)).status_code == 200
        contest(tmp_path, phases[:1])
        server.hall.renew()
        assert "closed since" in anna.hand_in(order(path, 2)).text
        olga = server.organizer()
        end = f"{now + hour:%Y-%m-%dT%H:%M}"
        olga.post("/organizer/act", act="extend", about="warm", value=end, reason="an outage")
        assert anna.hand_in(order(path, 2)).status_code == 200
        assert "an outage" in olga.http.get("/organizer").text


def every_public_byte(server, *visitors) -> str:
    """All that those who are no organizers can read, of every page that there is."""
    found = []
    paths = ["/", f"/{BOARD}.html", f"/{BOARD}.csv", f"/{BOARD}.json", "/rules", "/mine", "/account", "/submissions/1"]
    paths += ["/submissions/2", f"/api/spring/pages/{BOARD}.json", "/api/spring", "/api/spring/submissions"]
    paths += ["/api/spring/submissions/1", "/api/spring/submissions/2", "/account/export", "/api/spring/me"]
    for visitor in visitors:
        found += [visitor.http.get(path).text for path in paths]
        if visitor.token:
            headers = {"Authorization": f"Bearer {visitor.token}"}
            found += [visitor.http.get(path, headers=headers).text for path in paths if path.startswith("/api")]
    return "\n".join(found)


@pytest.mark.parametrize("only_hidden", [True, False])
def test_what_is_withheld_is_nowhere_until_the_phase_ends(tmp_path, only_hidden):
    sets = {"hidden": True} if only_hidden else {"hidden": True, "warm-up": False}
    path = contest(tmp_path, [ALWAYS | {"hidden": "withheld"}], {"curves": True}, sets=sets)
    with served(path) as server:
        anna, bert = server.visitor("anna"), server.visitor("bert")
        anna.with_token()
        for seed, somebody in enumerate((anna, bert)):
            somebody.hand_in(order(path, seed))
        server.turn()
        with closing(Store(server.hall.contest.store)) as store:
            scores = [score for score in store.scores("Spring") if score.dataset == "hidden"]
        assert len(scores) == 2
        seen = every_public_byte(server, anna, bert, server.visitor())
        for score in scores:
            assert 0 < score.score < 1  # of 97 rows: no tick of an axis looks like it
            for told in (f"{score.score:.4f}", repr(score.score), f"{score.score:.3f}"):
                assert told not in seen
            assert json.dumps(score.details["curve"])[:40] not in seen
        assert ("withheld" in json.dumps(server.standings())) == only_hidden
        olga = server.organizer()
        private = olga.http.get(f"/organizer/boards/{BOARD}.json").json()["entries"]
        assert {entry["score"] for entry in private} == {score.score for score in scores}
        past = ALWAYS | {"hidden": "withheld", "end": datetime.now(UTC) - timedelta(seconds=1)}
        contest(tmp_path, [past], {"curves": True}, sets=sets)
        server.hall.renew()
        server.turn()
        assert {entry[1] for entry in server.standings().values()} == {score.score for score in scores}


def test_what_is_rounded_ranks_by_what_is_seen(tmp_path):
    path = contest(tmp_path, [ALWAYS | {"hidden": "rounded", "digits": 0}])
    with served(path) as server:
        for seed in range(3):
            server.visitor(f"team{seed}").hand_in(order(path, seed))
        server.turn()
        seen = server.standings()
        with closing(Store(server.hall.contest.store)) as store:
            exact = {s.submission.partition("/")[0]: s.score for s in store.scores("Spring") if s.dataset == "hidden"}
        assert {team: entry[1] for team, entry in seen.items()} == {team: round(s) for team, s in exact.items()}
        assert len({entry[0] for entry in seen.values()}) == len({entry[1] for entry in seen.values()})
        assert 'retrains": null' in server.visitor().http.get(f"/{BOARD}.json").text


def test_withdrawn_disqualified_restored_rescored(tmp_path):
    path = contest(tmp_path, [ALWAYS | {"hidden": "shown"}])
    with served(path) as server:
        anna, bert = server.visitor("anna"), server.visitor("bert")
        anna.hand_in(order(path, 1))
        bert.hand_in(order(path, 2))
        server.turn()
        whole, olga = server.standings(), server.organizer()
        anna.post("/submissions/1/withdraw")
        olga.post("/organizer/rule", number="2", act="disqualify", reason="the hidden labels")
        server.turn()
        assert server.standings() == {"bert": (None, None, "disqualified")}
        assert cli.main(["leaderboard", str(path), "--out", str(tmp_path / "pages")]) == 0
        [entry] = json.loads((tmp_path / "pages" / f"{BOARD}.json").read_text())["entries"]
        assert (entry["submission"], entry["status"]) == ("bert", "disqualified")
        assert "the hidden labels" in bert.http.get("/submissions/2").text
        for number in (1, 2):
            olga.post("/organizer/rule", number=str(number), act="restore", reason="a mistake")
        server.turn()
        assert server.standings() == whole
        olga.post("/organizer/rule", number="1", act="rescore", reason="a doubt")
        assert "waiting" in anna.http.get("/submissions/1").text
        server.turn()
        assert server.standings() == whole
        with closing(Store(server.hall.contest.store)) as store:
            versions = [score.version for score in store.scores("Spring", "anna/000001")]
        assert len(versions) == 4
        assert sum("set aside" in version for version in versions) == 2
        acts = [
            (act.by, act.act, act.reason) for act in decisions.acts(server.hall.contest, server.hall.database.store)
        ]
        assert acts[0] == ("Olga", "rescore", "a doubt")
        assert ("anna", "withdrawn", "by its team") in acts


def killed_in(step, visitor, path, monkeypatch, **others):
    """The server is killed in a step of an upload, before it can clean up."""

    def killed(*_):
        raise SystemExit(137)

    with monkeypatch.context() as here:
        for name, function in {step: killed, **others}.items():
            here.setattr(arrivals, name, function)
        with pytest.raises(CancelledError):
            visitor.hand_in(order(path, 1))


def test_what_was_taken_is_scored_whenever_the_server_was_killed(tmp_path, monkeypatch):
    path = contest(tmp_path, [ALWAYS | {"hidden": "shown"}])
    with served(path) as server:
        killed_in("put_in_place", server.visitor("anna"), path, monkeypatch)
        assert not (tmp_path / "teams" / "anna").exists()
        server.turn()
        assert (tmp_path / "teams" / "anna" / "000001").is_dir()
        assert server.standings()["anna"][0] == 1
        assert not list((tmp_path / "teams").glob(".staged*"))


def test_what_was_not_taken_is_swept(tmp_path, monkeypatch):
    path = contest(tmp_path)
    with served(path) as server:
        killed_in("take", server.visitor("anna"), path, monkeypatch, discard=lambda _: None)
        [left] = (tmp_path / "teams").glob(".staged*")
        server.turn()
        assert left.exists()  # it may be another's that is being checked
        monkeypatch.setattr(arrivals, "_SWEPT_AFTER", -1.0)
        server.turn()
        assert not left.exists()
        assert server.standings() == {}


def test_an_older_store_is_migrated(tmp_path):
    path = contest(tmp_path)
    of = manifest.read(path)
    with closing(Store(of.store, make=True)) as store, store._database.begin() as connection:
        for table in ("rulings", "choices", "changes_of_rules", "acts", "entries", "seasons"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    (tmp_path / "teams" / "old").mkdir()
    with closing(database.Database(of)) as opened, opened.reading() as connection:
        names = set(schema.sql.inspect(connection).get_table_names())
    assert {table.name for table in schema.metadata.sorted_tables} | {"alembic_version", "rulings", "acts"} <= names
    with served(path) as server:
        assert server.visitor("anna").hand_in(order(path, 1)).status_code == 200


def test_the_revisions_make_what_the_schema_says(tmp_path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    of = manifest.read(contest(tmp_path))
    with closing(database.Database(of)) as opened, opened.reading() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _is_ours})
        assert compare_metadata(context, schema.metadata) == []


def _is_ours(name, kind, parents):
    return kind != "table" or name in schema.metadata.tables


def test_a_manifest_that_cannot_be_served_is_told_why(tmp_path):
    from dataperf_fast.files.errors import InputError

    for board, line in (
        ({"several": False}, "is for one submission a team: 'debugging'; expected `several: true` and `counts: last`"),
        ({"counts": "all"}, "says not which submission counts: 'debugging'; expected `counts: last`, best or chosen"),
    ):
        with pytest.raises(InputError, match=re.escape(line)):
            servers.app.create(contest(tmp_path, board=board))
