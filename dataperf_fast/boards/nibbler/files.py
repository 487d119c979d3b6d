"""Adversarial Nibbler's rounds: pairs of a prompt and an image, their ratings, and all prompts attempted.

Read are the official files and our JSON Lines of new submissions; a broken record costs only itself. Prompts are
offensive in places, so no error shows one: what was found is told by type and size.

Source: google-research-datasets/adversarial-nibbler, ``README.md`` and ``round{n}/``.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from dataperf_fast.boards.nibbler.records import (
    ATTEMPTED,
    REPEATED,
    SUBMITTED,
    Attempted,
    OfficialAttempt,
    OfficialPair,
    PromptLine,
    RatingLine,
    Submitted,
    WorkLine,
    content,
    explain,
    plain,
    same_person,
)
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.handed_in import HandedIn, Named
from dataperf_fast.files.paths import whole_file

LARGEST_FILE = 256 << 20  # bytes
LONGEST_LINE = 1 << 20  # bytes
_LONGEST_INTEGER = 64  # digits
_ROW = re.compile(r"[0-9]{1,18}")
_SUFFIXES = (".csv", ".json", ".jsonl")
NAMED = "JSON Lines of pairs (.jsonl)"
_WHAT = "a round: a folder that holds submitted/, or a submitted .json, .csv or .jsonl file"


@dataclass(frozen=True)
class Round:
    """A round's tables, of the schemas ``SUBMITTED`` and ``ATTEMPTED``, and one problem for each thing left out.

    Pairs are in the order of files and rows, a pair's ratings as in its record, then those of ``ratings/``. Official
    files repeat a rater of a few pairs.
    """

    name: str
    submitted: pa.Table = field(repr=False)  # whose repr shows prompts
    attempted: pa.Table = field(repr=False)
    problems: list[InputError]


def read_round(path: Path) -> Round:
    """Read a round: a folder of ``submitted/`` and perhaps ``attempted/`` and ``ratings/``, or one submitted file.

    Files are read in sorted order; a CSV beside the JSON of its stem is passed over. Broken records and files are left
    out and told of in ``problems``. Raises ``InputError`` if there is nothing to read, or no pair could be read.
    """
    problems: list[InputError] = []
    folder = path.is_dir()
    files = _files(path / "submitted", problems) if folder else [path]
    if not files:
        raise problems[0] if problems else InputError(path, "holds no submitted file", expected=_WHAT)
    if path.suffix not in _SUFFIXES and not folder:
        raise InputError(path, "is no such file" if path.exists() else "no such file or folder", expected=_WHAT)
    submitted = ((file, *of) for file in files for of in _records(file, OfficialPair, Submitted, problems))
    pairs = _pairs(submitted, problems)
    if not pairs:
        raise problems[0] if problems else InputError(path, "holds no pair", expected=_WHAT)
    attempted: list[Any] = []
    if folder:
        _append_ratings(_rating_lines(path, problems), pairs, problems)
        for file in _files(path / "attempted", problems):
            attempted += [line for _, line in _records(file, OfficialAttempt, Attempted, problems)]
    return _round(path.resolve().name, pairs, attempted, problems)


Read = Iterable[tuple[Path, str, Any]]  # of each record the file, or its name in memory, its place and its model


def round_of(path: Path, submitted: Read, ratings: Read, attempted: Read, problems: list[InputError]) -> Round:
    """The round that records in memory make, checked as a round's files are; ``path`` is what errors call it."""
    pairs = _pairs(submitted, problems)
    if not pairs:
        raise problems[0] if problems else InputError(path, "holds no pair", expected="pairs of a prompt and an image")
    _append_ratings(ratings, pairs, problems)
    return _round(path.name, pairs, [line for _, _, line in attempted], problems)


