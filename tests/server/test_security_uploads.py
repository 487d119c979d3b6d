"""What is handed in attacks the server: zips, names, forms, algorithms; nothing of it stays, nothing ours is told."""

from __future__ import annotations

import io
import json
import logging
import stat
import struct
import tempfile
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sql
import yaml
from sqlalchemy.exc import IntegrityError

from dataperf_fast import sandbox
from dataperf_fast.contest import run
from dataperf_fast.files import archives
from dataperf_fast.server import arrivals, formats, people, schema
from tests.server.dom import checked
from tests.server.servers import ALWAYS, BOARD, PASSWORD, Visitor, order, served

API = f"/api/spring/boards/{BOARD}/submissions"
OF_ALL = {"method": "by hand"}


def zipped(members, compression=zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of names, or of whole ``ZipInfo``, and contents."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def member(name: str, mode: int = 0, flag: int = 0) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo("x")
    made.filename, made.external_attr, made.flag_bits = name, mode << 16, flag
    return made


def raw(name: bytes, flag: int = 0) -> bytes:
    """A zip of a name in bytes that no library writes; a ``flag`` of 8 in the second byte says that they are UTF-8."""
    whole = bytearray(zipped([("N" * len(name), "0\n")]).replace(b"N" * len(name), name))
    whole[7] = whole[whole.index(b"PK\x01\x02") + 9] = flag
    return bytes(whole)


def encrypted() -> bytes:
    whole = bytearray(zipped([("a.txt", "0\n")]))
    at = whole.index(b"PK\x01\x02")
    whole[at + 8] |= 1
    whole[6] |= 1
    return bytes(whole)


def lying(size: int) -> bytes:
    """A zip whose directory says that its file has another size."""
    whole = bytearray(zipped([("a.txt", "0\n" * 5000)]))
    at = whole.index(b"PK\x01\x02")
    struct.pack_into("<I", whole, at + 24, size)
    return bytes(whole)


def entries(count: int) -> bytes:
    """A directory of so many folders."""
    one = zipped([("d/", "")])
    at, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    directory = one[at:end] * count
    return one[:at] + directory + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 65535, 65535, len(directory), at, 0)


ZIPS = {
    "bomb": lambda: zipped([(f"{n}.txt", bytes(1 << 22)) for n in range(17)]),
    "bomb of one": lambda: zipped([("a.txt", bytes(65 << 20))]),
    "nested": lambda: zipped([("a/b.zip", zipped([("c.zip", zipped([("d.txt", "0")]))]))]),
    "nested, capitals": lambda: zipped([("a/B.ZIP", zipped([]))]),
    "link": lambda: zipped([(member("a.txt", stat.S_IFLNK | 0o777), "/etc/passwd")]),
    "pipe": lambda: zipped([(member("a.txt", stat.S_IFIFO | 0o666), "")]),
    "device": lambda: zipped([(member("a.txt", stat.S_IFCHR | 0o666), "")]),
    "absolute": lambda: zipped([("/tmp/escaped.txt", "x")]),
    "dotted": lambda: zipped([("a/../../../escaped.txt", "x")]),
    "dotted by a backslash": lambda: zipped([(member("..\\..\\escaped.txt"), "x")]),
    "a drive": lambda: zipped([(member("C:\\escaped.txt"), "x")]),
    "a dot": lambda: zipped([(member("."), "x")]),
    "no name": lambda: zipped([(member(""), "x")]),
    "a stream of Windows": lambda: zipped([(member("a.txt:hidden"), "x")]),
    "ten thousand": lambda: zipped([(f"{n}.txt", "") for n in range(10_001)]),
    "a million entries": lambda: entries(1_000_000),
    "deep": lambda: zipped([("top.txt", "")] + [("a/" * n + "x.txt", "") for n in (100, 700, 1300, 1900)]),
    "long": lambda: zipped([("a" * 256 + ".txt", "x")]),
    "long, of bytes": lambda: zipped([("\N{GREEK SMALL LETTER ALPHA}" * 128, "x")]),
    "Latin-1": lambda: raw(b"\xe4\xf6\xfc.txt"),
    "surrogates": lambda: raw(b"\xed\xa0\x80.txt", 8),
    "NUL": lambda: raw(b"a\0b.txt"),
    "right to left": lambda: zipped([("\N{RIGHT-TO-LEFT OVERRIDE}txt.mine_97.txt", "0\n")]),
    "twice": lambda: zipped([("a.txt", "0"), ("a.txt", "1")]),
    "twice in two cases": lambda: zipped([("synth00-flipped_mine.txt", "0"), ("SYNTH00-FLIPPED_mine.txt", "1")]),
    "a file and a folder": lambda: zipped([("a", "0"), ("a/b", "1")]),
    "encrypted": encrypted,
    "says less": lambda: lying(1),
    "says more": lambda: lying(1 << 31),
    "cut off": lambda: zipped([("a.txt", "0" * 999)])[:-30],
    "garbage": lambda: b"PK\x03\x04" + bytes(range(256)) * 9,
    "empty": lambda: b"",
    "with nothing in it": lambda: zipped([]),
}  # fmt: skip


