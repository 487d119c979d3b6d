"""The server's hold of the store's database: short transactions, and tables of the newest version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sql
from alembic import command
from alembic.config import Config

from dataperf_fast.contest import databases, decisions, schema
from dataperf_fast.contest.decisions import Decisions
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.store import Store

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x64617461  # PostgreSQL's advisory lock under which tables change


class Database:
    """A contest's database; its ``store`` has the scores, this the rest. Raises ``InputError`` where it cannot be used.

    Whoever writes holds SQLite's only lock from the start of a transaction: keep them short.
    """

    def __init__(self, contest: Contest):
        self.store = Store(contest.store, contest.store_named, make=True)
        self._engine = databases.engine(contest.store, contest.store_named, writes=True)
        self._writing = self._engine.execution_options(writes=True)
        self._decided: tuple[tuple[object, ...], Decisions] | None = None
        with databases.refusals(contest.store_named, "cannot be brought to this version"):
            self._migrate()

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with self._writing.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_LOCK)))
            schema.metadata.create_all(connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def decided(self, contest: Contest) -> Decisions:
        """What was decided in the season that is on, read anew when somebody has acted: each decision is logged."""
        key = contest.name, contest.season, self.acted()
        if self._decided is None or self._decided[0] != key:
            self._decided = key, decisions.read(contest, self.store)
        return self._decided[1]

    def acted(self) -> tuple[object, ...]:
        """What changes with every entry of the log: how many there are too, for the newest may be there the first."""
        newest = sql.select(sql.func.max(schema.acts.c.id), sql.func.count()).select_from(schema.acts)
        with self.reading() as connection:
            return tuple(connection.execute(newest).one())

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
        self.store.close()

    @contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """A transaction that writes nothing."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """A transaction that is kept if nothing is raised in it."""
        with self._writing.begin() as connection:
            yield connection