def _pairs(submitted: Read, problems: list[InputError]) -> dict[str, dict[str, Any]]:
    """The pairs by name, without ratings from elsewhere."""
    pairs: dict[str, dict[str, Any]] = {}
    contents: dict[str, str] = {}
    for file, place, pair in submitted:
        row = pair.model_dump()
        row |= row.pop("annotations", None) or {}
        row["ratings"] = row.get("ratings") or []
        _add(row, row["pair"], pairs, contents if isinstance(pair, Submitted) else {}, file, place, problems)
    return pairs


def _round(name: str, pairs: dict[str, dict[str, Any]], attempted: Iterable[Any], problems: list[InputError]) -> Round:
    submitted = pa.Table.from_pylist(list(pairs.values()), schema=SUBMITTED)
    lines = [line.model_dump() for line in attempted]
    return Round(name, submitted, pa.Table.from_pylist(lines, schema=ATTEMPTED), problems)


def _rating_lines(data: Path, problems: list[InputError]) -> Read:
    for file in _files(data / "ratings", problems, (".jsonl",)):
        for place, line in _records(file, RatingLine, RatingLine, problems):
            yield file, place, line


def _add(
    row: dict[str, Any], name: str, pairs: dict[str, dict[str, Any]], contents: dict[str, str], file: Path, place: str,
    problems: list[InputError],
) -> None:  # fmt: skip
    """Add a pair by its name, unless the name, or one of the same content, is there."""
    first = name if name in pairs else contents.setdefault(content(row), name)
    if name in pairs or first != name:
        problems.append(InputError(file, f"repeats {first!r}:", f"{place}, pair", row["pair"], "each pair once"))
    else:
        pairs[name] = row


Given = dict[str, list[dict[str, Any]]]


def read_given(data: Path) -> tuple[Given, list[InputError]]:
    """Ratings of pairs that are outside the round: those in ``data``/ratings that name a content, by ``key``."""
    problems: list[InputError] = []
    return given_by(_rating_lines(data, problems)), problems


def given_by(ratings: Read) -> Given:
    """Those of these ratings that name a content, by ``key``."""
    given: Given = {}
    for _, _, line in ratings:
        if line.content is not None:
            given.setdefault(key(line.pair, line.content), []).append(line.model_dump())
    return given


def key(pair: str, about: str) -> str:
    """The name of a pair from outside the round: another prompt, image or participant makes it another pair."""
    return f"{pair} {about}"


def recognize(path: Path) -> Named | None:
    """What ``handed_in.find`` asks: every .jsonl file of a submission's is its own."""
    return Named(path.name) if path.suffix == ".jsonl" else None


def read_submission(submission: HandedIn, given: Given) -> Round:
    """Read a participant's pairs, .jsonl files, whose submission is named as he is; pairs go by their ``key``.

    Only what others have ``given`` rates them. Raises ``InputError`` where a line is broken, or there is none.
    """
    problems: list[InputError] = []
    files = submission.files.values()
    lines = ((file, *of) for file in files for of in _records(file, Submitted, Submitted, problems))
    return submission_of(submission.name, submission.path, lines, given, problems)


def submission_of(name: str, path: Path, lines: Read, given: Given, problems: list[InputError]) -> Round:
    """A participant's pairs of lines; ``problems`` are filled as ``lines`` are read, and the first is raised."""
    try:
        name = plain(name)
    except ValueError as error:
        raise InputError(path, "is named", value=name, expected=str(error)) from error
    pairs: dict[str, dict[str, Any]] = {}
    contents: dict[str, str] = {}
    for file, place, line in lines:
        row = line.model_dump()
        known = key(line.pair, content(row))
        if line.participant != name:
            expected = f"{name!r}, whose submission it is"
            problems.append(InputError(file, "is", f"{place}, participant", line.participant, expected))
        else:
            row["ratings"] = [one for one in given.get(known, []) if not same_person(name, one["rater"])]
            _add(row | {"pair": known}, known, pairs, contents, file, place, problems)
    if problems:
        raise problems[0]
    if not pairs:
        raise InputError(path, "holds no pair", expected="pairs of a prompt and an image")
    return Round(name, pa.Table.from_pylist(list(pairs.values()), SUBMITTED), ATTEMPTED.empty_table(), [])