@pytest.fixture
def scratch(monkeypatch, tmp_path):
    """Where temporary files are made."""
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def left(server) -> list[str]:
    return sorted(str(path) for path in (server.path.parent / "teams").rglob("*"))


def test_zips_that_attack_are_refused_and_leave_nothing(server, scratch):
    anna = server.visitor("anna")
    header = anna.with_token()
    before, outside = left(server), sorted(server.path.parent.parent.glob("*"))
    for name, made in ZIPS.items():
        parts = [("files", ("mine.zip", made()))]
        answer = anna.http.post(API, headers=header, files=parts, data=OF_ALL)
        assert answer.status_code == 422, (name, answer.text)
        assert str(server.path.parent) not in answer.text, name
        assert "Traceback" not in answer.text
        assert (left(server), list(scratch.glob("*"))) == (before, []), name
    assert sorted(server.path.parent.parent.glob("*")) == outside
    assert not Path("/tmp/escaped.txt").exists()
    page = checked(anna.hand_in([("files", ("mine.zip", ZIPS["right to left"]()))]))
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page.text
    whole = zipped([(f"folder\\{name}", text) for _, (name, text) in order(server.path, 1)])
    assert anna.http.post(API, headers=header, files=[("files", ("a.zip", whole))], data=OF_ALL).status_code == 201


def test_no_broken_zip_is_an_error_of_ours(tmp_path):
    whole = zipped([("a/b.txt", "1\n" * 50), ("c.txt", "x")])
    for at in range(len(whole)):
        for value in (0, 1, 255, whole[at] ^ 8):
            path = tmp_path / "a.zip"
            path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            with suppress(archives.InputError):
                archives.unpack(path, tmp_path / f"out-{at}-{value}")


NAMES = (
    "../../escaped.txt", "/etc/cron.d/x", "..\\..\\x.txt", "C:\\x.txt", ".", "..", "", ".hidden", "a\0b.txt", "x" * 300,
    "CON", "\ud800.txt", "\N{RIGHT-TO-LEFT OVERRIDE}txt.exe", "a\r\nSet-Cookie: x=y", "%2e%2e%2fx", "~", "-rf",
)  # fmt: skip


def test_names_of_files_lead_nowhere(server, scratch):
    anna = server.visitor("anna")
    before = left(server)
    for name in NAMES:
        body = (
            b'--b\r\nContent-Disposition: form-data; name="method"\r\n\r\nm\r\n--b\r\nContent-Disposition: form-data; '
        )
        body += b'name="files"; filename="' + name.encode("utf-8", "surrogatepass") + b'"\r\n\r\n0\n\r\n--b--\r\n'
        headers = anna.with_token() | {"Content-Type": "multipart/form-data; boundary=b"}
        answer = anna.http.post(API, headers=headers, content=body)
        assert answer.status_code in (400, 422), name
        assert "x" not in answer.headers.get("set-cookie", "")
        assert (left(server), list(scratch.glob("*"))) == (before, [])
    same = [("files", ("synth00-flipped_mine.txt", "0\n")), ("files", ("a/SYNTH00-FLIPPED_mine.txt", "0\n"))]
    assert "one name twice" in anna.hand_in(same).text


GARBAGE = (
    ("multipart/form-data; boundary=b", b"--b\r\nno headers at all"), ("multipart/form-data; boundary=b", b"\0" * 5000),
    ("multipart/form-data", b"--b--"), ("multipart/form-data; boundary=" + "b" * 3000, b"--b--"),
    ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; x="y"\r\n\r\n\r\n--b--\r\n'),
    ("multipart/form-data; boundary=b", b"--b\r\n" + b"A: b\r\n" * 5000 + b"\r\n"),
    ("multipart/form-data; boundary=b", b"--b\r\nA: " + b"b" * (1 << 20) + b"\r\n"),
    ("application/json", b'{"files": ["a"], "method": "m"}'), ("text/plain", b"files=a&method=m"), ("", b"files=a"),
    ("application/x-www-form-urlencoded", b"files=a&method=m"), ("application/x-www-form-urlencoded", b"a=1&" * 5000),
    ("application/x-www-form-urlencoded", b"method=" + b"m" * (2 << 20)), ("application/json", b"[" * 100_000),
)  # fmt: skip


