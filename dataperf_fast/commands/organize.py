"""The command ``organize``: score a contest. Each action has options of its own, and its own ``--help``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NamedTuple

from dataperf_fast.boards.options import some_path
from dataperf_fast.commands import organize_acts, organize_kit, organize_run, organize_show, organize_store
from dataperf_fast.contest import manifest
from dataperf_fast.contest.manifest import Contest

EXAMPLE = "organize run contest.yaml"


class Action(NamedTuple):
    """What ``organize`` can do: in a line, an example after the manifest, its own arguments, and what runs it.

    ``by_store``: it needs neither data nor submissions, which may be gone, on another machine or broken.
    """

    summary: str
    example: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Contest, argparse.Namespace], int]
    by_store: bool = False


ACTIONS = {
    "run": Action(
        "score what has no score yet, and print the standings", "--cluster tcp://scheduler:8786",
        organize_run.add, organize_run.run,
    ),
    "check": Action(
        "say what run will find wrong, with no submission trained or run", "",
        organize_run.add_check, organize_run.check,
    ),
    "show": Action(
        "show all that is known of a participant: reasons, files, scores, earlier ones, logs", "anna",
        organize_show.add_show, organize_show.show,
    ),
    "diff": Action(
        "show what was new, changed, withdrawn or rescored since a date", "--since 2026-01-01",
        organize_show.add_diff, organize_show.diff, by_store=True,
    ),
    "export": Action(
        "write scores to a parquet file", "--parquet spring.parquet", organize_store.add_export, organize_store.export,
        by_store=True,
    ),
    "freeze": Action(
        "take nothing more into the season that is on: what is handed in later is not scored", "",
        organize_store.add_freeze, organize_store.freeze,
    ),
    "backup": Action(
        "copy the store to a file, while others use it, and check the copy", "store.backup",
        organize_store.add_backup, organize_store.backup, by_store=True,
    ),
    "restore": Action(
        "put a backup in the store's place, and keep aside what was there", "store.backup",
        organize_store.add_restore, organize_store.restore, by_store=True,
    ),
    "kit": Action(
        "write the folder that participants get, searched for what is secret", "--out kit --reveal hidden",
        organize_kit.add, organize_kit.write,
    ),
    "logs": Action("show what algorithms printed", "", organize_store.add_logs, organize_store.logs, by_store=True),
    "invite": Action(
        "make a link to register at a server, shown once", "me@example.org --role organizer",
        organize_acts.add_invite, organize_acts.invite,
    ),
    "withdraw": Action(
        "take a submission out of the standings; its files stay", "anna --reason 'asked for it'",
        organize_acts.add_ruling, organize_acts.ruling("withdraw"), by_store=True,
    ),
    "disqualify": Action(
        "let a submission stand without a score, with the reason", "anna --reason 'hidden labels'",
        organize_acts.add_ruling, organize_acts.ruling("disqualify"), by_store=True,
    ),
    "reinstate": Action(
        "let a submission stand again", "anna --reason 'a mistake'",
        organize_acts.add_ruling, organize_acts.ruling("restore"), by_store=True,
    ),
    "rescore": Action(
        "score one submission anew, or all; old scores stay as history", "--reason 'new machine'",
        organize_acts.add_rescore, organize_acts.rescore,
    ),
    "extend": Action(
        "move the end of a phase", "main 2026-12-31T23:59 --reason 'an outage'",
        organize_acts.add_extend, organize_acts.extend,
    ),
    "release": Action(
        "let hidden scores be seen, or not, whatever the phases say", "--reason 'the talk is over'",
        organize_acts.add_release, organize_acts.release,
    ),
    "announce": Action(
        "say something on every page of a server", "'The warm-up ends tomorrow'",
        organize_acts.add_announce, organize_acts.announce,
    ),
}  # fmt: skip


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its actions, each with its arguments."""
    places = command.add_subparsers(required=True, metavar="ACTION", dest="action")
    for name, action in ACTIONS.items():
        made = places.add_parser(
            name, help=action.summary, description=action.summary, formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=f"example:\n  dataperf-fast organize {name} contest.yaml {action.example}".rstrip(),
        )  # fmt: skip
        # Before the action it may stand too, and is not taken back by a default.
        made.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        made.add_argument(
            "manifest", type=some_path, metavar="MANIFEST", help="the contest's YAML file (docs/organize.md)"
        )
        action.add(made)


def run(options: argparse.Namespace) -> int:
    """Do one of the actions."""
    action = ACTIONS[options.action]
    by_store = action.by_store or getattr(options, "lift", False)  # of a freeze
    return action.run(manifest.read(options.manifest, there=not by_store), options)
