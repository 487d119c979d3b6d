"""What all requests share: the contest, its database, how it stands, and how many uploads are looked at at once."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from anyio import CapacityLimiter

from dataperf_fast.contest import manifest, rules
from dataperf_fast.contest.decisions import Decisions
from dataperf_fast.contest.manifest import Contest, ContestBoard
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.setup_file import place
from dataperf_fast.server import site
from dataperf_fast.server.database import Database

_CHECKS_AT_ONCE = 2


@dataclass
class Hall:
    """A contest that is served. The manifest is read again when it has changed."""

    path: Path
    contest: Contest = field(init=False)
    database: Database = field(init=False)
    checks: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_CHECKS_AT_ONCE))
    takers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(2 * _CHECKS_AT_ONCE))  # not all threads
    checking: set[int] = field(default_factory=set)  # teams whose upload comes or is looked at, of the event loop alone
    _read: int = 0

    def __post_init__(self) -> None:
        self.contest = served(self.path)
        self._read = self.path.stat().st_mtime_ns
        self.database = Database(self.contest)
        site.begin(self.contest)

    @property
    def address(self) -> str:
        """What people type."""
        return self.contest.manifest.server.address

    @property
    def secure(self) -> bool:
        """Whether it is behind TLS."""
        return urlsplit(self.address).scheme == "https"

    @property
    def slug(self) -> str:
        """The contest's name in addresses."""
        return slug_of(self.contest.name)

    def decided(self) -> tuple[Decisions, rules.Standing]:
        """What was decided, and how the contest stands now."""
        made = self.database.decided(self.contest)
        standing = site.now(self.contest, made)
        since = made.frozen
        return made, replace(standing, closed=f"frozen since {since[:16]} UTC") if since else standing

    def part(self, slug: str) -> ContestBoard | None:
        """A board by its name in addresses."""
        return next((part for part in self.contest.manifest.boards if part_slug(part) == slug), None)

    def renew(self) -> None:
        """Read the manifest again, if it has changed; one that cannot be used changes nothing."""
        changed = self.path.stat().st_mtime_ns
        if changed != self._read:
            self._read = changed
            self.contest = served(self.path)


def slug_of(name: str) -> str:
    """A name in an address."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-") or "contest"


def part_slug(part: ContestBoard) -> str:
    """A board's name in addresses."""
    return slug_of(f"{part.board} {part.model or ''}")


def title_of(part: ContestBoard) -> str:
    """A board's name for people."""
    return ", ".join(filter(None, (part.title or part.board.capitalize(), part.model)))


def served(path: Path) -> Contest:
    """Read a manifest as a server needs it: each board with folders of its own, of several submissions a team."""
    contest = manifest.read(path)
    seen: dict[Path, int] = {}
    for number, part in enumerate(contest.manifest.boards):
        at = "boards", number
        if not part.several:
            raise InputError(
                path, "is for one submission a team:", place(path, at), part.board, "`several: true` and `counts: last`"
            )
        if part.counts == "all":
            raise InputError(
                path, "says not which submission counts:", place(path, at), part.board, "`counts: last`, best or chosen"
            )
        for folder in (*part.submissions[:1], *part.algorithms[:1]):
            if folder in seen:
                expected = "a folder of its own for each board, the first of its list"
                raise InputError(path, "shares a folder with another board:", place(path, at), str(folder), expected)
            seen[folder] = number
    return contest
