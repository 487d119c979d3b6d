"""Finished scores in a database, SQLite's or any other that SQLAlchemy reaches: one row a score, written once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import Any, TypeVar

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError, OperationalError

from dataperf_fast.contest import databases, schema
from dataperf_fast.files.errors import InputError

_ROWS_AT_ONCE = 5000  # of an export
_ATTEMPTS = 10
_LONGEST_VERSION = 128  # characters


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


def unit_of(row: Mapping[str, Any]) -> Unit:
    """What a row of the table ``scores`` is a score of."""
    return Unit(*(row[name] for name in _UNIT))


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
        return unit_of(vars(self))


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


@dataclass(frozen=True)
class Entered:
    """That a submission stood in a season, of some contents: from when on a run saw it, to when no run did any more."""

    contest: str
    season: str
    board: str
    model: str
    submission: str
    submission_digest: str
    kind: str
    seen: str
    gone: str | None = None

    @property
    def standing(self) -> tuple[str, str, str, str]:
        """What stood: board, model, submission and its digest."""
        return self.board, self.model, self.submission, self.submission_digest


@dataclass(frozen=True)
class Season:
    """A season as its last run had it.

    ``sets`` are its sets of tasks, by ``planning.whose_scores``, and ``frozen`` says since when nothing more is taken.
    """

    contest: str
    season: str
    manifest: dict[str, Any]
    sets: dict[str, list[dict[str, Any]]]
    began: str
    frozen: str | None = None


Kept = TypeVar("Kept", Score, Run, Entered, Season)


def now() -> str:
    """The time as stores keep it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


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
        self._there = set(schema.FIRST)
        try:
            with databases.refusals(named), self._database.execution_options(writes=make).begin() as connection:
                self.made = not _is_there(connection, named)
                if make:
                    older = not self.made and not sql.inspect(connection).has_table(schema.entries.name)
                    schema.metadata.create_all(connection)
                    if older:
                        _remember(connection)
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
                schema.metadata.create_all(connection)  # which shows whether it may be done
            connection.rollback()
        database.dispose()
        return cls(url, named) if there else None

    def close(self) -> None:
        """Give the connections back."""
        self._database.dispose()

    def finished(self, contest: str) -> set[Unit]:
        """The units of a contest that have their scores; one that failed, which was not its own doing, has not."""
        failed = sql.func.max(sql.case((schema.scores.c.status == "failed", 1), else_=0))
        columns = [schema.scores.c[name] for name in _UNIT]
        query = sql.select(*columns).where(schema.scores.c.contest == contest).group_by(*columns).having(failed == 0)
        with self._database.connect() as connection:
            return {Unit(*row) for row in connection.execute(query)}

    def units(self, contest: str) -> set[Unit]:
        """The units of a contest that have any score, or the reason why not."""
        columns = [schema.scores.c[name] for name in _UNIT]
        query = sql.select(*columns).where(schema.scores.c.contest == contest).distinct()
        with self._database.connect() as connection:
            return {Unit(*row) for row in connection.execute(query)}

    def add(self, scores: Sequence[Score]) -> None:
        """Add whole units' scores in one transaction; a unit that another run was first to finish stays as it is."""
        rows = [asdict(score) for score in scores]
        if rows:
            self.write(lambda connection: self._insert(connection, rows))

    def _insert(self, connection: sql.Connection, rows: list[dict[str, Any]]) -> None:
        """Insert the rows of units that are not there: three statements for hundreds of submissions on a data set."""
        of_place: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in rows:
            of_place.setdefault(tuple(row[name] for name in _PLACE), []).append(row)
        for place, of in of_place.items():
            here = [schema.scores.c[name] == value for name, value in zip(_PLACE, place, strict=True)]
            names = schema.scores.c.submission.in_({row["submission"] for row in of})
            digests = schema.scores.c.submission_digest.in_({row["submission_digest"] for row in of})
            columns = schema.scores.c.submission, schema.scores.c.submission_digest
            failed = sql.select(*columns).where(*here, names, digests, schema.scores.c.status == "failed")
            connection.execute(schema.scores.delete().where(*here, sql.tuple_(*columns).in_(failed)))
            known = {tuple(row) for row in connection.execute(sql.select(*columns).where(*here, names))}
            new = [row for row in of if (row["submission"], row["submission_digest"]) not in known]
            if new:
                connection.execute(schema.scores.insert(), new)

    def scores(self, contest: str, submission: str | None = None) -> list[Score]:
        """Every score of a contest in the order of their arrival, those of replaced files and versions too.

        Of one ``submission`` alone, where it is named.
        """
        where = schema.scores.c.contest == contest
        if submission is not None:
            where &= schema.scores.c.submission == submission
        return self._read(Score, schema.scores, where)

    def failures(self, contest: str, most: int = 1000) -> list[dict[str, Any]]:
        """What could not be scored, which was not its own doing, the newest first: where, which, and why."""
        of = schema.scores.c
        names = "board", "model", "dataset", "task", "submission", "error", "finished"
        query = sql.select(*(of[name] for name in names)).where(of.contest == contest, of.status == "failed")
        return self.reading(schema.scores, query.order_by(of.id.desc()).limit(most))

    def contests(self) -> list[str]:
        """The names of the contests that have scores."""
        with self._database.connect() as connection:
            query = sql.select(schema.scores.c.contest).distinct().order_by("contest")
            return list(connection.execute(query).scalars())

    def run_of(self, key: str) -> Run | None:
        """What came of an algorithm's run, if it ran."""
        return next(iter(self._read(Run, schema.runs, schema.runs.c.key == key)), None)

    def runs(self, contest: str, submissions: Collection[str] | None = None) -> list[Run]:
        """Every run of an algorithm in a contest, with its log, in the order of their arrival.

        Of some ``submissions`` alone, where they are named.
        """
        where = schema.runs.c.contest == contest
        if submissions is not None:
            where &= schema.runs.c.submission.in_(submissions)
        return self._read(Run, schema.runs, where)

    def _read(self, kind: type[Kept], table: sql.Table, where: sql.ColumnElement[bool]) -> list[Kept]:
        """Those rows of a table, in the order of their arrival."""
        columns = [table.c[column.name] for column in fields(kind)]
        return [kind(**row) for row in self.reading(table, sql.select(*columns).where(where).order_by(table.c.id))]

    def add_run(self, run: Run) -> None:
        """Keep what came of an algorithm's run, in the place of an earlier one."""
        row = asdict(run) | {"log": run.log.replace("\0", "\\0")}  # PostgreSQL's text holds no NUL

        def replace(connection: sql.Connection) -> None:
            connection.execute(schema.runs.delete().where(schema.runs.c.key == run.key))
            connection.execute(schema.runs.insert(), [row])

        self.write(replace)

    def entries(self, contest: str, submission: str | None = None) -> list[Entered]:
        """What stood in a contest's seasons, in the order of its arrival; of one ``submission``, where it is named."""
        where = schema.entries.c.contest == contest
        if submission is not None:
            where &= schema.entries.c.submission == submission
        return self._read(Entered, schema.entries, where)

    def enter(self, contest: str, season: str, standing: Sequence[Entered]) -> None:
        """Keep what stands in a season now: what did before and does no more has gone."""
        of_season = (schema.entries.c.contest == contest) & (schema.entries.c.season == season)

        def change(connection: sql.Connection) -> None:
            left = {one.standing: one for one in standing}
            open_ones = sql.select(schema.entries).where(of_season, schema.entries.c.gone.is_(None))
            for row in connection.execute(open_ones).mappings().all():
                key = row["board"], row["model"], row["submission"], row["submission_digest"]
                if left.pop(key, None) is None:
                    here = schema.entries.c.id == row["id"]
                    connection.execute(schema.entries.update().where(here).values(gone=now()))
            if left:
                connection.execute(schema.entries.insert(), [asdict(one) for one in left.values()])

        self.write(change)

    def seasons(self, contest: str) -> list[Season]:
        """A contest's seasons, in their order."""
        return self._read(Season, schema.seasons, schema.seasons.c.contest == contest)

    def keep(self, season: Season, then: Callable[[sql.Connection], None] | None = None) -> None:
        """Keep a season, in the place of what it was; when it began, and others' sets, stay.

        ``then`` writes what goes with it.
        """
        here = (schema.seasons.c.contest == season.contest) & (schema.seasons.c.season == season.season)

        def change(connection: sql.Connection) -> None:
            known = connection.execute(sql.select(schema.seasons).where(here)).mappings().first()
            kept = season if known is None else replace(season, began=known["began"], sets=known["sets"] | season.sets)
            connection.execute(schema.seasons.delete().where(here))
            connection.execute(schema.seasons.insert(), [asdict(kept) | ({"id": known["id"]} if known else {})])
            if then is not None:
                then(connection)

        self.write(change)

    def score_rows(self, contest: str | None) -> Iterator[list[dict[str, Any]]]:
        """Every score of a contest, or of all, some thousands at a time; no writer waits meanwhile."""
        query = sql.select(schema.scores).order_by(schema.scores.c.id).execution_options(yield_per=_ROWS_AT_ONCE)
        if contest is not None:
            query = query.where(schema.scores.c.contest == contest)
        with self._database.connect() as connection:
            for part in connection.execute(query).mappings().partitions():
                yield [dict(row) for row in part]

    def reading(self, table: sql.Table, query: sql.Select[Any]) -> list[dict[str, Any]]:
        """Rows of a query on a table that stores of earlier versions have not: none there."""
        with self._database.connect() as connection:
            if table not in self._there:
                if not sql.inspect(connection).has_table(table.name):
                    return []
                self._there.add(table)  # and stays
            return [dict(row) for row in connection.execute(query).mappings()]

    def set_aside(self, contest: str, board: str, model: str, submissions: Sequence[str]) -> int:
        """Let submissions be scored anew; their scores stay as those of a version of its own. Returns how many rows."""
        of = schema.scores.c
        mark = f", set aside {now()}"
        here = [of.contest == contest, of.board == board, of.model == model, of.submission.in_(submissions)]
        changed = 0

        def change(connection: sql.Connection) -> None:
            nonlocal changed
            stand = of.version.not_like("%, set aside %")
            version = sql.func.substr(of.version, 1, _LONGEST_VERSION - len(mark)).concat(mark)
            done = connection.execute(schema.scores.update().where(*here, stand).values(version=version))
            changed = done.rowcount

        self.write(change)
        return changed

    def write(self, change: Callable[[sql.Connection], None]) -> None:
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
    found = [other.name for other in others if databases.holds_tables(other, [table.name for table in schema.FIRST])]
    return sorted(found, key=lambda name: (-SequenceMatcher(None, name, path.name).ratio(), name))


