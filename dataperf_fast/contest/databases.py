"""Opening a database by its SQLAlchemy URL: to write, or to read, which makes no file and no table."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sql
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from dataperf_fast.files import sqlite
from dataperf_fast.files.errors import InputError

TAKES_TABLES_BACK = ("sqlite", "postgresql")  # where a transaction that is rolled back leaves no table


def shown(url: str) -> str:
    """A URL without its password."""
    try:
        return sql.make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):  # the latter of a port that is none
        return re.sub(":[^/@]*@", ":***@", url)


def resolved(url: str, folder: Path) -> str:
    """A URL whose file, if SQLite's and relative, lies in a folder."""
    if file_of(url) is None or Path(sql.make_url(url).database or "").is_absolute():
        return url
    scheme, _, name = url.partition(":///")
    return f"{scheme}:///{folder / name}"


def stays_in_memory(url: str) -> bool:
    """Whether a URL is that of a SQLite database without a file."""
    return _sqlite_name(url) in ("", ":memory:")


def file_of(url: str) -> Path | None:
    """The file behind a SQLite URL; None for servers, for what stays in memory, and for what is no URL."""
    name = _sqlite_name(url)
    return None if not name or name == ":memory:" or name.startswith("file:") else Path(name).absolute()


def _sqlite_name(url: str) -> str | None:
    """What a SQLite URL calls its database; None for other databases, and for what is no URL."""
    try:
        parsed = sql.make_url(url)
    except (ArgumentError, ValueError):
        return None
    return parsed.database or "" if parsed.get_backend_name() == "sqlite" else None


def engine(url: str, named: str, writes: bool) -> sql.Engine:
    """An engine that is not connected yet; ``named`` is what errors call the database.

    One that ``writes`` makes SQLite's file when it connects, if need be. Raises ``InputError`` for what is no URL, for
    a driver that is missing, and where SQLite could not write.
    """
    path = file_of(url)
    if path is not None and writes:
        _require_writable(path, named)
    try:
        parsed = sql.make_url(url)
        if path is not None and not writes:
            parsed = parsed.set(database=f"file:{quote(str(path))}", query={"uri": "true", **sqlite.way_to_read(path)})
        is_sqlite = parsed.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"connect_args": {"timeout": 60}} if is_sqlite else {"pool_pre_ping": True}
        made = sql.create_engine(
            parsed, **options, hide_parameters=True
        )  # errors go to logs, hashes of passwords do not
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        # What is taken for a port may be a piece of a password.
        reason = "its port is no number" if isinstance(error, ValueError) else _reason(error)
        raise InputError(named, f"cannot be opened ({reason})", expected=_meant(url)) from error
    if is_sqlite:
        _take_turns(made, path if writes else None)
    return made


@contextmanager
def refusals(named: str, what: str = "cannot be opened") -> Iterator[None]:
    """What a database says as it is used, as an ``InputError``: that its disk is full, for instance."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise InputError(named, f"{what} ({_reason(error)})") from error


def holds_tables(path: Path, names: Collection[str]) -> bool:
    """Whether a file is SQLite's and holds tables of all these names; nothing is written, not even a lock.

    By SQLite alone: a process that closes a file of a database which it has open loses its locks on it, whoever opened
    it, and the next process to start takes the log from under its feet.
    """
    if not path.is_file() or path.name.endswith(sqlite.BESIDE):  # a pipe never ends
        return False
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)) as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except (OSError, sqlite3.Error):
        return False
    return set(names) <= {name for (name,) in found}


def _require_writable(path: Path, named: str) -> None:
    problem = ""
    if path.is_dir():
        problem = "is a folder"
    elif not path.parent.is_dir():
        problem = f"no such folder: {path.parent}"
    elif not os.access(path.parent, os.W_OK):
        problem = f"{path.parent} may not be written"
    elif path.exists() and not os.access(path, os.W_OK):
        problem = "it may not be written"
    if problem:
        raise InputError(named, f"cannot be opened ({problem})", expected="a file, or a place for one")


def _take_turns(database: sql.Engine, writes: Path | None) -> None:
    """SQLite: writers wait for each other from the start, or one that has read and then writes is refused at once.

    Readers of a log wait for nobody: they see the store as it was when they began. ``writes`` is the file to write.
    """

    def connected(connection: Any, _: Any) -> None:
        if writes is not None:
            sqlite.settle(writes)
        connection.isolation_level = None  # the driver begins no transaction of its own
        if writes is not None and connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            connection.execute("PRAGMA synchronous=NORMAL")

    def begins(connection: sql.Connection) -> None:
        immediate = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    sql.event.listen(database, "connect", connected)
    sql.event.listen(database, "begin", begins)


def _meant(url: str) -> str:
    """What was expected, as near to what was given as can be guessed."""
    scheme, _, rest = shown(url).rpartition("://")
    if not scheme or scheme == "sqlite":
        return f"a SQLAlchemy URL, sqlite:///{rest} for that file"
    return "a SQLAlchemy URL whose driver is installed, sqlite:///store.sqlite for instance"


def _reason(error: Exception) -> str:
    """The driver's own words, the first line of them."""
    return (str(getattr(error, "orig", None) or error).splitlines() or [""])[0]
