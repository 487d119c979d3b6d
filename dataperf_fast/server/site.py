"""The pages of the boards as files, of which servers hand out copies: what all may see, and what organizers may.

The dispatcher writes them when something has changed; a server never computes a board while somebody waits.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import dataperf_fast
from dataperf_fast.contest import history, rules, standings
from dataperf_fast.contest.decisions import Decisions
from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.planning import PlannedSet
from dataperf_fast.contest.store import Store
from dataperf_fast.contest.views import View
from dataperf_fast.files.paths import write_text
from dataperf_fast.report import leaderboard
from dataperf_fast.report.ranks import Setting, ranking

PUBLIC, PRIVATE = "public", "private"
SAID = 3  # announcements on every page
_SEEN: dict[rules.Seen, str] = {
    "shown": "", "rounded": " Scores of hidden sets are rounded until they are released.",
    "withheld": " Scores of hidden sets are withheld until they are released.",
}  # fmt: skip


def folder_of(contest: Contest, whose: str) -> Path:
    """Where the pages for some lie."""
    return contest.work / "site" / whose


def now(contest: Contest, made: Decisions) -> rules.Standing:
    """The rules at this moment."""
    return rules.at(datetime.now(UTC), contest.manifest.server, made.ends, made.released)


def begin(contest: Contest) -> None:
    """See that there are pages, with a style, before the dispatcher has looked at everything for the first time."""
    if not (folder_of(contest, PUBLIC) / "index.html").exists():
        served = leaderboard.Served("The boards are being made, and come by themselves.")
        leaderboard.write(folder_of(contest, PUBLIC), contest.title, [], "", served=served)


def write(contest: Contest, plan: list[PlannedSet], store: Store, made: Decisions) -> list[Setting]:
    """Write both, or one where all is shown; returns the boards as the public sees them."""
    standing = now(contest, made)
    scores = standings.current(plan, store)
    foot = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, dataperf-fast {dataperf_fast.__version__}"
    before = history.of_standing(contest.name, contest.season, plan, store)
    views = {PUBLIC: View(made, standing.hidden, standing.digits, notes=False)}
    if standing.hidden != "shown":
        views[PRIVATE] = View(made)
    said = [(one.made, one.text) for one in made.announcements[-SAID:]]
    seen = {}
    for whose, view in views.items():
        seen[whose] = standings.settings(contest, plan, scores, before, view=view)
        stands = rules.told(standing) + (_SEEN[standing.hidden] if whose == PUBLIC else "")
        served = leaderboard.Served(stands, said, for_all=whose == PUBLIC)
        pages = leaderboard.write(
            folder_of(contest, whose), contest.title, seen[whose], foot, made.frozen or "", served
        )
        _remove_others(folder_of(contest, whose), pages)
    if PRIVATE not in views:
        shutil.rmtree(folder_of(contest, PRIVATE), ignore_errors=True)
    which = {
        setting.slug: {
            entry.submission: entry.which for entry in setting.entries if entry.kind == "submission" and entry.which
        }
        for setting in seen[PUBLIC]
    }
    write_text(counting(contest), json.dumps(which))
    return seen[PUBLIC]


def counting(contest: Contest) -> Path:
    """The file that says of each page and team which submission the public sees."""
    return contest.work / "site" / "counting.json"


def _remove_others(folder: Path, pages: list[Path]) -> None:
    """Of a board that is no more."""
    for path in set(folder.iterdir()) - set(pages):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def leaders(settings: list[Setting]) -> dict[str, tuple[str, str, float]]:
    """Who leads each board, by which submission and with what score."""
    found: dict[str, tuple[str, str, float]] = {}
    for setting in settings:
        for rank, entry in ranking(setting):
            if rank == 1 and entry.kind == "submission" and entry.score is not None:
                found.setdefault(setting.slug, (entry.submission, entry.which or entry.submission, entry.score))
    return found
