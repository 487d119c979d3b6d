"""A Nibbler round in memory, read with the files' own checks; no error shows a prompt.

``data`` is a mapping of ``submitted``, pairs, and perhaps ``attempted`` and ``ratings``: records with the keys of the
official files or of our JSON Lines, in a list or a table of them. A submission is the pairs of the participant that it
is named after; without any the round's own participants are scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel

from dataperf_fast.boards.nibbler import files
from dataperf_fast.boards.nibbler.board import Brought, brought_beside, brought_by
from dataperf_fast.boards.nibbler.records import Attempted, OfficialAttempt, OfficialPair, RatingLine, Submitted
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.in_memory import Given

_PARTS = ("submitted", "attempted", "ratings")
_WHAT = f"a mapping of submitted, and perhaps {' and '.join(_PARTS[1:])}: lists or tables of records"
_PAIRS = "a list or a table of pairs"


def brought(data: Any, submissions: Any) -> Brought:
    """What is scored, as ``board.py`` has it of files."""
    given = Given("data", data)
    parts = given.parts(_WHAT, _PARTS)
    wrong: list[InputError] = []
    ratings = list(_records(parts, "ratings", RatingLine, RatingLine, wrong))
    problems = list(wrong)
    inside = None
    if "submitted" in parts or submissions is None:
        submitted = _records(given.parts(_WHAT, _PARTS, _PARTS[:1]), "submitted", OfficialPair, Submitted, problems)
        attempted = _records(parts, "attempted", OfficialAttempt, Attempted, problems)
        inside = files.round_of(given.path, submitted, ratings, attempted, problems)
    if submissions is None and inside is not None:
        return brought_by(inside)
    rated = files.given_by(ratings)
    readers = []
    handed_in = Given("submissions", submissions).parts(f"a mapping from participants to {_PAIRS}")
    for name, of in handed_in.items():
        readers.append((name, of.path, partial(_submission, name, of, rated)))
    return brought_beside(given.name, inside, rated, wrong, readers, [])


def _submission(name: str, given: Given, rated: files.Given) -> files.Round:
    problems: list[InputError] = []
    lines = _records({name: given}, name, Submitted, Submitted, problems)
    return files.submission_of(name, given.path, lines, rated, problems)


def _records(
    parts: Mapping[str, Given], name: str, official: type[BaseModel], own: type[BaseModel], problems: list[InputError]
) -> Iterator[tuple[Any, str, Any]]:
    """Each record of a part with the part's name and its place; what cannot be read goes to ``problems``."""
    if name not in parts:
        return
    given = parts[name]
    for number, row in enumerate(given.rows(_PAIRS if own is Submitted else "a list or a table of records")):
        place = f"row {number}"
        is_own = official is own or "participant" in row
        content = row if is_own or official is not OfficialPair else {"pair": f"{name}:{number}"} | row
        try:
            yield given.path, place, files.validated(given.path, place, content, own if is_own else official)
        except InputError as error:
            problems.append(error)
