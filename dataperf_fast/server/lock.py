"""Which process dispatches a contest: the one that holds its lock, which goes with the process, however that ends."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sql

from dataperf_fast.contest import databases
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.files.errors import InputError


@contextmanager
def held(contest: Contest) -> Iterator[Callable[[], bool] | None]:
    """Hold the lock, and yield what tells whether it is held still; None where another process has it.

    PostgreSQL's is in the store and goes with the connection (an advisory lock); SQLite's is on a file beside it.
    """
    path = databases.file_of(contest.store)
    if path is not None:
        with _of_file(path.with_name(f"{path.name}.dispatcher"), contest) as mine:
            yield (lambda: True) if mine else None
        return
    engine = databases.engine(contest.store, contest.store_named, writes=True)
    if engine.dialect.name != "postgresql":
        raise InputError(contest.store_named, "has no lock that is known", expected="SQLite or PostgreSQL")
    number = int.from_bytes(hashlib.sha256(contest.name.encode()).digest()[:8], "big", signed=True)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            mine = connection.execute(sql.select(sql.func.pg_try_advisory_lock(number))).scalar_one()

            def still() -> bool:
                try:
                    return bool(connection.execute(sql.text("SELECT 1")).scalar_one())
                except sql.exc.SQLAlchemyError:
                    return False

            yield still if mine else None
    finally:
        engine.dispose()


@contextmanager
def _of_file(path: Path, contest: Contest) -> Iterator[bool]:
    import fcntl

    try:
        file = path.open("a")
    except OSError as error:
        raise InputError(contest.store_named, f"has no place for {path.name} beside it ({error.strerror})") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
