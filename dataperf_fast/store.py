"""Finished scores in a database, SQLite's or any other that SQLAlchemy reaches: one row a score, written once."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from dataperf_fast.formats.errors import InputError
from dataperf_fast.formats.files import whole_file

_ROWS_AT_ONCE = 5000  # of an export
_ATTEMPTS, _ATTEMPTS_AT_WAL = 10, 100
_metadata = sql.MetaData()


def _key(name: str, length: int) -> sql.Column[str]:
    return sql.Column(name, sql.String(length), nullable=False)


_scores = sql.Table(
    "scores",
    _metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    _key("contest", 255),
    _key("board", 64),
    _key("model", 64),
    _key("version", 128),
    _key("dataset", 255),
    _key("dataset_digest", 64),
    _key("submission", 255),
    _key("submission_digest", 64),
    _key("task", 255),
    sql.Column("kind", sql.String(16), nullable=False),
    sql.Column("status", sql.String(16), nullable=False),
    sql.Column("metric", sql.String(64), nullable=False),
    sql.Column("score", sql.Double),
    sql.Column("higher_is_better", sql.Boolean, nullable=False),
    sql.Column("error", sql.Text),
    sql.Column("backend", sql.String(64), nullable=False),
    sql.Column("retrains", sql.Integer, nullable=False),
    sql.Column("distinct", sql.Integer, nullable=False),
    sql.Column("rechecked", sql.Integer, nullable=False),
    sql.Column("seconds", sql.Double, nullable=False),
    sql.Column("details", sql.JSON, nullable=False),
    sql.Column("software", sql.JSON, nullable=False),
    sql.Column("finished", sql.String(32), nullable=False),
    sql.UniqueConstraint(
        "contest", "board", "model", "version", "dataset", "dataset_digest", "submission", "submission_digest", "task"
    ),
)
_runs = sql.Table(
    "algorithm_runs",
    _metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    _key("key", 64),
    _key("contest", 255),
    _key("board", 64),
    _key("dataset", 255),
    _key("task", 255),
    _key("submission", 255),
    sql.Column("problem", sql.Text, nullable=False),
    sql.Column("answer_digest", sql.String(64), nullable=False),
    sql.Column("seconds", sql.Double, nullable=False),
    sql.Column("log", sql.Text, nullable=False),
    sql.Column("finished", sql.String(32), nullable=False),
    sql.UniqueConstraint("key"),
)


@dataclass(frozen=True)
class Unit:
    """What is scored, and stored, as a whole: a submission on a data set. Digests are of the contents."""

    contest: str
    board: str
    model: str
    version: str
    dataset: str
    dataset_digest: str
    submission: str
    submission_digest: str


@dataclass(frozen=True)
class Score(Unit):
    """One score of a unit, as ``results.Record`` has it, with what it was made with and when (UTC, ISO 8601)."""

    task: str
    kind: str  # submission or baseline
    status: str
    metric: str
    score: float | None
    higher_is_better: bool
    error: str | None
    backend: str
    retrains: int
    distinct: int
    rechecked: int
    seconds: float
    finished: str
    details: dict[str, Any] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> Unit:
        """What it is a score of."""
        return Unit(*(getattr(self, name) for name in _UNIT))


@dataclass(frozen=True)
class Run:
    """An algorithm's run on a task: ``key`` is a digest of what it depends on; no ``problem``, all went well."""

    key: str
    contest: str
    board: str
    dataset: str
    task: str
    submission: str
    problem: str
    answer_digest: str
    seconds: float
    log: str
    finished: str


_UNIT = tuple(column.name for column in fields(Unit))
_PLACE = _UNIT[:-2]  # all but the submission and its digest


