"""Selections of clips, ``{"targets": {word: [clip ids]}, "nontargets": [clip ids]}``, in YAML and in JSON.

Source: harvard-edge/dataperf-speech-example: ``allowed_training_set.yaml``, ``eval.yaml``, submissions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from dataperf_fast.files.errors import InputError, describe, not_json, shorten
from dataperf_fast.files.paths import read_text, whole_file
from dataperf_fast.files.setup_file import Loader, line_of, not_yaml, refuse_depth

Location = tuple[Any, ...]

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LARGEST = 1 << 28  # bytes; the largest official file has 2 million
_LONGEST_WORD = 200  # bytes of a file name, which file systems cut at 255

# A word names a file: nothing that leaves the folder, cannot be encoded or would break an error's one line.
_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

# The block style that yaml.safe_dump writes, as far as a plain scalar can be nothing but a string: an id holds a slash,
# which no number, date, truth value or null does; a bare word starts with no digit and is not in _NOT_STRINGS.
_ID = r"\w[\w.'-]*+(?:/[\w.'-]++)++"
_SECTION = re.compile(r"(targets|nontargets):( \[\]| \{\})?\n")
_WORD = re.compile(r"""  (?:([^\W\d][\w'-]{0,99})|'([\w-]{1,100})'|"([\w-]{1,100})"):( \[\])?\n""")
_ITEMS = {indent: re.compile(rf"(?:{indent}- {_ID}\n)++") for indent in ("", "  ")}
_NOT_STRINGS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


@dataclass(frozen=True)
class Selection:
    """Clip ids of the target words, a list a word, and of nontargets, all in the file's order."""

    targets: dict[str, list[str]]
    nontargets: list[str]


class _MisfitError(Exception):
    """What does not fit at ``location`` in a file's content."""

    def __init__(self, location: Location, problem: str, expected: str):
        super().__init__(problem)
        self.location, self.problem, self.expected = location, problem, expected


class _RepeatedKeyError(ValueError):
    pass


def word_of(clip_id: str) -> str:
    """The word of a clip id, its first path part: ``cat/common_voice_en_1.wav`` -> ``cat``."""
    return clip_id.partition("/")[0]


def read_selection(path: Path, what: str) -> Selection:
    """Read and check a selection, YAML or JSON by the file's ending; keys besides the two are passed over.

    Raises ``InputError`` for a file that is missing, broken, repeats a key or has another shape, and for words that are
    no file names.
    """
    kind = path.suffix.lower()
    if kind not in (".yaml", ".yml", ".json"):
        raise InputError(path, "ends in no known way", value=path.suffix or None, expected=".yaml, .yml or .json")
    if path.is_file() and path.stat().st_size > _LARGEST:
        raise InputError(path, f"is too large ({path.stat().st_size} bytes)", expected=what)
    text = read_text(path, what)
    if kind == ".json":
        content = _load_json(path, text, what)
    else:
        content = read_plain(text)
        if content is None:
            content = _load_yaml(path, text, what)
    if kind == ".json":
        return selection_of(path, content)

    def with_line(location: Location) -> str:
        place = show_place(location)
        return f"line {_line(text, content, location)}{', ' + place if place else ''}"

    return selection_of(path, content, with_line)


def write_selection(path: Path, selection: Selection) -> None:
    """Write a selection, whole or not at all, as YAML or JSON by the path's ending."""
    with whole_file(path) as aside, aside.open("w", encoding="utf-8", newline="\n") as file:
        if path.suffix.lower() == ".json":
            file.write(json.dumps(asdict(selection), ensure_ascii=False) + "\n")
        else:
            yaml.dump(asdict(selection), file, _Dumper, default_flow_style=False, sort_keys=False, allow_unicode=True)


def selection_of(path: Path, content: Any, show: Callable[[Location], str] | None = None) -> Selection:
    """Check the content of ``path`` and make a selection of it; ``show`` says where in it something stands.

    Raises ``InputError`` for another shape, and for words that are no file names.
    """
    try:
        return _selection(content)
    except _MisfitError as misfit:
        place = (show or show_place)(misfit.location)
        raise InputError(path, misfit.problem, place, expected=misfit.expected) from None


def show_place(location: Location) -> str:
    """Show a path into a selection: ``("targets", "cat", 3)`` -> ``targets.cat[3]``."""
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return shown.removeprefix(".")


def read_plain(text: str) -> dict[str, Any] | None:
    """Read the plain block style that ``yaml.safe_dump`` writes, 30 times as fast as the YAML parser.

    Returns None where any line differs in the least: then the YAML parser decides.
    """
    if not text.endswith("\n"):
        text += "\n"
    content: dict[str, Any] = {}
    at = 0
    while section := _SECTION.match(text, at):
        name, empty = section.groups()
        at = section.end()
        if name in content or empty == {"targets": " []", "nontargets": " {}"}[name]:
            return None
        if empty:
            content[name] = {} if name == "targets" else []
            continue
        content[name], at = _plain_words(text, at) if name == "targets" else _plain_items(text, at, "")
        if not content[name]:
            return None
    return content if at == len(text) and len(content) == 2 else None


def _plain_words(text: str, at: int) -> tuple[dict[str, list[str]], int]:
    """Read words and their ids from ``at`` on; no words at all where one of them is not plain."""
    words: dict[str, list[str]] = {}
    while match := _WORD.match(text, at):
        bare, single, double, empty = match.groups()
        word = bare or single or double
        if word in words or (bare and bare.lower() in _NOT_STRINGS):
            return {}, at
        ids, at = ([], match.end()) if empty else _plain_items(text, match.end(), "  ")
        if not ids and not empty:
            return {}, at
        words[word] = ids
    return words, at


def _plain_items(text: str, at: int, indent: str) -> tuple[list[str], int]:
    block = _ITEMS[indent].match(text, at)
    if not block:
        return [], at
    return text[at + len(indent) + 2 : block.end() - 1].split(f"\n{indent}- "), block.end()


class _SelectionLoader(Loader):
    """The loader of set-up files, less what would hide ids or let a small file grow: repeated keys and merges."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "merges are not allowed here", key.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            seen = set()
            for key, _ in node.value:
                value = self.construct_object(key, deep=True)
                if value in seen:
                    problem = f"the key {shorten(value)} stands here a second time"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(value)
        return mapping


def _load_yaml(path: Path, text: str, what: str) -> Any:
    try:
        refuse_depth(text)
        return yaml.load(text, Loader=_SelectionLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise not_yaml(path, text, error, what) from error


def _load_json(path: Path, text: str, what: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_each_key_once)
    except _RepeatedKeyError as error:
        raise InputError(path, f"holds the key {error} twice in one object", expected=what) from None
    except (ValueError, RecursionError) as error:
        raise not_json(path, error, what) from error


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(shorten(next(key for row, key in enumerate(keys) if key in keys[:row])))
    return content


def _selection(content: Any) -> Selection:
    """Check the shape of a file's content and take the two fields out of it."""
    if not isinstance(content, dict):
        raise _MisfitError((), f"holds {describe(content)}", "a mapping with the keys targets and nontargets")
    for key in ("targets", "nontargets"):
        if key not in content:
            raise _MisfitError((), f"has no key {key!r}", "the keys targets and nontargets")
    targets, nontargets = content["targets"], content["nontargets"]
    if not isinstance(targets, dict):
        raise _MisfitError(("targets",), f"holds {describe(targets)}", "a mapping of words to lists of clip ids")
    for word, ids in targets.items():
        if not isinstance(word, str):
            # Placed at targets: the key is no text that could be shown as a place.
            raise _MisfitError(("targets",), f"holds the key {describe(word)}", "a word, in quotes where YAML needs it")
        if problem := _no_file_name(word):
            raise _MisfitError(("targets",), f"holds the word {shorten(word)}, which {problem}", "a word")
        _check_ids(("targets", word), ids)
    _check_ids(("nontargets",), nontargets)
    for word in dict.fromkeys(map(word_of, nontargets)):
        if problem := _no_file_name(word):
            row = next(row for row, clip_id in enumerate(nontargets) if word_of(clip_id) == word)
            found = f"holds the clip id {shorten(nontargets[row])}, whose word {problem}"
            raise _MisfitError(("nontargets", row), found, "word/clip")
    return Selection(targets, nontargets)


def _check_ids(location: Location, ids: Any) -> None:
    if not isinstance(ids, list):
        raise _MisfitError(location, f"holds {describe(ids)}", "a list of clip ids")
    if not set(map(type, ids)) <= {str}:
        row = next(row for row, clip_id in enumerate(ids) if not isinstance(clip_id, str))
        raise _MisfitError((*location, row), f"holds {describe(ids[row])}", "a clip id, a string")


def _no_file_name(word: str) -> str:
    """Say why ``word`` cannot name a file, or nothing where it can."""
    if not word:
        return "is empty"
    if word in (".", ".."):
        return "is a folder"
    if _UNSAFE.search(word):
        return "holds a character that no file name may hold"
    return f"is longer than {_LONGEST_WORD} bytes" if len(word.encode()) > _LONGEST_WORD else ""


def _line(text: str, content: Any, location: Location) -> int:
    """The line of the YAML node at ``location``; parses a second time, which only an error pays for."""
    node: Any = yaml.compose(text, Loader=Loader)
    mark = None
    for part in location:
        if isinstance(content, dict):
            key, node = node.value[list(content).index(part)]  # no key is there twice, so both are in one order
            mark = key.start_mark
        else:
            node = node.value[part]
            mark = node.start_mark
        content = content[part]
    return line_of(text, mark) if mark else 1
