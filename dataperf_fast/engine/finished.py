"""The store of finished retrains: equal training sets once, finished ones never again."""

from __future__ import annotations

import hashlib
import sqlite3
import warnings
from pathlib import Path
from typing import Any

from dataperf_fast.files import sqlite
from dataperf_fast.files.errors import told
from dataperf_fast.files.paths import StrPath
from dataperf_fast.kernels.folders import cache_folder

_SEAL = 8  # bytes
_PATIENCE = 30.0  # seconds for another process to have written


class ResultCache:
    """Finished retrains in one SQLite file, by content key. Safe for several processes and for a kill at any moment.

    It saves time and is never needed: one that cannot be opened is given up with a warning, one that cannot be written,
    on a full disk or a read-only one, is read. It is opened when the first retrain asks for it, and made if need be:
    who trains nothing leaves no file. What is damaged in it, or was put there by others, is not known.
    """

    def __init__(self, path: StrPath | None = None):
        self.path = default_cache_path() if path is None else Path(path)
        self._connection: sqlite3.Connection | None = None
        self._tried, self._writes = self.path is None, True

    def _open(self) -> None:
        if self._tried or self.path is None:
            return
        self._tried = True
        try:
            if self.path.is_file() and not sqlite.may_write(self.path):
                words = "&".join(f"{name}={value}" for name, value in sqlite.way_to_read(self.path).items())
                name = f"{self.path.absolute().as_uri()}?{words}"
                self._connection = sqlite3.connect(name, timeout=_PATIENCE, uri=True)
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            sqlite.settle(self.path)
            self._connection = sqlite3.connect(self.path, timeout=_PATIENCE)
            self._connection.execute("PRAGMA synchronous=NORMAL")  # a power cut may lose what came last
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS retrains (key BLOB PRIMARY KEY, outcome BLOB NOT NULL) WITHOUT ROWID"
            )
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def get(self, keys: list[bytes]) -> dict[bytes, bytes]:
        """The outcomes of those keys that are known."""
        self._open()
        found: dict[bytes, bytes] = {}
        try:
            for start in range(0, len(keys), 500):  # SQLite's oldest limit is 999 parameters
                if self._connection is None:
                    break
                part = keys[start : start + 500]
                marks = ",".join("?" * len(part))
                rows = self._connection.execute(f"SELECT key, outcome FROM retrains WHERE key IN ({marks})", part)
                found.update((key, outcome[:-_SEAL]) for key, outcome in rows.fetchall() if _is_whole(key, outcome))
        except sqlite3.Error as error:
            self._give_up(error)
        return found

    def put(self, items: dict[bytes, bytes]) -> None:
        """Add outcomes, in one transaction."""
        self._open()
        try:
            if self._connection is not None and self._writes:
                rows = [(key, outcome + _seal(key, outcome)) for key, outcome in items.items()]
                with self._connection:
                    self._connection.executemany("INSERT OR REPLACE INTO retrains VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            self._writes = False  # what is there already is good still
            self._say(error)

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _give_up(self, error: Exception) -> None:
        self.close()
        self._say(error)

    def _say(self, error: Exception) -> None:
        reason = told(error) if isinstance(error, OSError) else error
        warnings.warn(f"{self.path}: finished retrains are not kept ({reason})", stacklevel=4)


def _seal(key: bytes, outcome: bytes) -> bytes:
    """What stands behind an outcome in the file: SQLite itself does not notice a byte that has changed."""
    return hashlib.sha256(key + outcome).digest()[:_SEAL]


def _is_whole(key: bytes, outcome: Any) -> bool:
    return isinstance(outcome, bytes) and outcome[-_SEAL:] == _seal(key, outcome[:-_SEAL])


def default_cache_path() -> Path | None:
    """``$DATAPERF_FAST_CACHE``, or the user's cache folder; None where there is none."""
    folder = cache_folder()
    return folder and folder / "retrains.sqlite"