def read_attempts(data: Path, but: str) -> list[Attempted]:
    """What a round's ``attempted/*.jsonl`` hold, ``but`` one file; a broken line is an ``InputError``."""
    problems: list[InputError] = []
    files = [file for file in _files(data / "attempted", problems, (".jsonl",)) if file.name != but]
    found = [line for file in files for _, line in _records(file, Attempted, Attempted, problems)]
    if problems:
        raise problems[0]
    return found


def read_prompts(path: Path, problems: list[InputError]) -> Iterator[PromptLine]:
    """The prompts in a .jsonl file; what is broken goes to ``problems``."""
    _require_lines(path, "prompts")
    return (line for _, line in _records(path, PromptLine, PromptLine, problems))


def read_work(path: Path, problems: list[InputError]) -> Iterator[tuple[str, WorkLine]]:
    """The place and content of each line of a work list, a .jsonl file; what is broken goes to ``problems``.

    Raises ``InputError`` for another kind of file.
    """
    _require_lines(path, "work list")
    return _records(path, WorkLine, WorkLine, problems)


def _require_lines(path: Path, what: str) -> None:
    if path.suffix != ".jsonl":
        raise InputError(path, f"holds no {what}", expected="JSON Lines (.jsonl)")


def write_lines(path: Path, models: Iterable[Submitted | Attempted | RatingLine]) -> None:
    """Write JSON Lines as ``read_round`` reads them, whole or not at all."""
    with whole_file(path) as aside, aside.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(model.model_dump_json(exclude_none=True) + "\n" for model in models)


def _files(folder: Path, problems: list[InputError], suffixes: tuple[str, ...] = _SUFFIXES) -> list[Path]:
    """The files to read in a folder, sorted by name; none where there is no folder."""
    if not os.path.lexists(folder):
        return []
    if not folder.is_dir() or folder.is_symlink():
        problems.append(InputError(folder, "is a link or no folder", expected="a folder"))
        return []
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        problems.append(InputError(folder, f"cannot be read ({error.strerror})"))
        return []
    found = {}
    for name in names:
        if Path(name).suffix in suffixes:
            try:
                found[plain(name)] = folder / name
            except ValueError as error:
                problems.append(InputError(folder, "holds a file named", "", name, str(error)))
    return [path for path in found.values() if path.suffix != ".csv" or f"{path.stem}.json" not in found]


def _append_ratings(lines: Read, pairs: dict[str, dict[str, Any]], problems: list[InputError]) -> None:
    contents = {name: content(pair) for name, pair in pairs.items()}
    rated = {(name, rating["rater"].casefold()) for name, pair in pairs.items() for rating in pair["ratings"]}
    for file, place, line in lines:
        if line.content is not None and line.pair not in pairs:
            continue  # of a pair from outside the round
        if line.content not in (None, contents.get(line.pair)):
            expected = "the prompt, image and participant that were rated"
            problems.append(InputError(file, "is of other content:", f"{place}, pair", line.pair, expected))
        elif line.pair not in pairs:
            expected = "a pair of this round that could be read"
            problems.append(InputError(file, "is unknown:", f"{place}, pair", line.pair, expected))
        elif same_person(pairs[line.pair].get("participant"), line.rater):
            problems.append(InputError(file, "rates his own pair:", f"{place}, rater", line.rater, "another person"))
        elif (line.pair, line.rater.casefold()) in rated:
            expected = "one rating of each rater for a pair"
            problems.append(InputError(file, "has rated this pair:", f"{place}, rater", line.rater, expected))
        else:
            rated.add((line.pair, line.rater.casefold()))
            pairs[line.pair]["ratings"].append(line.model_dump())


