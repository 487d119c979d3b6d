"""Adversarial Nibbler's records: the tables' schemas, our JSON Lines, and the official files' fields.

Source: google-research-datasets/adversarial-nibbler, ``README.md`` and ``round{n}/submitted/``.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from dataperf_fast.boards.nibbler.literals import read_literal
from dataperf_fast.files.schema_errors import expected

LONGEST_PROMPT = 10_000  # characters
LONGEST_ID = 64
LONGEST_NAME = 200
MOST_ITEMS = 100

RATING = pa.struct(
    {
        "rater": pa.string(),
        "trained": pa.bool_(),  # null: unknown
        "answer_ms": pa.int64(),
        "prompt_safety": pa.string(),  # safe, unsafe, unsure; null: no answer
        "image_safety": pa.string(),
        "attack_modes": pa.list_(pa.string()),
        "failure_types": pa.list_(pa.string()),
        "failure_targets": pa.list_(pa.string()),
    }
)
SUBMITTED = pa.schema(
    {
        "pair": pa.string(),  # unique in the round
        "participant": pa.string(),
        "submitted": pa.timestamp("ms", "UTC"),
        "prompt": pa.string(),
        "rewritten_prompt": pa.string(),
        "prompt_type": pa.string(),  # benign, subversive
        "image": pa.string(),
        "model": pa.string(),
        "attack_modes": pa.list_(pa.string()),
        "failure_types": pa.list_(pa.string()),
        "failure_targets": pa.list_(pa.string()),
        "ratings": pa.list_(RATING),  # never null
    }
)
ATTEMPTED = pa.schema(
    {
        "participant": pa.string(),
        "attempted": pa.timestamp("ms", "UTC"),
        "model": pa.string(),
        "prompt": pa.string(),
        "image": pa.string(),
        "submitted": pa.bool_(),
        "machine_text_safety": pa.string(),
        "machine_image_safety": pa.string(),
    }
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)  # seconds for ms are before
_WHEN = f"a time from {_FIRST.year} to {_LAST.year}"
_TEXT_SAFETY = {"text_safe": "safe", "text_unsafe": "unsafe", "text_other": "unsure"}
_IMAGE_SAFETY = {
    "image_safe": "safe",
    "image_unsafe": "unsafe",
    "unsure_image_safe": "unsure",  # rounds 1 to 3
    "image_unsure_safe": "unsure",  # round 4
}
_ANSWER = re.compile(r"(?:text|image|unsure)_[a-z_]{1,24}")
_FIELD = re.compile(r"[A-Za-z_]{1,40}")
_FOR_THE_EYE = ("prompt", "image", "needed")
REPEATED = object()  # stands for the values of a key that is in an object twice


def plain(text: str) -> str:
    """Ids and names in one way of writing; refuse those that are blank, or show as others do, or break a line."""
    known = unicodedata.normalize("NFKC", text).strip()
    if not known or any((kind := unicodedata.category(sign))[0] == "C" or kind in "Zl Zp" for sign in text + known):
        raise ValueError("text without control, format or private-use characters, and not blank")
    return known


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text without lone surrogates") from None
    return text


def _as_text(value: object) -> object:
    """An id as text; pandas makes 7.0 of 7 in a column that lacks values."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _from_iso(value: object) -> object:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("an ISO 8601 date-time") from None  # which does not quote the value


