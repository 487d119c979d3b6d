"""YAML set-up files: parsed safely, checked against a schema, errors with the line of the field."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from dataperf_fast.files.errors import InputError, meant, shorten
from dataperf_fast.files.paths import read_text
from dataperf_fast.files.schema_errors import expected, fields_at

Schema = TypeVar("Schema", bound=BaseModel)
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE_END = "\n"
_DEEPEST = 100  # levels; the official files have three


class Loader(_SafeLoader):  # type: ignore[misc]
    """The safe loader, which says in our words that a tag is not allowed."""


def _refuse_tag(_: Loader, node: yaml.Node) -> None:
    raise yaml.constructor.ConstructorError(None, None, f"the tag {shorten(node.tag)} is unknown", node.start_mark)


Loader.add_constructor(None, _refuse_tag)


class NestingError(yaml.MarkedYAMLError):
    """Collections nested more than ``_DEEPEST`` levels deep."""


def find_setup(data: Path, names: Sequence[str], what: str) -> Path:
    """The set-up file of one of those ``names`` in a folder or, as in a checkout, its ``app``; a file as it is."""
    if not data.is_dir():
        return data
    folders = [folder for folder in (data, data / "app") if folder.is_dir()]
    for path in (folder / name for folder in folders for name in names):
        if path.is_file():
            return path
    there = (entry.name for folder in folders for entry in folder.iterdir())
    nearest = meant(names[0], there)
    problem = f"holds no {names[0]}, but" if nearest else f"holds no {names[0]}"
    raise InputError(data, problem, value=nearest or None, expected=what)


def root_of(data: Path, path: Path, key: tuple[str, ...], part: Path) -> Path:
    """The folder from which the paths in a set-up file are meant: one that holds ``part``, which stands at ``key``.

    Tried are the file's own folder, the folder ``data`` that it was found in, and the working directory, as the
    reference's scripts have it, which is warned of. One of them has all paths, so that no two data sets are mixed.
    """
    places: dict[str, Path] = {}
    for folder in (path.parent, *([data] if data.is_dir() else []), Path()):
        places.setdefault(os.path.abspath(folder), folder)
    for number, (absolute, folder) in enumerate(places.items()):
        if os.path.exists(folder / part):
            if number and folder == Path():
                warnings.warn(f"{path}: its paths are read from the working directory, {absolute}", stacklevel=2)
            return folder
    expected = f"it in {' or in '.join(places)}, the working directory"
    raise InputError(path, "names what is not there:", place(path, key), str(part), expected)


def read_setup(path: Path, schema: type[Schema], what: str, private: bool = False) -> Schema:
    """Read ``path`` into ``schema``; the first thing that does not fit raises an ``InputError`` with its line.

    No value of a ``private`` file is shown.
    """
    text = read_text(path, what)
    try:
        refuse_depth(text)
        tree = yaml.compose(text, Loader=Loader)
        content = yaml.load(text, Loader=Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise not_yaml(path, text, error, what) from error
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = _place(text, tree, first["loc"])
        if first["type"] != "missing" and first["input"] is None:  # nothing after a key, or in the file
            raise InputError(path, "is empty", place if first["loc"] else "", expected=expected(first)) from None
        if first["type"] == "missing":
            raise InputError(path, "is missing", place, expected=what) from error
        if first["type"] == "extra_forbidden":
            known = fields_at(schema, first["loc"])
            guess = meant(first["loc"][-1], known) or " or ".join(known)
            raise InputError(path, "is no known field", place, expected=guess) from None
        if private:
            raise InputError(path, "is not as it should be", place, expected=expected(first)) from None
        raise InputError(path, "holds", place, first["input"], expected(first)) from error


def not_yaml(path: Path, text: str, error: yaml.YAMLError | ValueError, what: str) -> InputError:
    """What a loader's ``error`` says of the file, which holds ``text``, with the line where it knows one."""
    place = ""
    if isinstance(error, yaml.reader.ReaderError):  # whose position is in bytes or in characters, by the loader
        place = f"line {text.count(_LINE_END, 0, text.index(chr(error.character))) + 1}"
    elif mark := getattr(error, "problem_mark", None):
        place = f"line {line_of(text, mark)}"
    if isinstance(error, NestingError):
        return InputError(path, "is nested too deeply", place, expected=f"at most {_DEEPEST} levels")
    if isinstance(error, ValueError):
        return InputError(path, "holds a date or a number that is none", expected=what)
    reason = str(getattr(error, "problem", None) or error).splitlines()[0][:160]
    return InputError(path, f"is not YAML ({reason})", place, expected=what)


def line_of(text: str, mark: Any) -> int:
    """The line of a mark in ``text`` as editors count: to YAML some other characters end lines too."""
    return text.count(_LINE_END, 0, mark.index) + 1


def place(path: Path, location: tuple[int | str, ...]) -> str:
    """Line and name of a field of a file that was read, for what only its reader can know to be wrong."""
    text = path.read_text(encoding="utf-8-sig")
    return _place(text, yaml.compose(text, Loader=Loader), location)


def _place(text: str, tree: Any, location: tuple[int | str, ...]) -> str:
    return f"line {_line(text, tree, location)}, {'.'.join(map(str, location)) or 'the file'}"


def refuse_depth(text: str) -> None:
    """Raise ``NestingError`` for collections nested so deeply that libyaml, which recurses in C, could crash."""
    # Each level takes a bracket or a column; a pass of its own is only for files that have many of either.
    if text.count("[") + text.count("{") < _DEEPEST and max(map(len, text.split("\n"))) < _DEEPEST:
        return
    depth = 0
    mark: Any = None
    try:
        for event in yaml.parse(text, Loader=Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                mark = event.start_mark
                break
    except yaml.MarkedYAMLError as error:  # some libyaml count levels too, and read ahead: theirs are still to come
        mark = error.problem_mark
        seen = text[: mark.index] if mark else ""
        depth = max(depth, seen.count("[") + seen.count("{") - seen.count("]") - seen.count("}"))
    if depth > _DEEPEST:
        raise NestingError(problem_mark=mark)


def _line(text: str, node: Any, location: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the way to ``location``."""
    line = 1
    for part in (*location, None):
        if node is None:
            break
        line = line_of(text, node.start_mark)
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            break
    return line
