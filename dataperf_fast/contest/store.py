"""Finished scores in a database, SQLite's or any other that SQLAlchemy reaches: one row a score, written once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError, OperationalError

from dataperf_fast.contest import databases
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import whole_file

_ROWS_AT_ONCE = 5000  # of an export
_ATTEMPTS = 10
_metadata = sql.MetaData()


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


_UNIT = tuple(column.name for column in fields(Unit))
_PLACE = _UNIT[:-2]  # all but the submission and its digest


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
    sql.UniqueConstraint(*_UNIT, "task"),
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
class Score(Unit):
    """One score of a unit, as ``records.Record`` has it, with what it was made with and when (UTC, ISO 8601)."""

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


Kept = TypeVar("Kept", Score, Run)


class Store:
    """The scores behind a database URL; several runs may write at once, and a unit's scores come all or not at all.

    Whoever reads makes nothing, no file and no table; who writes says ``make``, and ``made`` tells whether there was
    none before. ``named`` is what errors call it. Raises ``InputError`` where there is no store, or none can be opened.
    """

    def __init__(self, url: str, named: str = "", make: bool = False):
        named = named or databases.shown(url)
        path = databases.file_of(url)
        if not make and path is not None and not path.exists():
            raise _absent(url, named)
        self._database, self._named = databases.engine(url, named, make), named
        try:
            with databases.refusals(named), self._database.execution_options(writes=make).begin() as connection:
                self.made = not _is_there(connection, named)
                if make:
                    _metadata.create_all(connection)
                elif self.made:
                    raise _absent(url, named)
        except InputError:
            self.close()
            raise

    @classmethod
    def before_making(cls, url: str, named: str = "") -> Store | None:
        """What ``make`` would find: a store, opened to read, or None where one would be made. Nothing is.

        Raises ``InputError`` where ``make`` would.
        """
        named = named or databases.shown(url)
        path = databases.file_of(url)
        databases.engine(url, named, writes=True).dispose()
        if path is not None and not path.exists():
            return None
        database = databases.engine(url, named, writes=False)
        with databases.refusals(named), database.execution_options(writes=True).connect() as connection:
            there = _is_there(connection, named)
            if database.dialect.name in databases.TAKES_TABLES_BACK:
                _metadata.create_all(connection)  # which shows whether it may be done
            connection.rollback()
        database.dispose()
        return cls(url, named) if there else None

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

    def units(self, contest: str) -> set[Unit]:
        """The units of a contest that have any score, or the reason why not."""
        columns = [_scores.c[name] for name in _UNIT]
        query = sql.select(*columns).where(_scores.c.contest == contest).distinct()
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
        return self._read(Score, _scores, _scores.c.contest == contest)

    def contests(self) -> list[str]:
        """The names of the contests that have scores."""
        with self._database.connect() as connection:
            return list(connection.execute(sql.select(_scores.c.contest).distinct().order_by("contest")).scalars())

    def run_of(self, key: str) -> Run | None:
        """What came of an algorithm's run, if it ran."""
        return next(iter(self._read(Run, _runs, _runs.c.key == key)), None)

    def runs(self, contest: str) -> list[Run]:
        """Every run of an algorithm in a contest, with its log, in the order of their arrival."""
        return self._read(Run, _runs, _runs.c.contest == contest)

    def _read(self, kind: type[Kept], table: sql.Table, where: sql.ColumnElement[bool]) -> list[Kept]:
        """Those rows of a table, in the order of their arrival."""
        columns = [table.c[column.name] for column in fields(kind)]
        with self._database.connect() as connection:
            rows = connection.execute(sql.select(*columns).where(where).order_by(table.c.id)).mappings()
            return [kind(**row) for row in rows]

    def add_run(self, run: Run) -> None:
        """Keep what came of an algorithm's run, in the place of an earlier one."""
        row = asdict(run) | {"log": run.log.replace("\0", "\\0")}  # PostgreSQL's text holds no NUL

        def replace(connection: sql.Connection) -> None:
            connection.execute(_runs.delete().where(_runs.c.key == run.key))
            connection.execute(_runs.insert(), [row])

        self._write(replace)

    def export(self, path: Path) -> int:
        """Write every score to a parquet file, details and software as JSON; returns the number of rows.

        Raises ``InputError`` rather than write none over a file that is there.
        """
        import pyarrow as pa
        from pyarrow import parquet

        kinds = {sql.Integer: pa.int64(), sql.Double: pa.float64(), sql.Boolean: pa.bool_()}
        schema = pa.schema([(column.name, kinds.get(type(column.type), pa.string())) for column in _scores.columns])
        count = 0
        with whole_file(path) as aside, parquet.ParquetWriter(aside, schema) as writer:
            for rows in self._chunks():
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                count += len(rows)
            if not count and path.exists():
                raise InputError(path, "stays as it is: the store holds no score to export")
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
            except OperationalError as error:  # a full disk, a server that is gone: what came before is kept
                with databases.refusals(self._named, "cannot be written"):
                    raise error


def beside(url: str) -> list[str]:
    """The names of other stores in the folder of a SQLite file, those most like its own first."""
    path = databases.file_of(url)
    if path is None:
        return []
    try:
        others = [other for other in path.parent.iterdir() if other != path]
    except OSError:  # no such folder
        return []
    found = [other.name for other in others if databases.holds_tables(other, _metadata.tables)]
    return sorted(found, key=lambda name: (-SequenceMatcher(None, name, path.name).ratio(), name))


def _absent(url: str, named: str) -> InputError:
    found = beside(url)
    made = "one that `organize run` makes"
    expected = f"{found[0]}, which lies beside it, or {made}" if found else f"{made}, or another key: is it mistyped?"
    return InputError(named, "no store there", expected=expected)


def _is_there(connection: sql.Connection, named: str) -> bool:
    """Whether our tables are; raises ``InputError`` where one of that name is another's."""
    found = sql.inspect(connection)
    ours = [table for table in _metadata.sorted_tables if found.has_table(table.name)]
    for table in ours:
        columns = {column["name"] for column in found.get_columns(table.name)}
        if missing := [column.name for column in table.columns if column.name not in columns]:
            expected = "a database of its own, or one that `organize run` has filled"
            raise InputError(named, f"is no store: its table {table.name} has no column", "", missing[0], expected)
    return len(ours) == len(_metadata.tables)
