"""SQLite's files on whatever file system: how writers share one, and how one is read that may not be written."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

BESIDE = ("-wal", "-shm", "-journal")  # what else a database is made of: endings of its name
_ATTEMPTS, _PAUSE = 100, 0.05  # seconds: another process may be changing the same
_ROOT = Path("/")
# File systems of several machines: a log's index lies in memory, which those do not share.
_SHARED = re.compile(r"(nfs\d?|cifs|smb\w*|afs|ceph|lustre|gpfs|beegfs|glusterfs|9p|fuse)(\..*)?")


def settle(path: Path) -> None:
    """Choose how writers of a SQLite file share it, for good; makes the file if need be.

    By a log beside it (WAL), so that readers and writers do not wait for each other; by a journal where the file system
    is several machines', or cannot map what the log needs. Raises ``sqlite3.Error`` where neither can be had.
    """
    try:
        _set(path, "DELETE" if lies_elsewhere(path) else "WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL):
            raise
        _set(path, "DELETE", alone=True)


def _set(path: Path, mode: str, alone: bool = False) -> None:
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        if alone:  # then it needs no memory that others see
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        for left in reversed(range(_ATTEMPTS)):
            try:
                connection.execute(f"PRAGMA journal_mode={mode}")
                connection.execute("SELECT * FROM sqlite_master LIMIT 1")  # a log is not tried before
                return
            except sqlite3.OperationalError as error:  # for this alone SQLite does not wait by itself
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or not left:
                    raise
            time.sleep(_PAUSE)


def lies_elsewhere(path: Path, root: Path = _ROOT) -> bool:
    """Whether a file's file system is one of several machines, as far as Linux says."""
    try:
        lines = (root / "proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    whole = path.absolute().resolve()
    kinds = {Path(place.replace(r"\040", " ")): kind for _, place, kind, *_ in (line.split(" ") for line in lines)}
    nearest = next((place for place in (whole, *whole.parents) if place in kinds), _ROOT)
    return bool(_SHARED.fullmatch(kinds.get(nearest, "")))


def may_write(path: Path) -> bool:
    """Whether SQLite could write a file that is there, and beside it."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def way_to_read(path: Path) -> dict[str, str]:
    """SQLite's words for it. Beside a file that others may write it wants one of locks; without a right to make that
    the file is read as it lies, unless a writer's log, which holds what is newest, lies beside it.
    """
    if may_write(path):
        return {"mode": "rw"}
    return {"mode": "ro"} if Path(f"{path}-wal").exists() else {"mode": "ro", "immutable": "1"}
