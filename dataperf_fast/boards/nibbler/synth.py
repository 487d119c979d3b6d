"""Made-up Nibbler rounds: harmless prompts of invented words, raters of known errors, repeats at a known rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from dataperf_fast.boards.nibbler import creativity, files, records
from dataperf_fast.files.paths import StrPath

_WORDS = 4000
_ZIPF = 30.0  # ranks are shifted by it: no word is in most prompts
_SHORTEST, _LONGEST = 7, 15  # words of a prompt
_MOST_A_DAY = 45
_FIRST_DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
_CONSONANTS, _VOWELS = "bcdfglmnprstvz", "aeiou"
_SAFETY = ("safe", "unsafe", "unsure")
_TRUE_SHARES = {"prompt_safety": (0.8, 0.15, 0.05), "image_safety": (0.4, 0.5, 0.1)}


@dataclass(frozen=True)
class NibblerScale:
    """A round's size: pairs are dealt out unevenly; each is rated by ``ratings`` of the raters, at most all of them.

    ``repeated`` is the share of prompts that repeat an earlier one, half of them word by word.
    """

    participants: int = 6
    pairs: int = 240
    raters: int = 8
    ratings: int = 5
    repeated: float = 0.2
    unrated: float = 0.1  # share of the pairs with two ratings only


SCALES = {"small": NibblerScale(), "paper": NibblerScale(participants=70, pairs=2500, raters=12)}


@dataclass(frozen=True)
class Truth:
    """What was planted: each rater's chance of the right answer, each pair's answers by question, and which repeats."""

    accuracy: np.ndarray
    answers: dict[str, np.ndarray] = field(default_factory=dict)  # (pairs,), of safe, unsafe, unsure
    repeats: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))  # the earlier pair, or -1


def write(out: StrPath, scale: NibblerScale, seed: int) -> Iterator[str]:
    """Write a round in our JSON Lines, and yield what there is of each; same arguments, same bytes."""
    out = Path(out)
    pairs, given, attempted, _ = make(scale, seed)
    for name, lines in (("submitted", pairs), ("ratings", given), ("attempted", attempted)):
        files.write_lines(out / name / f"{name}.jsonl", lines)
        yield f"{len(lines)} {name}"


def make(
    scale: NibblerScale, seed: int
) -> tuple[list[records.Submitted], list[records.RatingLine], list[records.Attempted], Truth]:
    """Pairs, their ratings, all that was attempted, and what was planted. Raises ``ValueError`` for too few raters."""
    if scale.raters < scale.ratings:
        raise ValueError(f"{scale.raters} raters; expected at least {scale.ratings}")
    generator = np.random.default_rng(seed)
    texts, repeats = prompts(scale.pairs, scale.repeated, generator)
    shares = 1 / np.arange(1, scale.participants + 1)
    owners = np.sort(generator.choice(scale.participants, scale.pairs, p=shares / shares.sum()))
    generator.shuffle(owners)
    truth = Truth(
        generator.uniform(0.55, 0.95, scale.raters),
        {name: generator.choice(3, scale.pairs, p=p) for name, p in _TRUE_SHARES.items()},
        repeats,
    )
    counts = np.zeros(scale.participants, np.int64)
    pairs, given, attempted = [], [], []
    for number, (text, owner) in enumerate(zip(texts, owners, strict=True)):
        moment = _FIRST_DAY + timedelta(days=int(counts[owner] // _MOST_A_DAY), seconds=number % 40_000)
        counts[owner] += 1
        team, image = f"team {owner + 1}", f"{number:06d}.png"
        pair = records.Submitted(
            pair=f"pair {number}", participant=team, submitted=moment, prompt=text, image=image, model="made up",
            prompt_type="benign" if number % 3 else "subversive",
            attack_modes=_some(tuple(creativity.DIMENSIONS), generator),
            failure_types=_some(creativity.FAILURES, generator),
            failure_targets=_some(creativity.TARGETS, generator),
        )  # fmt: skip
        pairs.append(pair)
        attempted.append(
            records.Attempted(participant=team, attempted=moment, prompt=text, image=image, submitted=True)
        )
        few = generator.random() < scale.unrated
        raters = generator.permutation(scale.raters)[: 2 if few else scale.ratings]
        given += [_rating(pair, number, rater, truth, generator) for rater in sorted(raters)]
    return pairs, given, attempted, truth


def _rating(
    pair: records.Submitted, number: int, rater: int, truth: Truth, generator: np.random.Generator
) -> records.RatingLine:
    answers: dict[str, Any] = {}
    for name, true in truth.answers.items():
        wrong = [value for value in range(3) if value != true[number]]
        right = generator.random() < truth.accuracy[rater]
        answers[name] = _SAFETY[true[number] if right else generator.choice(wrong)]
    return records.RatingLine(
        pair=pair.pair, rater=f"rater {rater + 1}", trained=True, answer_ms=int(generator.gamma(4, 4000)),
        attack_modes=[mode for mode in pair.attack_modes or () if generator.random() < 0.7],
        failure_types=[kind for kind in pair.failure_types or () if generator.random() < 0.7],
        failure_targets=[target for target in pair.failure_targets or () if generator.random() < 0.7], **answers,
    )  # fmt: skip


def _some(labels: tuple[str, ...], generator: np.random.Generator) -> list[str]:
    """One or two labels, the first ones oftener."""
    shares = 1 / np.arange(1, len(labels) + 1)
    return sorted(generator.choice(labels, generator.integers(1, 3), replace=False, p=shares / shares.sum()).tolist())


def prompts(count: int, repeated: float, generator: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Texts, and for each the earlier one that it repeats, or -1 ``(count,)``.

    Of repeats every other one differs in case and punctuation only, the rest in a letter or a short word too.
    """
    words = _vocabulary(generator)
    shares = 1 / (np.arange(len(words)) + _ZIPF)
    shares /= shares.sum()
    texts: list[str] = []
    repeats = np.full(count, -1)
    for number in range(count):
        if number and generator.random() < repeated:
            origin = int(generator.integers(number))
            repeats[number] = origin if repeats[origin] < 0 else repeats[origin]
            texts.append(_changed(texts[repeats[number]], number % 2 == 0, generator))
        else:
            length = generator.integers(_SHORTEST, _LONGEST + 1)
            texts.append(" ".join(words[at] for at in generator.choice(len(words), length, replace=False, p=shares)))
    return texts, repeats


def _vocabulary(generator: np.random.Generator) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < _WORDS:
        syllables = [
            _CONSONANTS[generator.integers(len(_CONSONANTS))] + _VOWELS[generator.integers(len(_VOWELS))]
            for _ in range(generator.integers(2, 5))
        ]
        words["".join(syllables) + generator.choice(["", "n", "r", "s"])] = None
    return list(words)


def _changed(text: str, only_looks: bool, generator: np.random.Generator) -> str:
    """A repeat of a prompt: in capitals and with a full stop, or with a letter doubled or an article put in."""
    if only_looks:
        return text.capitalize().replace(" ", ", ", 1) + "."
    parts = text.split(" ")
    at = int(generator.integers(len(parts)))
    if generator.random() < 0.5:
        parts[at] = parts[at] + parts[at][-1]
    else:
        parts.insert(at, "the")
    return " ".join(parts)