class Store:
    """The scores behind a database URL; several runs may write at once, and a unit's scores come all or not at all."""

    def __init__(self, url: str):
        try:
            self._database = sql.create_engine(url, **_options(url))
            if self._database.dialect.name == "sqlite":
                _take_turns(self._database)
            with self._database.execution_options(writes=True).begin() as connection:
                _metadata.create_all(connection)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            expected = "a SQLAlchemy URL whose driver is installed, sqlite:///store.sqlite for instance"
            raise InputError("store", f"cannot be opened ({error})", expected=expected) from error
        except SQLAlchemyError as error:
            shown = self._database.url.render_as_string(hide_password=True)
            raise InputError(shown, f"cannot be opened ({_first_line(error)})") from error

    def close(self) -> None:
        """Give the connections back."""
        self._database.dispose()

    def finished(self, contest: str) -> set[Unit]:
        """The units of a contest that have their scores; one that failed, which was not its own doing, has not."""
        failed = sql.func.max(sql.case((_scores.c.status == "failed", 1), else_=0))
        columns = [_scores.c[name] for name in _UNIT]
        query = sql.select(*columns).where(_scores.c.contest == contest).group_by(*columns).having(failed == 0)
        with self._database.connect() as connection:
            return {Unit(*row) for row in connection.execute(query)}

    def add(self, scores: Sequence[Score]) -> None:
        """Add whole units' scores in one transaction; a unit that another run was first to finish stays as it is."""
        rows = [asdict(score) for score in scores]
        if rows:
            self._write(lambda connection: self._insert(connection, rows))

    def _insert(self, connection: sql.Connection, rows: list[dict[str, Any]]) -> None:
        """Insert the rows of units that are not there: three statements for hundreds of submissions on a data set."""
        of_place: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in rows:
            of_place.setdefault(tuple(row[name] for name in _PLACE), []).append(row)
        for place, of in of_place.items():
            here = [_scores.c[name] == value for name, value in zip(_PLACE, place, strict=True)]
            names = _scores.c.submission.in_({row["submission"] for row in of})
            digests = _scores.c.submission_digest.in_({row["submission_digest"] for row in of})
            columns = _scores.c.submission, _scores.c.submission_digest
            failed = sql.select(*columns).where(*here, names, digests, _scores.c.status == "failed")
            connection.execute(_scores.delete().where(*here, sql.tuple_(*columns).in_(failed)))
            known = {tuple(row) for row in connection.execute(sql.select(*columns).where(*here, names))}
            new = [row for row in of if (row["submission"], row["submission_digest"]) not in known]
            if new:
                connection.execute(_scores.insert(), new)

    def scores(self, contest: str) -> list[Score]:
        """Every score of a contest in the order of their arrival, those of replaced files and versions too."""
        query = sql.select(_scores).where(_scores.c.contest == contest).order_by(_scores.c.id)
        with self._database.connect() as connection:
            return [_score(row) for row in connection.execute(query).mappings()]

    def run_of(self, key: str) -> Run | None:
        """What came of an algorithm's run, if it ran."""
        with self._database.connect() as connection:
            row = connection.execute(sql.select(_runs).where(_runs.c.key == key)).mappings().first()
        return None if row is None else _run(row)

    def runs(self, contest: str) -> list[Run]:
        """Every run of an algorithm in a contest, with its log, in the order of their arrival."""
        query = sql.select(_runs).where(_runs.c.contest == contest).order_by(_runs.c.id)
        with self._database.connect() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def add_run(self, run: Run) -> None:
        """Keep what came of an algorithm's run, in the place of an earlier one."""
        row = asdict(run) | {"log": run.log.replace("\0", "\\0")}  # PostgreSQL's text holds no NUL

        def replace(connection: sql.Connection) -> None:
            connection.execute(_runs.delete().where(_runs.c.key == run.key))
            connection.execute(_runs.insert(), [row])

        self._write(replace)

    def export(self, path: Path) -> int:
        """Write every score to a parquet file, details and software as JSON; returns the number of rows."""
        import pyarrow as pa
        from pyarrow import parquet

        schema = pa.schema([(column.name, _arrow_type(pa, column)) for column in _scores.columns])
        count = 0
        with whole_file(path) as aside, parquet.ParquetWriter(aside, schema) as writer:
            for rows in self._chunks():
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                count += len(rows)
        return count

    def _chunks(self) -> Iterator[list[dict[str, Any]]]:
        query = sql.select(_scores).order_by(_scores.c.id).execution_options(yield_per=_ROWS_AT_ONCE)
        with self._database.connect() as connection:
            for part in connection.execute(query).mappings().partitions():
                rows = [dict(row) for row in part]
                for row in rows:
                    row["details"], row["software"] = json.dumps(row["details"]), json.dumps(row["software"])
                yield rows

    def _write(self, change: Callable[[sql.Connection], None]) -> None:
        """Make a change in one transaction; where another run was first after it had looked, look again."""
        for left in reversed(range(_ATTEMPTS)):
            try:
                with self._database.execution_options(writes=True).begin() as connection:
                    change(connection)
                return
            except IntegrityError:
                if not left:
                    raise


def _score(row: sql.RowMapping) -> Score:
    return Score(**{name.name: row[name.name] for name in fields(Score)})


def _run(row: sql.RowMapping) -> Run:
    return Run(**{name.name: row[name.name] for name in fields(Run)})


def _options(url: str) -> dict[str, Any]:
    return {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}


def _take_turns(database: sql.Engine) -> None:
    """SQLite: writers wait for each other from the start, or one that has read and then writes is refused at once.

    Readers wait for nobody: they see the store as it was when they began.
    """

    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins no transaction of its own
        for left in reversed(range(_ATTEMPTS_AT_WAL)):
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError:  # another is at it: for this alone SQLite does not wait
                if not left:
                    raise
                time.sleep(0.05)
        connection.execute("PRAGMA synchronous=NORMAL")

    def begins(connection: sql.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    sql.event.listen(database, "connect", connected)
    sql.event.listen(database, "begin", begins)


def _arrow_type(pa: Any, column: sql.Column[Any]) -> Any:
    kinds = {sql.Integer: pa.int64(), sql.Double: pa.float64(), sql.Boolean: pa.bool_()}
    return kinds.get(type(column.type), pa.string())


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
