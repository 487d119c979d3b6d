"""Python literals from untrusted files: checked token by token before Python's own parser sees them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_DEEPEST = 20  # brackets within brackets; the official files have two
_LONGEST_NUMBER = 400  # characters

# What repr() writes, so no octal or named characters, whose oddities are warned of. Possessive, hence linear.
_ESCAPE = r"""\\(?:[\\'"abfnrtv]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"""
_STRING = rf"""(?:'[^'\\\r\n\0]*+(?:{_ESCAPE}[^'\\\r\n\0]*+)*+'|"[^"\\\r\n\0]*+(?:{_ESCAPE}[^"\\\r\n\0]*+)*+")"""
_NAME = r"(?:True|False|None)\b"
_SPACE = r"[ \t\r\n]"
_TOKEN = re.compile(
    rf"""(?P<space>{_SPACE}++)
    |(?P<run>(?:(?:{_STRING}|-?[0-9]{{1,18}}+|{_NAME}){_SPACE}*+[,:]{_SPACE}*+)++)
    |(?P<string>{_STRING})
    |(?P<number>-?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)
    |(?P<name>{_NAME})
    |(?P<separator>[,:])
    |(?P<open>[\[{{(])
    |(?P<close>[\]}})])""",
    re.VERBOSE,
)
_CLOSING = {"[": "]", "{": "}", "(": ")"}


def read_literal(text: str, largest: int = 1 << 18) -> object:
    """Read a Python literal of strings, numbers, True, False, None, lists, tuples, dicts and sets, as ``repr`` shows.

    In time linear in ``text``, which may have ``largest`` characters. Raises ``ValueError`` for all else; its message
    is what was met and where, as "a name at character 3", and never quotes the text.
    """
    if len(text) > largest:
        raise ValueError(f"{len(text)} characters, more than {largest}")
    _check(text)
    try:
        return ast.literal_eval(text)
    except (SyntaxError, TypeError, ValueError) as error:  # as a list for a dict's key, half of a surrogate pair
        at = 1
        if isinstance(error, SyntaxError) and error.lineno and error.offset:
            at = error.offset + sum(len(line) + 1 for line in text.split("\n")[: error.lineno - 1])
        raise ValueError(f"a value, a comma or a colon out of place at character {at}") from None


def _check(text: str) -> None:
    """Refuse two values with nothing between (calls, indices), and brackets that do not pair or nest too deeply."""
    expected: list[str] = []
    after_value = False
    for kind, at in _tokens(text):
        if after_value and kind not in ("separator", "close"):
            raise ValueError(f"a value right after another at character {at + 1}")
        if kind == "open":
            expected.append(_CLOSING[text[at]])
            if len(expected) > _DEEPEST:
                raise ValueError(f"more than {_DEEPEST} brackets within each other at character {at + 1}")
        elif kind == "close" and (not expected or expected.pop() != text[at]):
            raise ValueError(f"a bracket that closes no other at character {at + 1}")
        after_value = kind not in ("open", "separator", "run")
    if expected:
        raise ValueError(f"the end inside a bracket at character {len(text) + 1}")


def _tokens(text: str) -> Iterator[tuple[str | None, int]]:
    """The kinds and places of what is not space; a run is of values, each with its comma or colon."""
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{_kind(text[at])} at character {at + 1}")
        if match.lastgroup == "number" and match.end() - at > _LONGEST_NUMBER:
            raise ValueError(f"a number of {match.end() - at} characters at character {at + 1}")
        if match.lastgroup != "space":
            yield match.lastgroup, at
        at = match.end()


def _kind(character: str) -> str:
    if character in "'\"":
        return "a string with no end or an unknown escape"
    return "a name" if character.isalpha() or character == "_" else "an operator or another character of no literal"
