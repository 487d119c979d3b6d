"""What a server keeps beside the scores, in the same database: people, teams, keys, uploads, what is told to others.

Keys (sessions, tokens, links) are kept as digests: who reads the database cannot use one. Changes of these tables are
revisions in ``migrations``.
"""

from __future__ import annotations

import sqlalchemy as sql

metadata = sql.MetaData()


def _id() -> sql.Column[int]:
    return sql.Column("id", sql.Integer, primary_key=True)


def _time(name: str, nullable: bool = False) -> sql.Column[str]:
    return sql.Column(name, sql.String(32), nullable=nullable)


def _of(name: str, table: str, nullable: bool = False, gone: str = "CASCADE") -> sql.Column[int]:
    return sql.Column(name, sql.Integer, sql.ForeignKey(f"{table}.id", ondelete=gone), nullable=nullable)


people = sql.Table(
    "people",
    metadata,
    _id(),
    sql.Column("email", sql.String(254), nullable=False, unique=True),  # in lower case
    sql.Column("name", sql.String(120), nullable=False),
    sql.Column("password", sql.String(255)),  # argon2id; None: by a link alone
    sql.Column("role", sql.String(16), nullable=False),  # participant | rater | organizer
    _time("joined"),
    _time("barred", nullable=True),
    sqlite_autoincrement=True,  # else who comes next is taken for who was deleted
)
teams = sql.Table(
    "teams",
    metadata,
    _id(),
    sql.Column("contest", sql.String(255), nullable=False),
    sql.Column("name", sql.String(80), nullable=False),  # its folder's too
    sql.Column("folded", sql.String(80), nullable=False),  # by which no two are alike
    _time("made"),
    sql.UniqueConstraint("contest", "folded"),
)
members = sql.Table(
    "members",
    metadata,
    _id(),
    _of("team", "teams"),
    _of("person", "people"),
    _time("since"),
    sql.UniqueConstraint("team", "person"),
)
keys = sql.Table(
    "keys",
    metadata,
    _id(),
    sql.Column("kind", sql.String(16), nullable=False),  # session | token | login | invitation
    sql.Column("digest", sql.String(64), nullable=False, unique=True),
    _of("person", "people", nullable=True),
    _of("team", "teams", nullable=True),
    sql.Column("about", sql.String(254), nullable=False),  # a token's name, an invitation's address
    sql.Column("role", sql.String(16), nullable=False),  # that an invitation gives
    sql.Column("form_key", sql.String(64), nullable=False),  # of a session
    _time("made"),
    _time("until"),
    _time("used", nullable=True),
    sqlite_autoincrement=True,  # else who ends a key that another has ended ends the next one that was made
)
uploads = sql.Table(
    "uploads",
    metadata,
    _id(),
    sql.Column("contest", sql.String(255), nullable=False),
    sql.Column("season", sql.String(255), nullable=False),
    sql.Column("phase", sql.String(80), nullable=False),
    sql.Column("board", sql.String(64), nullable=False),
    sql.Column("model", sql.String(64), nullable=False),
    _of("team", "teams"),
    _of("person", "people", nullable=True, gone="SET NULL"),  # who is deleted leaves what the team has handed in
    sql.Column("submission", sql.String(255), nullable=False),  # what the store calls it: anna/000017, by its id
    sql.Column("algorithm", sql.Boolean, nullable=False),
    sql.Column("digest", sql.String(64), nullable=False),
    sql.Column("staged", sql.String(64)),  # where its files lie until they are moved among the others; then None
    sql.Column("files", sql.JSON, nullable=False),
    sql.Column("size", sql.BigInteger, nullable=False),
    sql.Column("method", sql.String(120), nullable=False),
    sql.Column("description", sql.Text, nullable=False),
    sql.Column("link", sql.String(500), nullable=False),
    _time("received"),
    _time("settled", nullable=True),  # when it had its scores
    sql.UniqueConstraint("contest", "season", "board", "model", "team", "digest"),
)
sql.Index("uploads_left", uploads.c.contest, uploads.c.settled)
attempts = sql.Table(
    "attempts",
    metadata,
    sql.Column("about", sql.String(64), primary_key=True),  # a digest: of an address, or of a place
    sql.Column("count", sql.Integer, nullable=False),
    sql.Column("last", sql.Double, nullable=False),  # seconds since 1970
)
states = sql.Table(
    "states",
    metadata,
    sql.Column("contest", sql.String(255), primary_key=True),
    sql.Column("name", sql.String(16), primary_key=True),  # dispatcher | board
    sql.Column("value", sql.JSON, nullable=False),
    _time("at"),
)
deliveries = sql.Table(
    "deliveries",
    metadata,
    _id(),
    sql.Column("contest", sql.String(255), nullable=False),
    sql.Column("url", sql.String(500), nullable=False),
    sql.Column("event", sql.String(16), nullable=False),
    sql.Column("body", sql.JSON, nullable=False),
    sql.Column("tries", sql.Integer, nullable=False),
    sql.Column("due", sql.Double, nullable=False),  # seconds since 1970
    sql.Column("problem", sql.String(200), nullable=False),
    _time("delivered", nullable=True),
)
