"""How a SQLite file is shared by writers: by a log, or by a journal where a file system cannot have one."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing

import pytest

from dataperf_fast.files import sqlite
from tests import faults

SETTLE = """
import sqlite3, sys
from pathlib import Path
from dataperf_fast.files import sqlite
try:
    sqlite.settle(Path(sys.argv[1]))
except sqlite3.Error as error:
    print(error)
"""


def mode(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "fuse", "lustre", "9p", "ext4", "tmpfs"])
def test_file_systems_of_several_machines(kind, tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    share = tmp_path / "my share"
    share.mkdir()
    mounts = f"/dev/sda / ext4 rw 0 0\nhost:/x {str(share).replace(' ', chr(92) + '040')} {kind} rw 0 0\n"
    (tmp_path / "proc/self/mounts").write_text(mounts)
    elsewhere = kind not in ("ext4", "tmpfs")
    assert sqlite.lies_elsewhere(share / "below" / "store.sqlite", tmp_path) == elsewhere
    (tmp_path / "link").symlink_to(share)
    assert sqlite.lies_elsewhere(tmp_path / "link" / "store.sqlite", tmp_path) == elsewhere
    assert not sqlite.lies_elsewhere(tmp_path / "my shared.sqlite", tmp_path)
    assert not sqlite.lies_elsewhere(share / "store.sqlite", tmp_path / "no proc here")


@pytest.mark.parametrize("before", [None, "wal", "delete"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_where_it_lies_decides(before, elsewhere, tmp_path, monkeypatch):
    path = tmp_path / "some.sqlite"
    if before is not None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"PRAGMA journal_mode={before}")
            connection.execute("CREATE TABLE numbers AS SELECT 7 AS number")
    monkeypatch.setattr(sqlite, "lies_elsewhere", lambda path: elsewhere)
    sqlite.settle(path)
    assert mode(path) == ("delete" if elsewhere else "wal")
    if before is not None:
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT number FROM numbers").fetchall() == [(7,)]


@pytest.mark.parametrize(("fault", "said"), [
    ("shared", ""), ("chmod", ""), ("locks", "database is locked"), ("room", "database or disk is full"),
])  # fmt: skip
def test_what_a_file_system_lacks(fault, said, tmp_path):
    path = tmp_path / "some.sqlite"
    done = faults.run("-c", SETTLE, path, faults=fault, below=tmp_path)
    assert (done.stdout, done.stderr) == (f"{said}\n" if said else "", "")
    if not said:
        assert mode(path) == ("delete" if fault == "shared" else "wal")


def test_a_writer_is_waited_for(tmp_path):
    path = tmp_path / "some.sqlite"
    writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    writer.execute("CREATE TABLE numbers (number)")
    writer.execute("BEGIN EXCLUSIVE")
    later = threading.Timer(0.3, lambda: writer.execute("COMMIT"))
    later.start()
    started = time.monotonic()
    sqlite.settle(path)
    assert time.monotonic() - started > 0.25
    later.join()
    writer.close()
    assert mode(path) == "wal"


def test_what_is_no_database_stays_as_it_is(tmp_path):
    path = tmp_path / "some.sqlite"
    path.write_text("no database " * 99)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        sqlite.settle(path)
    assert path.read_text() == "no database " * 99