def _from_ms(value: object) -> object:
    """Milliseconds, or what else pandas makes of a time; without an offset it is UTC."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not _FIRST.timestamp() * 1000 <= value < _LAST.timestamp() * 1000 or value != int(value):
            raise ValueError(_WHEN)
        return _EPOCH + timedelta(milliseconds=int(value))
    moment = _from_iso(value)
    return moment.replace(tzinfo=moment.tzinfo or UTC) if isinstance(moment, datetime) else moment


def _in_range(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("an offset from UTC")
    if not _FIRST <= moment < _LAST:
        raise ValueError(_WHEN)
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def _answer(known: Mapping[str, str]) -> Callable[[object], object]:
    def read(value: object) -> object:
        if isinstance(value, list) and len(value) < 2:
            value = value[0] if value else None
        if value is None:
            return None
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"one of {', '.join(known)}")
        return known[value]

    return read


def _literal(value: object) -> object:
    try:
        return read_literal(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"a Python literal, not {error}") from None


def _as_bool(value: object) -> object:
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


Safety = Literal["safe", "unsafe", "unsure"]
Id = Annotated[str, Field(max_length=LONGEST_ID), AfterValidator(plain)]
Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(plain)]
Prompt = Annotated[str, Field(max_length=LONGEST_PROMPT), AfterValidator(_encodable)]
Label = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_encodable)]
Labels = Annotated[list[Label], Field(max_length=MOST_ITEMS)]
Duration = Annotated[int, Field(ge=0, lt=1 << 63)]
Moment = Annotated[datetime, BeforeValidator(_from_iso), AfterValidator(_in_range)]
_Id = Annotated[Id, BeforeValidator(_as_text)]
_Name = Annotated[Name, BeforeValidator(_as_text)]
_Moment = Annotated[datetime, BeforeValidator(_from_ms), AfterValidator(_in_range)]
_PROMPT = AliasChoices("prompt", "submitted_prompt")
_TIME = AliasChoices("submitted_timestamp", "timestamp")


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RatingLine(_Line):
    """A line of ``ratings/*.jsonl``: one rater's answers on a pair of the same round.

    ``content`` is the pair's ``content`` when it was rated; a submission from outside the round is rated by no other.
    """

    pair: Name
    content: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    rater: Id
    trained: bool
    prompt_safety: Safety
    image_safety: Safety
    answer_ms: Duration | None = None
    attack_modes: Labels | None = None
    failure_types: Labels | None = None
    failure_targets: Labels | None = None


class WorkLine(_Line):
    """A line of a raters' work list that came back: a rating, or none where nobody answered, or it is guidance.

    What is there for the eye (prompt, image, how many ratings are needed) is passed over.
    """

    rating: RatingLine | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_line(cls, line: object) -> object:
        if not isinstance(line, dict) or "guidance" in line:
            return {} if isinstance(line, dict) else line
        given = {name: value for name, value in line.items() if value is not None and name not in _FOR_THE_EYE}
        return {"rating": given} if given.keys() - {"pair", "content"} else {}


class PromptLine(_Line):
    """A line of prompts that images are to be made of."""

    participant: Id
    prompt: Prompt


class Submitted(_Line):
    """A line of ``submitted/*.jsonl``: a pair. ``submitted`` is ISO 8601 with an offset, kept in UTC and ms."""

    pair: Name
    participant: Id
    submitted: Moment
    prompt: Prompt
    prompt_type: Name  # benign or subversive, by the rules
    image: Name
    rewritten_prompt: Prompt | None = None
    model: Name | None = None
    attack_modes: Labels | None = None
    failure_types: Labels | None = None
    failure_targets: Labels | None = None


class Attempted(_Line):
    """A line of ``attempted/*.jsonl``: a prompt that an image was made of, submitted or not."""

    participant: Id
    attempted: Moment
    prompt: Prompt
    image: Name
    model: Name | None = None
    submitted: bool | None = None
    machine_text_safety: Name | None = None
    machine_image_safety: Name | None = None


class _Official(BaseModel):
    """A part of an official file, read by its names there; fields that are not needed are passed over."""

    model_config = ConfigDict(strict=True)


class _OfficialRating(_Official):
    rater: _Id = Field(alias="annotator_id")
    trained: bool = True  # as the documentation says of all rounds
    answer_ms: Duration | None = Field(None, alias="answer_time_ms")
    prompt_safety: Annotated[Safety | None, BeforeValidator(_answer(_TEXT_SAFETY))] = Field(
        None, alias="text_safety_validation"
    )
    image_safety: Annotated[Safety | None, BeforeValidator(_answer(_IMAGE_SAFETY))] = Field(
        None, alias="image_safety_validation"
    )
    attack_modes: Labels | None = Field(None, alias="text_attack_mode")
    failure_types: Labels | None = Field(None, alias="image_failure_type")
    failure_targets: Labels | None = Field(None, alias="image_failure_target")


class _Annotations(_Official):
    participant: _Id = Field(alias="submitter_id")
    rewritten_prompt: Prompt | None = None
    attack_modes: Labels | None = Field(None, alias="text_attack_mode")
    failure_types: Labels | None = Field(None, alias="image_failure_type")
    failure_targets: Labels | None = Field(None, alias="image_failure_target")


_OfficialRatings = Annotated[list[Annotated[_OfficialRating, BeforeValidator(_literal)]], Field(max_length=MOST_ITEMS)]


class OfficialPair(_Official):
    """A row of ``submitted/*.json`` or of a CSV, which has prompts only, and the name that its reader gives it."""

    pair: Name
    prompt: Prompt = Field(validation_alias=_PROMPT)
    submitted: _Moment | None = Field(None, validation_alias=_TIME)
    image: _Name | None = Field(None, alias="hashed_filename")
    annotations: Annotated[_Annotations | None, BeforeValidator(_literal)] = Field(None, alias="submission_annotations")
    ratings: _OfficialRatings | None = Field(None, alias="validation")


class OfficialAttempt(_Official):
    """A row of ``attempted/*.json`` or of a CSV, which has prompts only."""

    participant: _Id | None = Field(None, alias="submitter_id")
    attempted: _Moment | None = Field(None, alias="timestamp")
    model: _Name | None = None
    prompt: Prompt = Field(validation_alias=_PROMPT)
    image: _Name | None = Field(None, alias="hashed_filename")
    submitted: Annotated[bool | None, BeforeValidator(_as_bool)] = None
    machine_text_safety: _Name | None = None
    machine_image_safety: _Name | None = None


def same_person(one: str | None, other: str) -> bool:
    """Whether two ids are one but for their case."""
    return one is not None and one.casefold() == other.casefold()


def content(pair: Mapping[str, Any]) -> str:
    """A digest of whose a pair is, its prompt and its image: what a rating is about."""
    about = "\0".join(pair.get(name) or "" for name in ("participant", "prompt", "image"))
    return hashlib.sha256(about.encode()).hexdigest()[:32]


def explain(error: ValidationError) -> tuple[str, str, str]:
    """The first thing that a record breaks: its place in the record, what was found, what was expected.

    Text is told by its length only, unless it is a field's name or an answer of the official form.
    """
    first: Any = error.errors(include_url=False)[0]
    location = [str(part) if isinstance(part, int) else part for part in first["loc"]]
    if first["type"] == "extra_forbidden" and not _FIELD.fullmatch(location[-1]):
        location[-1] = f"a name of {len(location[-1])} characters"
    place = ", ".join(location)
    if first["type"] == "missing":
        return place, "is missing", ""
    if first["type"] == "extra_forbidden":
        return place, "is no known field", ""
    value = first["input"]
    if isinstance(value, list) and len(value) == 1:
        return place, f"holds a list of {_describe(value[0])}", expected(first)
    return place, f"holds {_describe(value)}", expected(first)


def _describe(value: object) -> str:
    if value is REPEATED:
        return "values of a key that is there twice"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return repr(value) if _ANSWER.fullmatch(value) else f"text of {len(value)} characters"
    if isinstance(value, list | dict | tuple | set):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        return f"a whole number of {value.bit_length()} bits"
    return f"{value}" if isinstance(value, bool | int | float) else f"a {type(value).__name__}"
