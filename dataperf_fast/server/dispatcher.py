"""The dispatcher: runs what the planner says is left, as uploads come, and writes the pages. One a contest.

It is a process of its own, beside those that answer, and ends with the one that started it: kernels that take all cores
make nobody wait, and what kills it costs a batch.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from dataperf_fast.contest import manifest, planning, rules, run, seasons
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.planning import PlannedSet
from dataperf_fast.contest.run import How
from dataperf_fast.contest.store import now
from dataperf_fast.engine.without_pandas import start_without_pandas
from dataperf_fast.files.errors import InputError
from dataperf_fast.report.terminal import complain
from dataperf_fast.server import arrivals, lock, site, states, webhooks
from dataperf_fast.server import schema as kept
from dataperf_fast.server.database import Database

_LOOKS_EVERY = 0.25  # seconds
_TRIES_AGAIN = 60.0  # seconds after which what failed is tried again, and data are looked at
_TELLS_EVERY = 1.0
_NICE = 10  # pages come first


@dataclass
class Dispatcher:
    """A contest's scoring, turn by turn; ``how`` is that of ``organize run``."""

    path: Path
    how: How
    contest: Contest = field(init=False)
    database: Database = field(init=False)
    _before: tuple[Any, ...] = ()
    _told: float = 0.0
    _label: str = ""
    _left: dict[str, int] = field(default_factory=dict)
    _plan: list[PlannedSet] = field(default_factory=list)
    _failed: set[int] = field(default_factory=set)  # uploads of which others were told that they cannot be scored
    _pages_took: float = 0.0
    _pages_at: float = 0.0

    def __post_init__(self) -> None:
        self.contest = manifest.read(self.path)
        self.database = Database(self.contest)

    def work(self) -> None:
        """Take turns for ever, whenever there is something to do, while the lock is ours."""
        while True:
            with lock.held(self.contest) as still:
                while still is not None and still():
                    self._until_something()
                    self.turn()
            time.sleep(_LOOKS_EVERY * 8)  # another dispatches

    def _until_something(self) -> None:
        deadline = time.monotonic() + _TRIES_AGAIN
        while (seen := self._seen()) == self._before and time.monotonic() < deadline:
            with suppress(InputError):
                webhooks.deliver(self.contest, self.database)
            time.sleep(_LOOKS_EVERY)
        self._before = seen

    def _seen(self) -> tuple[Any, ...]:
        """What a turn hangs on, as far as it is quickly told."""
        turns = rules.turns(self.contest.manifest.server, self.database.decided(self.contest).ends)
        with self.database.reading() as connection:
            uploads = connection.execute(sql.select(sql.func.max(kept.uploads.c.id))).scalar()
        return (
            uploads,
            self.database.acted(),
            self.path.stat().st_mtime_ns,
            sum(turn <= datetime.now(UTC) for turn in turns),
        )

    def turn(self) -> None:
        """Score what is left, settle it and write the pages; what goes wrong is said, and tried again."""
        try:
            self.contest = manifest.read(self.path)
            self._recover()
            self._plan = planning.read(self.contest, self, self.how.backend)
            seasons.enter(self.contest, self._plan, self.database.store, self.how.backend)
            self._plan, _ = seasons.admitted(self.contest, self._plan, self.database.store)
            run.run(self.contest, self._plan, self.database.store, self.how, self)
            self._settle()
            self._write_pages()
            self._tell("")
        except Exception as error:  # an organizer's to mend; what is in the database stays, and the next turn goes on
            line = error.line if isinstance(error, InputError) else f"failed: {type(error).__name__}: {error}"
            complain(line)
            self._tell(line)

    def _recover(self) -> None:
        """Put in their places what was taken when a server was killed, and sweep what was not."""
        of = kept.uploads.c
        with self.database.reading() as connection:
            staged = arrivals.read(connection, of.contest == self.contest.name, of.staged.is_not(None))
        for upload in staged:
            if part := self.contest.part_of(upload.board, upload.model):
                arrivals.put_in_place(part, upload)
                with self.database.writing() as connection:
                    arrivals.placed(connection, upload)
        arrivals.sweep(self.contest, {upload.staged or "" for upload in staged})

    # A planning.Watcher: what a run says of how it goes.

    def begin(self, label: str, left: dict[str, int]) -> None:
        """Name what comes next, and how many of it are left, by board."""
        self._label, self._left = label, dict(left)
        self._tell("")

    def done(self, board: str, count: int) -> None:
        """Settle what has its scores by now, and show it."""
        self._left[board] = self._left.get(board, count) - count
        self._settle()
        self._tell("")
        # Pages of many take a while: no more than a fifth of the time goes into them.
        if time.monotonic() - self._pages_at > max(1.0, 4 * self._pages_took):
            self._write_pages()

    def _tell(self, problem: str) -> None:
        if time.monotonic() - self._told < _TELLS_EVERY and not problem and any(self._left.values()):
            return
        self._told = time.monotonic()
        value = {
            "host": socket.gethostname(), "pid": os.getpid(), "doing": self._label,
            "left": {board: count for board, count in self._left.items() if count}, "problem": problem,
        }  # fmt: skip
        with self.database.writing() as connection:
            states.keep(connection, self.contest.name, states.DISPATCHER, value)

    def _settle(self) -> None:
        """Keep which uploads have all their scores, and queue what others want to be told, each once."""
        finished = self.database.store.finished(self.contest.name)
        left: dict[tuple[str, str, str, str], bool] = {}
        for work in self._plan:
            for entrant in work.entrants:
                unit = entrant.unit
                key = unit.board, unit.model, unit.submission, entrant.submission.digest
                left[key] = left.get(key, False) or unit not in finished
        of, failures = kept.uploads.c, self.database.store.failures(self.contest.name)
        failed = {(one["board"], one["model"], one["submission"]) for one in failures}
        with self.database.writing() as connection:
            for upload in arrivals.read(connection, of.contest == self.contest.name, of.settled.is_(None)):
                about = {"id": upload.id, "board": upload.board}
                if upload.place in failed and upload.id not in self._failed:
                    self._failed.add(upload.id)
                    webhooks.queue(connection, self.contest, "failed", about)
                if left.get((*upload.place, upload.digest)) is False:
                    connection.execute(kept.uploads.update().where(of.id == upload.id).values(settled=now()))
                    webhooks.queue(connection, self.contest, "scored", about)

    def _write_pages(self) -> None:
        started = time.monotonic()
        leaders = site.leaders(
            site.write(self.contest, self._plan, self.database.store, self.database.decided(self.contest))
        )
        with self.database.writing() as connection:
            before = states.read(connection, self.contest.name, states.BOARD)
            for slug, (team, which, score) in leaders.items():
                known = before.get("leaders", {}).get(slug)
                if known is None or known[1:] != [which, score]:
                    about = {"board": slug, "team": team, "submission": which, "score": score}
                    webhooks.queue(connection, self.contest, "best", about)
            value = {"version": before.get("version", 0) + 1, "leaders": leaders}
            states.keep(connection, self.contest.name, states.BOARD, value)
        self._pages_at, self._pages_took = time.monotonic(), time.monotonic() - started


def _end_with(parent: Any) -> None:
    """End when the process that holds the other end of a pipe does, however that was."""
    parent.read()
    os._exit(0)


def main() -> None:
    """``python -m dataperf_fast.server.dispatcher MANIFEST BACKEND JOBS CLUSTER``, for ``serve`` alone."""
    path, backend, jobs, cluster = sys.argv[1:]
    start_without_pandas()
    threading.Thread(target=_end_with, args=[sys.stdin.buffer], daemon=True).start()
    with suppress(OSError):
        os.nice(_NICE)
    how = How(backend, int(jobs) if jobs else None, cluster=cluster)
    try:
        Dispatcher(Path(path), how).work()
    except InputError as error:
        complain(error.line)
        sys.exit(2)


if __name__ == "__main__":
    main()
