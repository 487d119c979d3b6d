"""The store on SQLite and on a real PostgreSQL server: all of a unit or nothing of it, and once."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet
from sqlalchemy.exc import IntegrityError

from dataperf_fast.contest import export, schema
from dataperf_fast.contest.store import Run, Score, Store, beside
from dataperf_fast.files.errors import InputError
from tests import faults, long

from . import contests

SCORE = Score(
    "Spring", "debugging", "knn", "1", "hidden", "d" * 64, "zoë", "s" * 64, "task 0", "submission", "ok", "fraction",
    0.1 + 0.2, False, None, "cpu", 3, 2, 1, 0.5, "2026-01-01T00:00:00+00:00", {"curve": [0.5, 1.0]}, {"numpy": "2"},
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    found = request.getfixturevalue("postgresql")
    with closing(Store(found, make=True)) as store, store._database.begin() as connection:
        connection.exec_driver_sql("truncate scores, algorithm_runs, entries, seasons")
    return found


def test_what_is_stored_comes_back(url, tmp_path):
    with closing(Store(url, make=True)) as store:
        other = replace(SCORE, task="task 1", status="invalid", score=None, error="a line")
        store.add([SCORE, other])
        assert store.scores("Spring") == [SCORE, other]
        assert store.scores("Autumn") == []
        assert store.finished("Spring") == {SCORE.unit}
        run = Run("k", "Spring", "debugging", "hidden", "task 0", "zoë", "", "a" * 64, 1.5, "printed \0", "2026")
        store.add_run(run)
        store.add_run(replace(run, problem="again"))
        assert store.run_of("k") == replace(run, problem="again", log="printed \\0")
        assert store.run_of("other") is None
        assert export.write(tmp_path / "scores.parquet", store, "Spring", {SCORE.unit}) == 2
    table = parquet.read_table(tmp_path / "scores.parquet").to_pylist()
    assert [row["score"] for row in table] == [0.1 + 0.2, None]
    assert {row["details"] for row in table} == {'{"curve": [0.5, 1.0]}'}
    assert [row["current"] for row in table] == [True, True]


def test_the_first_to_finish_a_unit_stays_and_a_failure_gives_way(url):
    with closing(Store(url, make=True)) as store:
        failed = replace(SCORE, status="failed", score=None)
        store.add([failed])
        assert store.finished("Spring") == set()
        store.add([SCORE])
        store.add([replace(SCORE, score=0.9)])
        store.add([replace(failed, task="task 7")])
        assert store.scores("Spring") == [SCORE]
        newer = replace(SCORE, submission_digest="t" * 64, score=0.7)
        store.add([newer])
        assert store.scores("Spring") == [SCORE, newer]
        half = replace(SCORE, submission="half")
        store.add([half, replace(half, task="task 1", status="failed", score=None)])
        assert half.unit not in store.finished("Spring")
        whole = [half, replace(half, task="task 1")]
        store.add(whole)
        assert [s for s in store.scores("Spring") if s.submission == "half"] == whole
        with pytest.raises(IntegrityError):
            store.add([replace(SCORE, submission="twice")] * 2)
        assert not [s for s in store.scores("Spring") if s.submission == "twice"]


def test_a_long_export_holds_up_no_writer(url):
    with closing(Store(url, make=True)) as store, closing(Store(url, make=True)) as other:
        store.add([SCORE])
        reading = store.score_rows("Spring")
        assert len(next(reading)) == 1  # its transaction is open
        with other._database.connect() as connection:
            if other._database.dialect.name == "sqlite":
                connection.connection.dbapi_connection.execute("PRAGMA busy_timeout=100")
        other.add([replace(SCORE, submission="meanwhile")])
        assert list(reading) == []
        assert len(other.scores("Spring")) == 2


def _open_all(folder: str, barrier) -> None:
    for number in range(40):
        barrier.wait()
        Store(f"sqlite:///{folder}/{number}.sqlite", make=True).close()


def test_opening_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    processes = [context.Process(target=_open_all, args=(str(tmp_path), barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4


def _add_all(url: str, offset: int) -> None:
    with closing(Store(url, make=True)) as store:
        for number in range(40):
            name = f"team {(number + offset) % 40}"
            store.add([replace(SCORE, submission=name, task=f"task {task}") for task in range(3)])


def test_writers_at_once_write_each_score_once(url):
    with closing(Store(url, make=True)):
        pass
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_all, args=(url, offset)) for offset in (0, 3, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    with closing(Store(url, make=True)) as store:
        found = [(score.submission, score.task) for score in store.scores("Spring")]
    assert len(found) == len(set(found)) == 40 * 3


@pytest.mark.parametrize("url", ["nonsense", "mysterious://host/db"])
def test_a_store_that_cannot_be_opened_is_one_line(url):
    with pytest.raises(InputError) as caught:
        Store(url)
    assert "cannot be opened" in caught.value.line
    assert "\n" not in caught.value.line


STRANGE = [
    ("scores.db", "expected a SQLAlchemy URL, sqlite:///scores.db for that file"),
    ("/data/scores.db", "expected a SQLAlchemy URL, sqlite:////data/scores.db for that file"),
    ("sqlite://store.sqlite", "expected a SQLAlchemy URL, sqlite:///store.sqlite for that file"),
    ("mysterious://me:secret@host/db", "expected a SQLAlchemy URL whose driver is installed"),
    ("postgresql//me:secret@host/db", "cannot be opened"),
    ("postgresql://me:secret@host:x/db", "cannot be opened (its port is no number)"),
    ("sqlite:////no/such/folder/x.sqlite", "no such folder: /no/such/folder"),
    ("sqlite:///FOLDER", "is a folder"),
    ("sqlite:///FOLDER/text", "file is not a database"),
    ("sqlite:///FOLDER/game.sqlite", "its table scores has no column 'contest'"),
]


@pytest.mark.parametrize(("url", "line"), STRANGE)
def test_what_a_run_refuses_is_known_before_it_makes_anything(tmp_path, url, line):
    (tmp_path / "text").write_bytes(b"not a database " * 100)
    with closing(sqlite3.connect(tmp_path / "game.sqlite")) as connection:
        connection.execute("CREATE TABLE scores (id INTEGER, player TEXT)")
    url = url.replace("FOLDER", str(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError) as known:
        Store.before_making(url)
    with pytest.raises(InputError) as refused:
        Store(url, make=True)
    assert known.value.line == refused.value.line
    assert line in known.value.line
    assert "secret" not in known.value.line
    assert "\n" not in known.value.line
    assert {
        path: path.read_bytes() for path in tmp_path.iterdir() if path.name != "game.sqlite"
    }.items() <= before.items()


@pytest.mark.parametrize("there", ["nothing", "an empty file", "another's database"])
def test_who_reads_makes_nothing(tmp_path, there):
    path = tmp_path / "store.sqlite"
    if there == "an empty file":
        path.touch()
    if there == "another's database":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE highscores (player TEXT)")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    url = f"sqlite:///{path}"
    with pytest.raises(InputError, match=r"store\.sqlite: no store there; expected one that `organize run` makes"):
        Store(url)
    assert Store.before_making(url) is None
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    with closing(Store(url, make=True)) as store:
        assert store.made
    with (
        closing(Store(url, make=True)) as store,
        closing(Store(url)) as read,
        closing(Store.before_making(url)) as known,
    ):
        assert (store.made, read.made, known.made) == (False, False, False)
        store.add([SCORE])
        assert read.scores("Spring") == known.scores("Spring") == [SCORE]
        assert read.contests() == ["Spring"]


def test_a_database_without_our_tables_is_no_store(url):
    with closing(Store(url, make=True)) as store:
        schema.metadata.drop_all(store._database)
    assert Store.before_making(url) is None
    with pytest.raises(InputError, match="no store there"):
        Store(url)
    with closing(Store(url, make=True)) as store:
        assert store.made


def test_looking_beside_a_store_lets_go_of_no_lock(tmp_path):
    """A process that closes any file of an open database loses its locks on it: another's start would end it."""
    url = f"sqlite:///{tmp_path}/store.sqlite"
    with closing(Store(url, make=True)) as store:
        store.scores("any")
        assert Path(f"{tmp_path}/store.sqlite-shm").exists()
        assert beside(url) == []
        beside(f"sqlite:///{tmp_path}/stor.sqlite")
        # SQLite's format: the lock of whoever uses the log's index, at byte 128 of it, 2 from 1 GiB + 2 on of the file.
        for ending, at, count in (("-shm", 128, 1), ("", (1 << 30) + 2, 510)):
            asks = (
                "import fcntl, sys; file = open(sys.argv[1], 'r+b')\n"
                f"fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, {count}, {at})"
            )
            asked = [sys.executable, "-c", asks, f"{tmp_path}/store.sqlite{ending}"]
            assert subprocess.run(asked, capture_output=True, check=False).returncode, ending