def test_forms_that_are_none(server, scratch):
    anna = server.visitor("anna")
    header = anna.with_token()
    before = left(server)
    for kind, body in GARBAGE:
        answer = anna.http.post(API, headers=header | {"Content-Type": kind}, content=body)
        assert answer.status_code in (400, 422), (kind, body[:50])
        for path in ("/login", "/account/tokens", f"/hand-in/{BOARD}", "/api/spring/submissions/1/withdraw"):
            answer = anna.http.post(path, headers={"Content-Type": kind}, content=body[:60_000])
            assert answer.status_code in (400, 401, 403, 422, 429), (path, kind, body[:50])
    many = [("files", (f"{n}.txt", "0")) for n in range(1001)]
    assert anna.http.post(API, headers=header, files=many).status_code == 400
    fields = {f"f{n}": "x" for n in range(30)}
    assert anna.http.post(API, headers=header, files=many[:1], data=fields).status_code == 400
    utf7 = {"Content-Type": "multipart/form-data; charset=utf-7; boundary=b"}
    assert anna.http.post(API, headers=header | utf7, content=b"--b--").status_code == 415
    rfc2231 = {"Content-Type": "multipart/form-data; charset*=utf-8''punycode; boundary=b"}
    assert anna.http.post(API, headers=header | rfc2231, content=b"--b--").status_code == 415
    utf8 = {"Content-Type": "multipart/form-data; charset=UTF-8; boundary=b"}
    assert anna.http.post(API, headers=header | utf8, content=b"--b--").status_code in (400, 422)
    assert (left(server), list(scratch.glob("*")), server.hall.checking) == (before, [], set())


def test_json_that_is_no_text(server):
    anna, olga = server.visitor("anna"), server.organizer()
    anna.hand_in(order(server.path, 1))
    reasons = b'"\\ud800"', b"5", b"[]", b"null", b'"\xff"', b'"%s"' % (b"x" * 3000), b"[" * 20_000
    for somebody, path, more in (
        (anna, "/api/spring/submissions/1/withdraw", b""),
        (olga, "/api/spring/organizer/submissions/1/withdraw", b""),
        (olga, "/api/spring/organizer/acts", b'"act": "freeze", '),
    ):
        header = somebody.with_token() | {"Content-Type": "application/json"}
        for reason in reasons:
            answer = somebody.http.post(path, headers=header, content=b'{%s"reason": %s}' % (more, reason))
            assert answer.status_code in (400, 422), (path, reason[:20], answer.text)
    assert server.hall.decided()[0].rulings == {}


def test_nothing_of_ours_is_told(server, scratch, monkeypatch, caplog, capfd):
    """By files that are broken, data that are, a dispatcher that fails, and handlers that do."""
    caplog.set_level(logging.DEBUG)
    anna = server.visitor("anna")
    header, folder = anna.with_token(), server.path.parent
    [name, good] = order(server.path, 1)[0][1]
    said = []

    def hands_in(text) -> None:
        parts = [("files", (name, text))]
        said.append(anna.hand_in(parts))
        said.append(anna.http.post(API, headers=header, files=parts, data=OF_ALL))

    for text in ("", "x", "0\n0\n", "99999\n", "9" * 10_000, "-1\n", "\0", b"\xff\xfe", good[:-5]):
        hands_in(text)
    with monkeypatch.context() as broken:
        broken.setattr(formats, "problems", lambda *_: 1 / 0)
        hands_in(good)
    with monkeypatch.context() as broken:

        def denied(*_):
            raise PermissionError(13, "Permission denied", str(folder))

        broken.setattr(arrivals, "_fill", denied)
        hands_in(good)
    data = next((folder / "hidden").resolve().rglob("*.parquet"), None) or next((folder / "hidden").iterdir())
    assert all(answer.status_code in (422, 500) for answer in said)
    monkeypatch.setattr(run, "run", lambda *_: 1 / 0)
    said.append(anna.hand_in(order(server.path, 2)))
    server.turn()
    server.path.write_text("contest: [")
    server.turn()
    said += [anna.http.get(path) for path in ("/", "/mine", "/submissions/1", "/rules", "/events.json")]
    said += [anna.http.get(path, headers=header) for path in ("/api/spring/submissions/1", "/api/spring/me")]
    assert "ZeroDivisionError" not in "".join(answer.text for answer in said)
    for answer in said:
        whole = answer.text + json.dumps(dict(answer.headers))
        for ours in (folder, scratch, data, Path.home() / ".", "Traceback", 'File "'):
            assert str(ours) not in whole, (ours, answer.url)


