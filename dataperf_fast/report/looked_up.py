"""One participant, or what changed in a contest, for people: lines on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from dataperf_fast.report.tables import print_log
from dataperf_fast.report.terminal import harmless

_MOST = 20  # files that are named


def print_submission(of: Mapping[str, Any], stream: IO[str]) -> None:
    """Print what a contest knows of a submission on a board, as ``contest.shown.Shown`` has it."""
    place = ", ".join(filter(None, (of["board"], of["model"])))
    _say(stream, f"== {place}: {of['submission']}{' (baseline)' if of['kind'] == 'baseline' else ''}")
    for line in _whereabouts(of):
        _say(stream, line)
    for task, file in of["files"].items():
        _say(stream, f"file for {task}: {file}")
    if of["passed_over"]:
        more = len(of["passed_over"]) - _MOST
        _say(stream, f"passed over: {', '.join(of['passed_over'][:_MOST])}{f' and {more} more' if more > 0 else ''}")
    for score in of["scores"]:
        _say(stream, _line(score))
    for posted in of["posted"]:
        _say(stream, _posted(posted))
    for number, state in enumerate(of["earlier"], start=1):
        for score in state:
            _say(stream, f"earlier ({number}), {score['finished']}: {_line(score)}")
    for ran in of["runs"]:
        print_log(ran, stream, "table")


def print_changes(changes: Sequence[Mapping[str, str]], stream: IO[str]) -> None:
    """Print what changed, a line a change, in the order of time."""
    for one in changes:
        place = ", ".join(filter(None, (one["board"], one["model"])))
        reason = f" ({one['why']})" if one["why"] else ""
        _say(stream, f"{one['when']}  {one['what']:<9}  {place}: {one['submission']}{reason}")


def _line(score: Mapping[str, Any]) -> str:
    place = " / ".join(filter(None, (score["dataset"], score["task"])))
    found = score["status"] if score["score"] is None else f"{score['score']!r}"
    return f"{place}: {found}{': ' + score['error'] if score['error'] else ''}"


def _whereabouts(of: Mapping[str, Any]) -> Iterator[str]:
    if of["path"]:
        seen = "" if of["note"] else f", since {of['since']}" if of["since"] else ", not yet seen by a run"
        yield f"lies in: {of['path']}{seen}"
    if of["gone"]:
        yield f"withdrawn: {of['gone']}; stood since {of['since']}"
    if of["note"]:
        yield of["note"]


def _posted(of: Mapping[str, Any]) -> str:
    rank = f", rank {of['rank']} of {of['of']}" if of["rank"] else ""
    return f"posted in {of['page']}: {of['score']}{rank}"


def _say(stream: IO[str], line: str) -> None:
    """A line of what may be a stranger's; no name has a tab."""
    print(harmless(line.replace("\t", "\\t")), file=stream)
