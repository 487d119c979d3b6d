"""The actions of ``organize`` on a contest that is served: as on the organizer's page, logged with a reason."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dataperf_fast.contest import decisions
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.files.errors import InputError, install, meant
from dataperf_fast.report.terminal import OK

if TYPE_CHECKING:
    from dataperf_fast.server.arrivals import Upload
    from dataperf_fast.server.database import Database


def _reason(command: argparse.ArgumentParser) -> None:
    command.add_argument("--reason", required=True, metavar="TEXT", help="why, which the log keeps")


def add_ruling(command: argparse.ArgumentParser) -> None:
    """Which submission."""
    command.add_argument("submission", metavar="SUBMISSION", help="as pages call it: anna/000001")
    _reason(command)


def add_rescore(command: argparse.ArgumentParser) -> None:
    """Which submissions."""
    command.add_argument("submissions", nargs="*", metavar="SUBMISSION", help="as pages call them: anna/000001 [all]")
    _reason(command)


def add_extend(command: argparse.ArgumentParser) -> None:
    """Which phase, to when."""
    command.add_argument("phase", metavar="PHASE", help="its name in the manifest")
    command.add_argument("end", metavar="TIME", help="its new end, UTC: 2026-12-31T23:59")
    _reason(command)


def add_release(command: argparse.ArgumentParser) -> None:
    """Whether, and why."""
    command.add_argument("--withhold", action="store_true", help="the other way: let them be seen no more")
    _reason(command)


def add_announce(command: argparse.ArgumentParser) -> None:
    """What."""
    command.add_argument("text", metavar="TEXT", help="a line, at most 500 characters")


def add_invite(command: argparse.ArgumentParser) -> None:
    """Whom."""
    command.add_argument(
        "email", nargs="?", default="", metavar="EMAIL", help="whose account it is to be [whoever has the link]"
    )
    command.add_argument(
        "--role", default="participant", metavar="ROLE", help="participant, rater or organizer [%(default)s]"
    )


def ruling(kind: str) -> Callable[[Contest, argparse.Namespace], int]:
    """Withdraw, disqualify or restore a submission."""

    def run(contest: Contest, options: argparse.Namespace) -> int:
        from dataperf_fast.server import acts

        with _opened(contest) as database:
            [upload] = _named(contest, database, [options.submission])
            acts.rule(contest, database, upload, kind, _who(), options.reason)
        return OK

    return run


def rescore(contest: Contest, options: argparse.Namespace) -> int:
    """Let submissions be scored anew."""
    from dataperf_fast.server import acts

    with _opened(contest) as database:
        uploads = _named(contest, database, options.submissions)
        count = acts.rescore(contest, database, uploads, _who(), options.reason)
    print(f"{count} are scored anew")
    return OK


def extend(contest: Contest, options: argparse.Namespace) -> int:
    """Move a phase's end."""
    from dataperf_fast.server import acts

    with _opened(contest) as database:
        acts.extend(contest, database, options.phase, options.end, _who(), options.reason)
    return OK


def release(contest: Contest, options: argparse.Namespace) -> int:
    """Let hidden scores be seen."""
    with _opened(contest) as database:
        decisions.release(contest, database.store, not options.withhold, _who(), options.reason)
    return OK


def announce(contest: Contest, options: argparse.Namespace) -> int:
    """Say something on every page."""
    with _opened(contest) as database:
        decisions.announce(contest, database.store, options.text[:500], _who())
    return OK


def invite(contest: Contest, options: argparse.Namespace) -> int:
    """Make an invitation."""
    from dataperf_fast.server import acts

    with _opened(contest) as database:
        print(acts.invite(contest, database, options.email, options.role, _who()))
    return OK


@contextmanager
def _opened(contest: Contest) -> Iterator[Database]:
    try:
        from dataperf_fast.server.database import Database
    except ModuleNotFoundError as error:
        raise InputError("organize", f"needs the package {error.name}", expected=install("server")) from error
    database = Database(contest)
    try:
        yield database
    finally:
        database.close()


def _named(contest: Contest, database: Database, names: Sequence[str]) -> list[Upload]:
    """The uploads with those names, all where there is none."""
    from dataperf_fast.server import acts

    uploads = acts.all_uploads(contest, database)
    known = {upload.submission for upload in uploads}
    for name in names:
        if name not in known:
            raise InputError(contest.path, "no submission is named", "", name, meant(name, known) or "as pages call it")
    return [upload for upload in uploads if not names or upload.submission in names]


def _who() -> str:
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # a user without a name
        return "command line"
