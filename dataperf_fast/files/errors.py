"""The one error that bad input raises, and the one line that it prints.

What it says is ours. A parser's reason may follow in brackets, for people: it changes with the parser's version.
"""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Sequence, Set
from difflib import get_close_matches
from json import JSONDecodeError
from pathlib import Path

_LONGEST_VALUE = 80
_LIKENESS = 0.7  # of a mistyped name and the one that was meant; 1 is the same
_SHOWN: dict[Path, Path] = {}


class InputError(ValueError):
    """Input that cannot be used. ``str()`` is one line: file, place, what was found, what was expected.

    Args:
        file: the file, or the argument, that is wrong.
        problem: what is wrong with it, a verb first.
        place: where in it: "line 3, column 2" for instance.
        value: what was found there, shown on one line and cut where it is long; None for nothing to show.
        expected: what was expected.

    Attributes:
        file: the file as a path.
        line: the whole error in a line, which is ``str()`` of it too.

    Example:
        >>> print(dpf.InputError("Hawk.csv", "Confidence holds", "line 3", "maybe", "0 or 1"))
        Hawk.csv: line 3: Confidence holds 'maybe'; expected 0 or 1
    """

    # Pickle makes an exception from its arguments, which here is the line alone: workers send errors home.
    def __reduce__(self) -> tuple[object, ...]:
        return again, (str(self.file), self.line, type(self))

    def __init__(self, file: Path | str, problem: str, place: str = "", value: object = None, expected: str = ""):
        named = shown(file) if isinstance(file, Path) else file
        self.file = Path(named)
        found = "" if value is None else f" {shorten(value)}"
        wanted = f"; expected {expected}" if expected else ""
        line = f"{named}{': ' + place if place else ''}: {problem}{found}{wanted}"
        self.line = "".join(c if c >= " " else repr(c)[1:-1] for c in line)  # a file's name may hold a line end
        super().__init__(self.line)


def again(file: str, line: str, kind: type[InputError] = InputError) -> InputError:
    """The error that said ``line`` of a file or an argument, from what is left of it."""
    error = kind.__new__(kind, line)
    error.file, error.line = Path(file), line
    return error


class ArgumentError(InputError):
    """An argument of a public function that cannot be used, called as Python calls it: ``jobs``, ``own['embedding']``.

    Args:
        file: the argument's name.
        problem: as ``InputError`` takes it, and so is the rest.

    Example:
        >>> error = ArgumentError("jobs", "is", value=0, expected="a whole number from 1")
        >>> error.as_option()
        "--jobs: is 0; expected a whole number from 1"
    """

    def as_option(self) -> str:
        """The line as the command line says it, by the option's name."""
        name = str(self.file)
        option = name.removeprefix("own['").removesuffix("']").replace("_", "-")
        return f"--{option}{self.line.removeprefix(name)}"


def show_as(folder: Path, name: Path) -> None:
    """From now on errors about what lies in a folder say that it lies in ``name``, as users know it."""
    _SHOWN[folder] = name


def shown(path: Path) -> Path:
    """A path as users know it."""
    for folder in (path, *path.parents) if _SHOWN else ():
        if folder in _SHOWN:
            return _SHOWN[folder] / path.relative_to(folder)
    return path


def not_json(path: Path, error: ValueError | RecursionError, expected: str) -> InputError:
    """What the parser's ``error`` says of the file, with line and column where it knows them."""
    if isinstance(error, RecursionError):
        return InputError(path, "is nested too deeply", expected=expected)
    if not isinstance(error, JSONDecodeError):
        return InputError(path, "holds a number that is too long", expected=expected)
    if not error.doc.strip():
        return InputError(path, "is empty", expected=expected)
    place = f"line {error.lineno}, column {error.colno}"
    return InputError(path, f"is not JSON ({error.msg})", place, expected=expected)


def failure(file: Path | str, error: Exception) -> InputError:
    """An error as one of a file: an ``InputError`` as it is, of what nobody had thought of that it failed."""
    return error if isinstance(error, InputError) else InputError(file, f"failed: {told(error)}")


def told(error: Exception) -> str:
    """What an error of others says: a system's in its words, of another its kind and its first line, cut short."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"


def install(extra: str) -> str:
    """How to get an extra of ours. No index has us: our name is not registered there, and anybody could take it."""
    return f"pip install '.[{extra}]' in the checkout"


def shorten(value: object) -> str:
    """Show a value from a user's file on one line: escaped, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def kind_of(value: object) -> str:
    """What kind of thing an argument is, in words: for what is shown where only another kind will do."""
    if value is None:
        return "nothing"
    return f"a {type(value).__name__}{', which has no order' if has_no_order(value) else ''}"


def has_no_order(value: object) -> bool:
    """Whether what iterates over a value gets another order in every process: of a set, but not of a mapping's keys."""
    return isinstance(value, Set) and not isinstance(value, KeysView | Sequence)


def describe(value: object) -> str:
    """Show a scalar of a user's file, and say no more than the kind of anything whose text could be endless."""
    kinds = {type(None): "nothing", dict: "a mapping", list: "a list"}
    if isinstance(value, str | float) or (isinstance(value, int) and value.bit_length() < 256):
        return shorten(value)
    return kinds.get(type(value), f"a {type(value).__name__}")


def meant(value: object, known: Iterable[str]) -> str:
    """Which of the ``known`` names a mistyped one is most like, whatever its case; nothing where it is like none."""
    folded = {name.strip().casefold(): name for name in known}
    near = get_close_matches(str(value).strip().casefold(), folded, 1, _LIKENESS)
    return folded[near[0]] if near else ""


def require_columns(path: Path, found: Sequence[str], wanted: Sequence[str], expected: str, place: str = "") -> None:
    """Raise an ``InputError`` for the first ``wanted`` column that a table has not once: twice, never, or misnamed."""
    for column in wanted:
        if (count := found.count(column)) > 1:
            raise InputError(path, f"has {count} columns", place, column, expected)
        if not count:
            near = meant(column, (name for name in found if name not in wanted))
            but = f", but {shorten(near)}" if near else ""
            raise InputError(path, f"has no column {shorten(column)}{but}", place, expected=expected)
