"""YAML set-up files: parsed safely, checked against a schema, errors with the line of the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from dataperf_fast.formats.errors import InputError
from dataperf_fast.formats.files import read_text

Schema = TypeVar("Schema", bound=BaseModel)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100  # levels; the official files have three


def read_setup(path: Path, schema: type[Schema], what: str, private: bool = False) -> Schema:
    """Read ``path`` into ``schema``; the first thing that does not fit raises an ``InputError`` with its line.

    No value of a ``private`` file is shown.
    """
    text = read_text(path, what)
    try:
        refuse_depth(text)
        tree = yaml.compose(text, Loader=_Loader)
        content = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else ""
        raise InputError(path, f"is not YAML ({getattr(error, 'problem', error)})", place, expected=what) from error
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = _place(tree, first["loc"])
        if first["type"] == "missing":
            raise InputError(path, "is missing", place, expected=what) from error
        if private:
            raise InputError(path, "is not as it should be", place, expected=first["msg"]) from None
        raise InputError(path, "holds", place, first["input"], first["msg"]) from error


def place(path: Path, location: tuple[int | str, ...]) -> str:
    """Line and name of a field of a file that was read, for what only its reader can know to be wrong."""
    return _place(yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=_Loader), location)


def _place(tree: Any, location: tuple[int | str, ...]) -> str:
    return f"line {_line(tree, location)}, {'.'.join(map(str, location)) or 'the file'}"


def refuse_depth(text: str) -> None:
    """Raise ``yaml.YAMLError`` for collections nested so deeply that libyaml, which recurses in C, could crash."""
    # Each level takes a bracket or a column; a pass of its own is only for files that have many of either.
    if text.count("[") + text.count("{") < _DEEPEST and max(map(len, text.split("\n"))) < _DEEPEST:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            mark: Any = event.start_mark
            raise yaml.composer.ComposerError(None, None, f"more than {_DEEPEST} levels deep", mark)


def _line(node: Any, location: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the way to ``location``."""
    line = 1
    for part in (*location, None):
        if node is None:
            break
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            break
    return line