def _absent(url: str, named: str) -> InputError:
    found = beside(url)
    made = "one that `organize run` makes"
    expected = f"{found[0]}, which lies beside it, or {made}" if found else f"{made}, or another key: is it mistyped?"
    return InputError(named, "no store there", expected=expected)


def _remember(connection: sql.Connection) -> None:
    """Take it that what an earlier version scored has stood since then, in the season without a name."""
    of = schema.scores.c
    key = [of.contest, of.board, of.model, of.submission, of.submission_digest, of.kind]
    columns = [*key[:1], sql.literal("").label("season"), *key[1:], sql.func.min(of.finished).label("seen")]
    names = [column.name for column in columns]
    query = sql.select(*columns).group_by(*key).order_by(sql.func.min(of.id))
    connection.execute(schema.entries.insert().from_select(names, query))


def _is_there(connection: sql.Connection, named: str) -> bool:
    """Whether our tables are; raises ``InputError`` where one of that name is another's."""
    found = sql.inspect(connection)
    ours = [table for table in schema.metadata.sorted_tables if found.has_table(table.name)]
    for table in ours:
        columns = {column["name"] for column in found.get_columns(table.name)}
        if missing := [column.name for column in table.columns if column.name not in columns]:
            expected = "a database of its own, or one that `organize run` has filled"
            raise InputError(named, f"is no store: its table {table.name} has no column", "", missing[0], expected)
    return set(schema.FIRST) <= set(ours)