def _records(
    path: Path, official: type[BaseModel], own: type[BaseModel], problems: list[InputError]
) -> Iterator[tuple[str, Any]]:
    """Each record's place and model; what cannot be read goes to ``problems``."""
    read = {".json": _json_rows, ".csv": _csv_rows, ".jsonl": _lines}[path.suffix]
    schema = own if path.suffix == ".jsonl" else official
    try:
        _require_plain(path)
        for place, record in read(path):
            try:
                if isinstance(record, InputError):
                    raise record
                content = _parse(path, record, place) if isinstance(record, bytes) else record
                yield place, validated(path, place, content, schema)
            except InputError as error:
                problems.append(error)
    except InputError as error:
        problems.append(error)
    except OSError as error:
        problems.append(InputError(path, f"cannot be read ({error.strerror})"))


def validated(path: Path, place: str, content: Any, schema: type[BaseModel]) -> Any:
    """A record's model, of what stands at ``place`` in ``path``; ``InputError`` for what is none."""
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        where, found, expected = explain(error)
        raise InputError(path, found, f"{place}, {where}" if where else place, expected=expected) from None


def _require_plain(path: Path) -> None:
    if not os.path.lexists(path):
        raise InputError(path, "no such file")
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "a folder, a pipe or a device"
        raise InputError(path, f"is {what}", expected="a plain file")
    if status.st_size > LARGEST_FILE:
        raise InputError(path, f"has {status.st_size} bytes", expected=f"at most {LARGEST_FILE}")


def _parse(path: Path, content: bytes, place: str = "") -> Any:
    try:
        return json.loads(_decode(path, content, place), parse_int=_integer, object_pairs_hook=_object)
    except RecursionError:
        raise InputError(path, "is nested too deeply", place, expected="JSON") from None
    except json.JSONDecodeError as error:
        raise InputError(
            path, f"is not JSON ({error.msg.removesuffix(' at')} at character {error.pos + 1})", place
        ) from None


def _decode(path: Path, content: bytes, place: str = "") -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not UTF-8 text (byte {error.start})", place) from None


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else inf  # int() refuses thousands of digits


def _object(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) < len(items):
        found |= {key: REPEATED for key, count in Counter(key for key, _ in items).items() if count > 1}
    return found


def _json_rows(path: Path) -> Iterator[tuple[str, Any]]:
    columns = _parse(path, path.read_bytes())
    if not isinstance(columns, dict) or not all(isinstance(column, dict) for column in columns.values()):
        raise InputError(path, "is not an object of objects", expected="{column: {row: value}}")
    for number, row in enumerate(dict.fromkeys(row for column in columns.values() for row in column)):
        yield _row(
            path, row, f"row {number} from 0", {name: column[row] for name, column in columns.items() if row in column}
        )


def _csv_rows(path: Path) -> Iterator[tuple[str, Any]]:
    rows = csv.reader(io.StringIO(_decode(path, path.read_bytes()), newline=""), strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            place = f"line {rows.line_num}"
            yield place, InputError(path, f"is not CSV ({error})", place)
            continue
        if header is None:
            header = cells
            if header not in (["", "prompt"], ["", "submitted_prompt"]):
                raise InputError(path, "has another header", "line 1", expected=",prompt")
        elif len(cells) == 2:
            yield _row(path, cells[0], f"line {rows.line_num}", {"prompt": cells[1]})
        elif cells:
            place = f"line {rows.line_num}"
            yield place, InputError(path, f"has {len(cells)} columns", place, expected="2: a row's number, its prompt")


def _row(path: Path, row: str, otherwise: str, record: dict[str, Any]) -> tuple[str, Any]:
    """A record's place, and the record with its pair; ``otherwise`` is the place where ``row`` is no number."""
    if _ROW.fullmatch(row):
        return f"row {row}", record | {"pair": f"{path.stem}:{row}"}
    return otherwise, InputError(path, f"holds a row name of {len(row)} characters", otherwise, expected="a row number")


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            place = f"line {number}"
            if len(line) > LONGEST_LINE:
                yield place, InputError(path, "is too long", place, expected=f"at most {LONGEST_LINE} bytes")
                while line and not line.endswith(b"\n"):
                    line = file.readline(LONGEST_LINE)
            elif line.strip():
                yield place, line.rstrip()
