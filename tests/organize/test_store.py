"""The store on SQLite and on a real PostgreSQL server: all of a unit or nothing of it, and once."""

from __future__ import annotations

import glob
import multiprocessing
import os
import shutil
import subprocess
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet
from sqlalchemy.exc import IntegrityError

from dataperf_fast.formats.errors import InputError
from dataperf_fast.store import Run, Score, Store

from . import contests

SCORE = Score(
    "Spring", "debugging", "knn", "1", "hidden", "d" * 64, "zoë", "s" * 64, "task 0", "submission", "ok", "fraction",
    0.1 + 0.2, False, None, "cpu", 3, 2, 1, 0.5, "2026-01-01T00:00:00+00:00", {"curve": [0.5, 1.0]}, {"numpy": "2"},
)  # fmt: skip


def _programs() -> Path | None:
    found = shutil.which("initdb") or next(iter(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[::-1]), None)
    return Path(found).resolve().parent if found else None


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory):
    """A server of our own on a free port."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb is not installed")
    pytest.importorskip("psycopg", reason="the extra 'postgresql' is not installed")
    folder, as_nobody = Path(tempfile.mkdtemp(prefix="postgresql-")), {}
    if os.geteuid() == 0:  # it refuses to be root
        os.chown(folder, 65534, 65534)
        as_nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    port = contests.free_port()

    def run(*command):
        with (tmp_path_factory.mktemp("postgresql") / "printed").open("w") as printed:
            subprocess.run(command, check=True, stdout=printed, stderr=printed, cwd=folder, **as_nobody)

    run(programs / "initdb", "-D", folder / "db", "-U", "me", "-A", "trust", "-E", "UTF8", "-N")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    control = [programs / "pg_ctl", "-D", folder / "db", "-w", "-l", folder / "log"]
    run(*control, "-o", options, "start")
    yield f"postgresql+psycopg://me@127.0.0.1:{port}/postgres"
    run(*control, "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    found = request.getfixturevalue("postgresql")
    with closing(Store(found)) as store, store._database.begin() as connection:
        connection.exec_driver_sql("truncate scores, algorithm_runs")
    return found


def test_what_is_stored_comes_back(url, tmp_path):
    with closing(Store(url)) as store:
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
        assert store.export(tmp_path / "scores.parquet") == 2
    table = parquet.read_table(tmp_path / "scores.parquet").to_pylist()
    assert [row["score"] for row in table] == [0.1 + 0.2, None]
    assert {row["details"] for row in table} == {'{"curve": [0.5, 1.0]}'}


def test_the_first_to_finish_a_unit_stays_and_a_failure_gives_way(url):
    with closing(Store(url)) as store:
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
    with closing(Store(url)) as store, closing(Store(url)) as other:
        store.add([SCORE])
        reading = store._chunks()
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
        Store(f"sqlite:///{folder}/{number}.sqlite").close()


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
    with closing(Store(url)) as store:
        for number in range(40):
            name = f"team {(number + offset) % 40}"
            store.add([replace(SCORE, submission=name, task=f"task {task}") for task in range(3)])


def test_writers_at_once_write_each_score_once(url):
    with closing(Store(url)):
        pass
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_all, args=(url, offset)) for offset in (0, 3, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    with closing(Store(url)) as store:
        found = [(score.submission, score.task) for score in store.scores("Spring")]
    assert len(found) == len(set(found)) == 40 * 3


@pytest.mark.parametrize("url", ["nonsense", "mysterious://host/db", "sqlite:////no/such/folder/x.sqlite"])
def test_a_store_that_cannot_be_opened_is_one_line(url):
    with pytest.raises(InputError) as caught:
        Store(url)
    assert "cannot be opened" in caught.value.line
    assert "\n" not in caught.value.line
