"""YAML set-up files: parsed safely, checked against a schema, errors with the line of the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from dataperf_fast.files.errors import InputError, meant, shorten
from dataperf_fast.files.paths import read_text
from dataperf_fast.files.schema_errors import expected, fields_at

Schema = TypeVar("Schema", bound=BaseModel)
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100  # levels; the official files have three


class Loader(_SafeLoader):  # type: ignore[misc]
    """The safe loader, which says in our words that a tag is not allowed."""


def _refuse_tag(_: Loader, node: yaml.Node) -> None:
    raise yaml.constructor.ConstructorError(None, None, f"the tag {shorten(node.tag)} is unknown", node.start_mark)


Loader.add_constructor(None, _refuse_tag)


class NestingError(yaml.MarkedYAMLError):
    """Collections nested more than ``_DEEPEST`` levels deep."""


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
        raise not_yaml(path, error, what) from error
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = _place(tree, first["loc"])
        if first["type"] == "missing":
            raise InputError(path, "is missing", place, expected=what) from error
        if first["type"] == "extra_forbidden":
            known = fields_at(schema, first["loc"])
            guess = meant(first["loc"][-1], known) or " or ".join(known)
            raise InputError(path, "is no known field", place, expected=guess) from None
        if private:
            raise InputError(path, "is not as it should be", place, expected=expected(first)) from None
        raise InputError(path, "holds", place, first["input"], expected(first)) from error


def not_yaml(path: Path, error: yaml.YAMLError | ValueError, what: str) -> InputError:
    """What a loader's ``error`` says of the file, with the line where it knows one."""
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}" if mark else ""
    if isinstance(error, NestingError):
        return InputError(path, "is nested too deeply", place, expected=f"at most {_DEEPEST} levels")
    if isinstance(error, ValueError):
        return InputError(path, "holds a date or a number that is none", expected=what)
    reason = str(getattr(error, "problem", None) or error).splitlines()[0][:160]
    return InputError(path, f"is not YAML ({reason})", place, expected=what)


def place(path: Path, location: tuple[int | str, ...]) -> str:
    """Line and name of a field of a file that was read, for what only its reader can know to be wrong."""
    return _place(yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=Loader), location)


def _place(tree: Any, location: tuple[int | str, ...]) -> str:
    return f"line {_line(tree, location)}, {'.'.join(map(str, location)) or 'the file'}"


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
