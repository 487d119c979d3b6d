"""What is handed in: staged, checked while the participant waits, and taken, whole and once, or not at all.

An upload is taken when its row is in the database. Until then its files lie in a hidden folder among the submissions,
which no planner looks at; afterwards they are moved to their place, by whoever comes first: a server that is killed
between the two loses nothing, and one that is killed before leaves a folder that is swept.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import sqlalchemy as sql

from dataperf_fast.contest import rules, submissions
from dataperf_fast.contest.history import Place
from dataperf_fast.contest.manifest import Contest, ContestBoard
from dataperf_fast.contest.store import now
from dataperf_fast.files import archives, set_folders
from dataperf_fast.files.debris import is_debris
from dataperf_fast.files.errors import InputError
from dataperf_fast.server import schema
from dataperf_fast.server.people import Person, Team

_STAGED = ".staged-"
_BLOCK = 1 << 20
_MOST_FILES = 1000  # in one form; a zip may hold more
_SWEPT_AFTER = 3600.0  # seconds


@dataclass(frozen=True)
class Upload:
    """What a team has handed in, as the database has it; times are ISO 8601, UTC."""

    id: int
    contest: str
    season: str
    phase: str
    board: str
    model: str
    team: int
    person: int | None
    submission: str
    algorithm: bool
    digest: str
    staged: str | None
    files: list[str]
    size: int
    method: str
    description: str
    link: str
    received: str
    settled: str | None

    @property
    def place(self) -> Place:
        """What rulings and choices are about."""
        return self.board, self.model, self.submission


@dataclass(frozen=True)
class About:
    """What a participant says of his method."""

    method: str = ""
    description: str = ""
    link: str = ""


class NotNowError(InputError):
    """A team may hand in nothing now, whatever is in its files."""


def place_of(part: ContestBoard, algorithm: bool) -> Path:
    """The folder among whose teams' an upload belongs; raises ``InputError`` where the board takes none."""
    folders = part.algorithms if algorithm else part.submissions
    if not folders:
        what = "algorithms" if algorithm else "files"
        raise InputError("kind", f"are not taken by {part.board}:", value=what, expected="the other kind")
    return folders[0]


def require_no_folder(contest: Contest, team: str) -> None:
    """Raise ``InputError`` where a new team would hand in among the files of somebody: of a baseline, for instance."""
    for part in contest.manifest.boards:
        names = {path.name for folder in (*part.submissions, *part.algorithms) for path in folder.iterdir()}
        if team.casefold() in {name.casefold() for name in names.union(part.baselines)}:
            raise InputError("team", "is taken:", value=team, expected="another name")


def stage(part: ContestBoard, algorithm: bool, files: Sequence[tuple[str, BinaryIO]]) -> Path:
    """Put files, or what one zip holds, into a folder of their own; raises ``InputError`` for what nobody hands in."""
    folder = place_of(part, algorithm) / f"{_STAGED}{secrets.token_hex(12)}"
    folder.mkdir()
    try:
        _fill(folder / "handed in", part, files)
        for path in sorted(folder.rglob("*")):
            _secure(path)
    except BaseException:
        discard(folder)
        raise
    return folder


def _fill(folder: Path, part: ContestBoard, files: Sequence[tuple[str, BinaryIO]]) -> None:
    largest = part.largest_submission_mib << 20
    if not files or len(files) > _MOST_FILES:
        raise InputError("files", f"are {len(files)}", expected=f"1 to {_MOST_FILES}, or a zip of more")
    names = [_plain(name) for name, _ in files]
    if len({name.casefold() for name in names}) < len(names):
        raise InputError("files", "have one name twice", expected="each name once, or a zip with folders")
    whole = len(files) == 1 and names[0].lower().endswith(".zip")
    into = folder.parent if whole else folder
    into.mkdir(exist_ok=True)
    left = largest
    for name, (_, file) in zip(names, files, strict=True):
        with (into / name).open("xb") as copy:
            while block := file.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise InputError(name, "is too large", expected=f"at most {largest >> 20} MiB in all")
                copy.write(block)
    if whole:
        packed = into / names[0]
        try:
            around = archives.unpack(packed, folder, largest)
        except InputError as error:
            raise InputError(names[0], error.line.removeprefix(f"{packed}: ")) from error
        packed.unlink()
        # A folder named after a set of tasks says what its files are for, also where it wraps them all.
        for name in filter(None, (set_folders.set_named(one, part.names_of_sets) for one in around[::-1])):
            aside = folder.rename(folder.with_name("inside"))
            folder.mkdir()
            aside.rename(folder / name)
    for path in folder.rglob("*.[zZ][iI][pP]"):
        raise InputError(path.relative_to(folder), "is a zip in what is handed in", expected="its files")


def _plain(name: str) -> str:
    """The last part of a file's name, whatever system it comes from, if it is one here."""
    last = PurePosixPath(name.replace("\\", "/")).name
    last = submissions.text(last)
    if not last or last in (".", "..") or len(last.encode()) > 200 or is_debris(last):
        raise InputError("files", "have a name that is none of a submission's:", value=last, expected="official names")
    return last


