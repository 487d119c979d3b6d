"""The actions of ``organize`` that decide something, as on the page of a server's organizers: logged with a reason.

Rulings are for every contest, the others for one that is served.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from dataperf_fast.commands import arguments
from dataperf_fast.contest import decisions, history
from dataperf_fast.contest.history import Place
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.store import Store
from dataperf_fast.files.errors import InputError, install, meant
from dataperf_fast.report.terminal import OK

if TYPE_CHECKING:
    from dataperf_fast.server.arrivals import Upload
    from dataperf_fast.server.database import Database


def _reason(command: argparse.ArgumentParser) -> None:
    command.add_argument("--reason", required=True, metavar="TEXT", help="why, which the log keeps")


def add_ruling(command: argparse.ArgumentParser) -> None:
    """Which submission."""
    command.add_argument("submission", metavar="SUBMISSION", help="as pages call it: anna, or anna/000001")
    command.add_argument("--board", metavar="BOARD", help="on this one alone [on every one that it is entered on]")
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


def ruling(act: str) -> Callable[[Contest, argparse.Namespace], int]:
    """Withdraw, disqualify or restore a submission."""

    def run(contest: Contest, options: argparse.Namespace) -> int:
        with closing(Store(contest.store, contest.store_named)) as store:
            for place in _standing(contest, store, options.submission, options.board):
                decisions.rule(contest, store, place, act, arguments.who(), options.reason)
                print(f"{' '.join(filter(None, place))}: {decisions.RULINGS[act] or 'stands again'}")
        return OK

    return run


def _standing(contest: Contest, store: Store, given: str, board: str | None) -> list[Place]:
    """Where a submission of the season that is on is entered; raises ``InputError`` where it is not."""
    places = {history.place_of(one) for one in store.entries(contest.name) if one.season == contest.season}
    boards = sorted({place[0] for place in places})
    if board is not None and board not in boards:
        raise InputError("--board", "is", value=board, expected=" or ".join(boards))
    here = {place for place in places if board in (None, place[0])}
    _require_known(contest, [given], {place[2] for place in here}, "one that a run has seen in this season")
    return sorted(place for place in here if place[2] == given)


def rescore(contest: Contest, options: argparse.Namespace) -> int:
    """Let submissions be scored anew."""
    from dataperf_fast.server import acts

    with _opened(contest) as database:
        uploads = _named(contest, database, options.submissions)
        count = acts.rescore(contest, database, uploads, arguments.who(), options.reason)
    print(f"{count} are scored anew")
    return OK


def extend(contest: Contest, options: argparse.Namespace) -> int:
    """Move a phase's end."""
    from dataperf_fast.server import acts

    with _opened(contest) as database:
        acts.extend(contest, database, options.phase, options.end, arguments.who(), options.reason)
    return OK


def release(contest: Contest, options: argparse.Namespace) -> int:
    """Let hidden scores be seen."""
    with _opened(contest) as database:
        decisions.release(contest, database.store, not options.withhold, arguments.who(), options.reason)
    return OK


def announce(contest: Contest, options: argparse.Namespace) -> int:
    """Say something on every page."""
    with _opened(contest) as database:
        decisions.announce(contest, database.store, options.text[:500], arguments.who())
    return OK


def invite(contest: Contest, options: argparse.Namespace) -> int:
    """Make an invitation."""
    from dataperf_fast.server import acts

    with _opened(contest) as database:
        print(acts.invite(contest, database, options.email, options.role, arguments.who()))
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
    _require_known(contest, names, {upload.submission for upload in uploads}, "one that was handed in")
    return [upload for upload in uploads if not names or upload.submission in names]


def _require_known(contest: Contest, names: Sequence[str], known: Collection[str], otherwise: str) -> None:
    for name in names:
        if name not in known:
            expected = meant(name, known) or f"{otherwise}, as pages call it"
            raise InputError(contest.path, "no submission is named", "", name, expected)
