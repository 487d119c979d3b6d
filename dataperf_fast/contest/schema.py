"""The tables of a store. Later versions add tables, and change none that is there: older stores open as they are.

``scores`` and ``algorithm_runs`` make a store. The others are made beside them by the first run that finds none; until
then whoever reads takes them for empty. What a server keeps of people and uploads is in tables of its own.
"""

from __future__ import annotations

import sqlalchemy as sql

metadata = sql.MetaData()


def _key(name: str, length: int) -> sql.Column[str]:
    return sql.Column(name, sql.String(length), nullable=False)


scores = sql.Table(
    "scores",
    metadata,
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
runs = sql.Table(
    "algorithm_runs",
    metadata,
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
entries = sql.Table(
    "entries",
    metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    _key("contest", 255),
    _key("season", 255),
    _key("board", 64),
    _key("model", 64),
    _key("submission", 255),
    _key("submission_digest", 64),
    sql.Column("kind", sql.String(16), nullable=False),
    sql.Column("seen", sql.String(32), nullable=False),
    sql.Column("gone", sql.String(32)),
)
seasons = sql.Table(
    "seasons",
    metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    _key("contest", 255),
    _key("season", 255),
    sql.Column("manifest", sql.JSON, nullable=False),
    sql.Column("sets", sql.JSON, nullable=False),
    sql.Column("began", sql.String(32), nullable=False),
    sql.Column("frozen", sql.String(32)),
    sql.UniqueConstraint("contest", "season"),
)
rulings = sql.Table(
    "rulings",
    metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    _key("contest", 255),
    _key("season", 255),
    _key("board", 64),
    _key("model", 64),
    _key("submission", 255),
    sql.Column("kind", sql.String(16), nullable=False),
    sql.Column("reason", sql.Text, nullable=False),
    sql.Column("since", sql.String(32), nullable=False),
    sql.UniqueConstraint("contest", "season", "board", "model", "submission"),
)
choices = sql.Table(
    "choices",
    metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    _key("contest", 255),
    _key("season", 255),
    _key("board", 64),
    _key("model", 64),
    _key("team", 255),
    sql.Column("submission", sql.String(255), nullable=False),
    sql.UniqueConstraint("contest", "season", "board", "model", "team"),
)
changes = sql.Table(
    "changes_of_rules",
    metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    _key("contest", 255),
    _key("season", 255),
    sql.Column("kind", sql.String(16), nullable=False),
    sql.Column("name", sql.String(80), nullable=False),
    sql.Column("value", sql.Text, nullable=False),
    sql.Column("made", sql.String(32), nullable=False),
)
acts = sql.Table(
    "acts",
    metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    _key("contest", 255),
    sql.Column("at", sql.String(32), nullable=False),
    sql.Column("by", sql.String(255), nullable=False),
    sql.Column("act", sql.String(32), nullable=False),
    sql.Column("about", sql.Text, nullable=False),
    sql.Column("reason", sql.Text, nullable=False),
)
FIRST = (scores, runs)  # without which a database is no store