def test_stores_beside_are_named_the_most_alike_first(tmp_path):
    for name in ("store.sqlite", "old.db", "not ours.sqlite", "notes.txt"):
        if name in ("store.sqlite", "old.db"):
            Store(f"sqlite:///{tmp_path / name}", make=True).close()
        else:
            (tmp_path / name).write_bytes(b"SQLite format 3\0" if name.endswith("sqlite") else b"text")
    os.mkfifo(tmp_path / "pipe.sqlite")
    with pytest.raises(InputError, match=r"expected store\.sqlite, which lies beside it, or one that"):
        Store(f"sqlite:///{tmp_path}/stor.sqlite")
    assert beside(f"sqlite:///{tmp_path}/stor.sqlite") == ["store.sqlite", "old.db"]
    assert beside(f"sqlite:///{tmp_path}/store.sqlite") == ["old.db"]
    assert beside(f"sqlite:///{tmp_path}/nowhere/store.sqlite") == beside("postgresql://host/db") == []


@pytest.mark.parametrize("log", [False, True], ids=["closed", "as a killed run leaves it"])
def test_a_store_that_may_not_be_written_is_read(log):
    folder = Path(tempfile.mkdtemp(prefix="store-"))
    url = f"sqlite:///{folder / 'store.sqlite'}"
    try:
        store = Store(url, make=True)
        store.add([SCORE])
        if log:  # the newest scores are in it alone
            other = folder.with_name(f"{folder.name}-copy")
            shutil.copytree(folder, other)
            store.close()
            shutil.rmtree(folder)
            other.rename(folder)
        store.close()
        assert (folder / "store.sqlite-wal").exists() == log
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        before = {path: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}
        with contests.as_nobody():
            with closing(Store(url)) as read:
                assert read.scores("Spring") == [SCORE]
            for opened in (Store.before_making, lambda url: Store(url, make=True)):
                with pytest.raises(InputError, match="may not be written"):
                    opened(url)
        assert {path: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")} == before
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


ADD = """
import sys
from contextlib import closing
from dataclasses import replace
from dataperf_fast.contest.store import Store
from dataperf_fast.files.errors import InputError
from tests.contest.test_store import SCORE
try:
    with closing(Store(sys.argv[1], "contest.yaml: store", make=True)) as store:
        store.add([replace(SCORE, submission="second", details={"curve": [0.5] * 99999})])
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize("fault", long.after(3, ["", "shared", "room", "chmod", "links", "locks", "sync"]))
@pytest.mark.parametrize("before", [False, True], ids=["new", "filled"])
def test_a_store_on_an_odd_file_system_keeps_all_or_says_why_not(fault, before, tmp_path):
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    if before:
        with closing(Store(url, make=True)) as store:
            store.add([SCORE])
    done = faults.run("-c", ADD, url, faults=fault, below=tmp_path)
    assert done.stderr == ""
    said = {"locks": "database is locked", "room": "database or disk is full", "sync": "disk I/O error"}.get(fault)
    if said:
        [line] = done.stdout.splitlines()
        assert line.startswith("contest.yaml: store: cannot be ")
        assert said in line
    with closing(Store(url, make=True)) as store:
        found = [score.submission for score in store.scores("Spring")]
    assert found == ["zo\u00eb"] * before + ["second"] * (not said)
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_disk_that_fills_up_is_one_line_and_keeps_what_was_there(tmp_path):
    with closing(Store(f"sqlite:///{tmp_path / 'store.sqlite'}", "contest.yaml: store", make=True)) as store:
        store.add([SCORE])
        with store._database.begin() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 16")
        large = {"curve": [0.5] * 99999}
        with pytest.raises(InputError) as refused:
            store.add([replace(SCORE, submission=f"team {number}", details=large) for number in range(9)])
        assert str(refused.value) == "contest.yaml: store: cannot be written (database or disk is full)"
        assert store.scores("Spring") == [SCORE]