def test_no_secret_is_logged_or_kept_or_redirected_to(server, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    anna, olga = server.visitor("anna"), server.organizer()
    locations = []
    anna.http.event_hooks["response"] = [lambda answer: locations.append(answer.headers.get("location", ""))]
    secrets = [PASSWORD, anna.with_token()["Authorization"][7:], anna.http.cookies["dataperf"], anna.form_key]
    of_team = anna.post("/team/link").text.partition("/join?key=")[2].partition("<")[0]
    link = olga.post("/organizer/act", act="link", about="anna@example.org").text
    secrets += [of_team, link.partition("/enter?key=")[2].partition("<")[0]]
    invited = olga.post("/organizer/act", act="invite", about="", value="rater").text
    secrets += [invited.partition("/join?key=")[2].partition("<")[0]]
    assert all(len(secret) > 10 for secret in secrets)
    Visitor(server.app).http.post("/enter", data={"key": secrets[-2]})
    Visitor(server.app).join("bert", key=of_team)
    anna.log_in("anna", "a wrong password")
    anna.log_in("anna")
    anna.post("/account/password", old=PASSWORD, new="another " + PASSWORD)
    anna.hand_in(order(server.path, 1))
    server.turn()
    with server.hall.database.reading() as connection:
        there = sql.MetaData()
        there.reflect(connection)
        kept = [f"{t.name}: {row}" for t in there.sorted_tables for row in connection.execute(sql.select(t))]
    logged = caplog.text + "".join(capfd.readouterr())
    form_key = secrets.pop(3)
    for secret in secrets:
        assert not any(secret in line for line in kept)
        assert secret not in logged + "".join(locations)
    assert form_key not in logged + "".join(locations)
    acted = "".join(line for line in kept if line.startswith("acts: "))
    assert "invite" in acted
    assert (
        "argon2" not in acted + server.organizer().http.get("/organizer").text + anna.http.get("/account/export").text
    )


def test_what_databases_refuse_is_told_without_what_was_to_be_written(server):
    with server.hall.database.writing() as connection:
        people.add(connection, "anna@example.org", "anna", people.hashed(PASSWORD))
    row = {"email": "anna@example.org", "name": "x", "password": "$argon2", "role": "rater", "joined": ""}
    with server.hall.database.writing() as connection, pytest.raises(IntegrityError) as refused:
        connection.execute(schema.people.insert(), [row])
    assert "$argon2" not in str(refused.value)


ALGORITHM = """
cat {folder}/contest.yaml {folder}/hidden/* /input/../contest.yaml; ls {folder} {home} /root; cat /etc/shadow
(exec 3<>/dev/tcp/127.0.0.1/{port}) && echo GOT OUT
env; for pid in /proc/[0-9]*; do tr '\\0' ' ' < $pid/environ; done
ln -s {folder}/store.sqlite /output/order.txt; ln -s /etc/passwd /output/other
ls /input; head -c 30 /input/*; echo looked
"""


@pytest.mark.skipif(bool(sandbox.available()["bubblewrap"]), reason=sandbox.available()["bubblewrap"] or "")
def test_an_algorithm_that_is_handed_in_gets_nowhere(manifest, monkeypatch, tmp_path):
    monkeypatch.setenv("WEBHOOK_SECRET", "THE-SECRET")
    (tmp_path / "algorithms").mkdir()
    board = {"algorithms": ["algorithms"], "limits": {"seconds": 20}}
    with served(manifest(phases=[ALWAYS | {"hidden": "withheld"}], board=board)) as server:
        anna, bert, olga = server.visitor("anna"), server.visitor("bert"), server.organizer()
        script = ALGORITHM.format(folder=tmp_path, home=Path.home(), port=8000)
        settings = yaml.safe_dump({"command": ["bash", "/submission/run.sh"]})
        parts = [("files", ("algorithm.yaml", settings)), ("files", ("run.sh", script))]
        assert anna.hand_in(parts, kind="algorithm").status_code == 200
        for wrong in (
            "{",
            "[" * 50_000,
            "command: !!python/object/apply:os.system [id]",
            "a: &a [*a]",
            "image: ../../x",
        ):
            parts = [("files", ("algorithm.yaml", wrong))]
            answer = anna.hand_in(parts, kind="algorithm")
            assert (answer.status_code, str(tmp_path) in answer.text) == (422, False)
        server.turn()
        log, whole = anna.http.get("/submissions/1/log").text, olga.http.get("/submissions/1/log").text
        assert "== warm-up / " in log
        assert "looked" in log
        assert "== hidden / " in whole
        assert "answered" not in whole  # a link is no answer
        for told in ("boards:", "GOT OUT", "THE-SECRET", "root:", "SQLite"):
            assert told not in whole
        hidden = whole[whole.index("== hidden / ") :].partition("== warm-up")[0]
        assert "looked" in hidden
        assert "looked" not in log[log.index("== hidden") :].partition("== warm-up")[0]
        assert bert.http.get("/submissions/1/log").status_code == 404
        header = anna.with_token()
        told = anna.http.get("/api/spring/submissions/1/log", headers=header).json()
        assert {run["log"] != "" for run in told if run["set"] == "hidden"} == {False}
        assert "doing" not in anna.http.get("/api/spring/submissions/1", headers=header).text