def _secure(path: Path) -> None:
    """See that a file is on the disk before anybody is told that it was taken."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest_of(folder: Path, part: ContestBoard, algorithm: bool) -> str:
    """The digest that the planner will find."""
    largest = part.largest_submission_mib << 20
    return submissions.contents_digest(
        folder / "handed in", largest, algorithm, () if algorithm else part.names_of_sets
    )


def discard(folder: Path) -> None:
    """Throw away what was staged and is not taken."""
    shutil.rmtree(folder, ignore_errors=True)


def refused(
    connection: sql.Connection, contest: Contest, part: ContestBoard, team: Team, standing: rules.Standing
) -> str:
    """Why a team may hand in nothing to a board now; empty where it may."""
    if standing.closed:
        return standing.closed
    limits = standing.phase.limits if standing.phase else rules.TeamLimits()
    table, today = schema.uploads, f"{datetime.now(UTC):%Y-%m-%d}"
    here = _are(_of_team(contest, part, team))
    phase = standing.phase.name if standing.phase else ""

    def count(*where: sql.ColumnElement[bool]) -> int:
        return connection.execute(sql.select(sql.func.count()).select_from(table).where(*here, *where)).scalar_one()

    if limits.day is not None and count(table.c.received >= today) >= limits.day:
        return f"{limits.day} a day are taken, and so many were; the next one tomorrow (UTC)"
    if limits.all is not None and count(table.c.phase == phase) >= limits.all:
        return f"{limits.all} in all are taken in {phase}, and so many were"
    if limits.at_once is not None and count(table.c.settled.is_(None)) >= limits.at_once:
        return f"{limits.at_once} may wait at once; hand in again when one of them has its score"
    return ""


def require_taking(
    connection: sql.Connection, contest: Contest, part: ContestBoard, team: Team, standing: rules.Standing
) -> None:
    """Raise ``NotNowError`` where a team may hand in nothing to a board now."""
    if problem := refused(connection, contest, part, team, standing):
        raise NotNowError(part.board, f"takes nothing now: {problem}")


def same(connection: sql.Connection, contest: Contest, part: ContestBoard, team: Team, digest: str) -> Upload | None:
    """What a team has handed in to a board before with those contents, if it has."""
    found = read(connection, *_are(_of_team(contest, part, team) | {"digest": digest}))
    return found[0] if found else None


def _of_team(contest: Contest, part: ContestBoard, team: Team) -> dict[str, Any]:
    """What all that a team hands in to a board has in common."""
    return {
        "contest": contest.name, "season": contest.season, "board": part.board, "model": part.model or "",
        "team": team.id,
    }  # fmt: skip


def _are(values: Mapping[str, Any]) -> list[sql.ColumnElement[bool]]:
    return [schema.uploads.c[name] == value for name, value in values.items()]


def take(
    connection: sql.Connection, contest: Contest, part: ContestBoard, team: Team, person: Person, about: About,
    standing: rules.Standing, folder: Path, digest: str, algorithm: bool,
) -> tuple[Upload, bool]:  # fmt: skip
    """Take what was staged, in a transaction that writes; returns it, and whether it is new.

    What a team has handed in before, byte for byte, is the same submission again and takes nothing from a limit: who
    got no answer asks once more. Raises ``NotNowError`` where nothing is taken.
    """
    table = schema.uploads
    # One at a time a team: PostgreSQL's writers do not wait for each other otherwise.
    connection.execute(sql.select(schema.teams.c.id).where(schema.teams.c.id == team.id).with_for_update())
    if known := same(connection, contest, part, team, digest):
        return known, False
    require_taking(connection, contest, part, team, standing)
    files = sorted(path for path in (folder / "handed in").rglob("*") if path.is_file())
    row = _of_team(contest, part, team) | {
        "digest": digest,
        "phase": standing.phase.name if standing.phase else "", "person": person.id, "submission": "",
        "algorithm": algorithm, "staged": folder.name,
        "files": [str(path.relative_to(folder / "handed in")) for path in files[:_MOST_FILES]],
        "size": sum(path.stat().st_size for path in files),
        **vars(about), "received": now(), "settled": None,
    }  # fmt: skip
    made = connection.execute(table.insert().values(row)).inserted_primary_key
    assert made is not None
    # No two folders of a board have one name: a batch holds each name once.
    name = f"{team.name}/{made[0]:06d}"
    connection.execute(table.update().where(table.c.id == made[0]).values(submission=name))
    taken = same(connection, contest, part, team, digest)
    assert taken is not None
    return taken, True


def read(connection: sql.Connection, *where: sql.ColumnElement[bool], most: int | None = None) -> list[Upload]:
    """The uploads that fit, the newest first where there are ``most``, else the oldest."""
    columns = [schema.uploads.c[name] for name in Upload.__dataclass_fields__]
    order = schema.uploads.c.id if most is None else schema.uploads.c.id.desc()
    rows = connection.execute(sql.select(*columns).where(*where).order_by(order).limit(most)).mappings()
    return [Upload(**row) for row in rows]


def put_in_place(part: ContestBoard, upload: Upload) -> None:
    """Move a taken upload's files among the submissions, if nobody has."""
    place = place_of(part, upload.algorithm)
    target = place / upload.submission
    if upload.staged is None or target.exists():
        return
    target.parent.mkdir(exist_ok=True)
    with suppress(FileNotFoundError):  # another was first
        (place / upload.staged / "handed in").rename(target)
        _secure(target.parent)
    with suppress(OSError):
        (place / upload.staged).rmdir()


def placed(connection: sql.Connection, upload: Upload) -> None:
    """Keep that an upload's files are where they belong."""
    connection.execute(schema.uploads.update().where(schema.uploads.c.id == upload.id).values(staged=None))


def sweep(contest: Contest, taken: set[str]) -> None:
    """Throw away what was staged long ago and is of no upload that was ``taken``."""
    for part in contest.manifest.boards:
        for folder in {*part.submissions[:1], *part.algorithms[:1]}:
            for path in folder.glob(f"{_STAGED}*"):
                with suppress(OSError):
                    if path.name not in taken and time.time() - path.stat().st_mtime > _SWEPT_AFTER:
                        discard(path)


def shown(upload: Upload) -> dict[str, Any]:
    """What its team may know of an upload."""
    return {name: value for name, value in vars(upload).items() if name not in ("staged", "person", "team")}
