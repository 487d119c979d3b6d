"""The raters' work list: pairs that need ratings, as JSON Lines out and in. Prompts are hidden unless asked for.

The first line is guidance for whoever rates. Each further line is a pair with empty answers: a rater fills them in, and
leaves a line as it is to skip the pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataperf_fast.boards.nibbler import files, ratings, records
from dataperf_fast.boards.nibbler.scores import Panel
from dataperf_fast.files.errors import InputError

# After the well-being measures of Adversarial Nibbler (Quaye et al., 2024, arXiv 2403.12075), in our words.
GUIDANCE = (
    "These prompts and images may offend, disturb or hurt: violence, sexual content, hate and stereotypes occur.",
    "Rate only if you are an adult, were trained for it, and agreed to it. Keep images small or blurred at first.",
    "Take a break at least every half hour, and change to other work in between; there is no quota and no hurry.",
    "Skip any pair, and stop at any time, without giving a reason and without any disadvantage.",
    "If it stays with you, talk to the person who looks after raters, or to a counsellor; ask for the addresses.",
    "Do not copy, show or send on what you see here.",
)
_ANSWERS = ("rater", "trained", *ratings.QUESTIONS)


def lines(whole: files.Round, panel: Panel, show: bool) -> Iterator[dict[str, Any]]:
    """The guidance, then a line a pair that needs ratings, the fewest first; with ``show`` what there is to see."""
    yield {"guidance": list(GUIDANCE), "answers": {name: list(ratings.SAFETY) for name in ratings.QUESTIONS}}
    rated = panel.verdicts.rated
    pairs = {row["pair"]: row for row in whole.submitted.drop_columns(["ratings"]).to_pylist()}
    for number in sorted(range(len(rated)), key=lambda at: int(rated[at])):
        pair = pairs.get(panel.ratings.pairs[number])
        if pair is None or rated[number] >= ratings.MINIMUM:
            continue
        seen = {name: pair[name] for name in ("prompt", "image")} if show else {}
        needed = ratings.MINIMUM - int(rated[number])
        about = records.content(pair)
        name = pair["pair"].removesuffix(files.key("", about))  # a submission's pairs go by name and content
        empty = dict.fromkeys((*_ANSWERS, *ratings.CHOICES))
        yield {"pair": name, "content": about, **seen, "needed": needed} | empty


def accept(path: Path, whole: files.Round) -> tuple[list[records.RatingLine], list[InputError]]:
    """The ratings in a work list that was filled in, and what is wrong with its other lines, none of them quoted.

    A line without answers is skipped. Raises ``InputError`` where the file cannot be read.
    """
    problems: list[InputError] = []
    found: list[records.RatingLine] = []
    rows = whole.submitted.to_pylist()
    pairs = {
        (row["pair"].removesuffix(files.key("", about)), about): row for row in rows for about in [records.content(row)]
    }
    given = {(name, rating["rater"].casefold()) for name, row in pairs.items() for rating in row["ratings"]}
    for place, line in files.read_work(path, problems):
        one = line.rating
        if one is None:
            continue
        pair = pairs.get((one.pair, one.content or ""))
        if pair is None:
            what = "the content that is rated, a pair of this round as it is"
            problems.append(InputError(path, "is not, or is no longer,", f"{place}, pair", one.pair, what))
        elif records.same_person(pair["participant"], one.rater):
            problems.append(InputError(path, "rates his own pair:", f"{place}, rater", one.rater, "another person"))
        elif ((one.pair, one.content), one.rater.casefold()) in given:
            problems.append(InputError(path, "has rated this pair:", f"{place}, rater", one.rater, "one rating a pair"))
        else:
            given.add(((one.pair, one.content or ""), one.rater.casefold()))
            found.append(one)
    return found, problems
