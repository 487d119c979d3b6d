"""A store's backup: a copy of a SQLite file while others write it, checked, and the way back."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from dataperf_fast.contest import databases, schema
from dataperf_fast.contest.store import Store, now
from dataperf_fast.files import sqlite
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import whole_file


def write(url: str, named: str, path: Path) -> int:
    """Copy a store to a file, whole or not at all; returns the number of its scores.

    Nobody need stop meanwhile: the copy is of one moment. Raises ``InputError`` for a store that is no SQLite file, or
    is damaged, and for a file that is there: it may be the only backup that is whole.
    """
    source = _file(url, named, "pg_dump")
    Store(url, named).close()  # or why it is none
    if path.exists() and path.samefile(source):
        raise InputError(path, "is the store itself", expected="another file")
    if path.is_file() or path.is_dir():
        raise InputError(path, "is there already", expected="a new file, called by its date for instance")
    with whole_file(path) as aside, databases.refusals(named, "cannot be copied"):
        _copy(source, aside)
        return _checked(aside, named)


def restore(url: str, named: str, path: Path) -> tuple[int, Path | None]:
    """Put a backup in a store's place; returns the number of its scores, and where the store that was there lies now.

    Raises ``InputError`` for what is no backup, or is damaged, and leaves everything as it is.
    """
    target = _file(url, named, "pg_restore")
    if not path.is_file():
        raise InputError(path, "no such file", expected="what `organize backup` has written")
    if not databases.holds_tables(path, [table.name for table in schema.FIRST]):
        raise InputError(path, "is no store", expected="what `organize backup` has written")
    kept = None
    with databases.refusals(str(path), "cannot be restored"):
        count = _checked(path, str(path))
        with whole_file(target) as aside:
            _copy(path, aside)
            _checked(aside, named)
            if target.exists():
                kept = target.with_name(f"{target.name}.{now()[:19].replace(':', '-')}")
                for ending in ("", *sqlite.BESIDE):
                    with suppress(FileNotFoundError):
                        Path(f"{target}{ending}").replace(f"{kept}{ending}")
    return count, kept


def _file(url: str, named: str, program: str) -> Path:
    path = databases.file_of(url)
    if path is None:
        raise InputError(named, "is no SQLite file", expected=f"{program}, which does it for PostgreSQL")
    return path


def _copy(source: Path, target: Path) -> None:
    """By SQLite's own online backup, which has what is still in the log too."""
    words = "&".join(f"{name}={value}" for name, value in sqlite.way_to_read(source).items())
    with (
        closing(sqlite3.connect(f"file:{quote(str(source.absolute()))}?{words}", uri=True, timeout=60)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode=DELETE")  # a file by itself


def _checked(path: Path, named: str) -> int:
    """The number of scores in a file that SQLite finds whole; raises ``InputError`` where it does not."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            raise InputError(named, f"is damaged ({found[0].splitlines()[0][:120]})", expected="a whole database")
        [(count,)] = connection.execute(f"SELECT count(*) FROM {schema.scores.name}")
    return int(count)
