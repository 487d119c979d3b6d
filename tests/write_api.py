"""Rewrite docs/api.md from the docstrings of the public names: ``make api``. Never run by a test."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from dataperf_fast import valuation

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
SECTIONS = {
    "Args": "Parameters",
    "Attributes": "Attributes",
    "Returns": "Returns",
    "Raises": "Errors",
    "Example": "Example",
}
HEAD = """# Python

What may be imported and relied on. Made from the docstrings by `make api`; `help(name)` says the same. The version is
`dataperf_fast.__version__`, a string. A test runs every example, in order, in a folder that holds `data/debugging` of
this repository, and these:

```console
dataperf-fast synth acquisition made/acquisition --markets 1 --sellers 4 --rows 90 --buyer 80
dataperf-fast synth vision made/vision --concepts 1 --pool 300 --train 40 --test 30
```

```python
import numpy as np

import dataperf_fast as dpf

generator = np.random.default_rng(0)
train_y, val_y = generator.integers(0, 2, 40), generator.integers(0, 2, 20)
train_X, val_X = (generator.normal(labels[:, None], 1, (len(labels), 5)) for labels in (train_y, val_y))
```
"""


# Headings, and below each the names, which are imported from ``dataperf_fast``.
NAMES = {
    "Scoring": ["evaluate", "score", "open_engine", "Record", "to_frame", "to_arrow", "InputError"],
    "A data market": ["open_market", "Market", "boards.acquisition.market.Seller"],
    "Values of training rows": [  # what they have in common comes first
        f"valuation.{name}" for name in sorted(valuation.__all__, key=lambda name: name != "Valuation")
    ],
    "Comparing and profiling": ["parity.verify", "parity.Report", "profile", "profiling.Profile"],
    "A board of a package of your own": [
        "boards.board.Benchmark",
        "boards.board.Result",
        "boards.board.Challenge",
        "boards.board.Published",
        "boards.options.Option",
        "boards.options.Options",
        "files.paths.write_text",
    ],
    "Plans and models": [
        "engine.plan.Pool",
        "engine.plan.Plan",
        "engine.plan.FrozenModel",
        "engine.plan.Trainer",
        "engine.plan.Answers",
        "engine.engine.Engine",
        "engine.engine.Outcomes",
        "engine.backend.choose",
    ],
}


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page's text."""
    parts = [HEAD]
    for heading, names in NAMES.items():
        parts.append(f"## {heading}\n")
        for name in names:
            parts += [f"### `dataperf_fast.{name}`\n", *_about(public(name))]
    return "\n".join(parts)


def public(name: str) -> Any:
    """A public name's object."""
    module, _, attribute = f"dataperf_fast.{name}".rpartition(".")
    return getattr(import_module(module), attribute)


def sections(documented: Any) -> dict[str, str]:
    """A docstring's parts by their headings; what comes before the first has none."""
    parts = re.split(rf"^({'|'.join(SECTIONS)}):\n", inspect.getdoc(documented) or "", flags=re.MULTILINE)
    return {"": parts[0].strip()} | {
        heading: inspect.cleandoc(f"\n{text}") for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def entries(text: str) -> dict[str, str]:
    """What a section says of each name, ``name: what it is``, lines put together."""
    found = re.findall(r"^(\w+): ((?:.+\n?(?:^ +.+\n?)*))", text, re.MULTILINE)
    return {name: " ".join(of.split()) for name, of in found}


def _about(documented: Any) -> Iterator[str]:
    if not getattr(documented, "_is_protocol", False):
        yield _indented(signature(documented))
    yield from _documented(documented)
    if inspect.isclass(documented):
        yield from _members(documented)


def _documented(documented: Any) -> Iterator[str]:
    for heading, text in sections(documented).items():
        if heading:
            yield f"{SECTIONS[heading]}:\n"
        if heading in ("Args", "Attributes", "Raises"):
            yield "".join(f"- `{name}`: {_marked(of)}\n" for name, of in entries(text).items())
        elif heading == "Example":
            yield f"```pycon\n{text}\n```\n"
        else:
            yield f"{_marked(text)}\n"


def _members(documented: type) -> Iterator[str]:
    """Public methods and properties that no class on the page has before it, each with what it says."""
    bases = [base for base in documented.__mro__[1:] if base.__module__.startswith("dataperf_fast")]
    inherited = {name for base in bases for name in vars(base)}
    for name, member in vars(documented).items():
        if name.startswith("_") or name in inherited:
            continue
        function = getattr(member, "fget", None) or getattr(member, "func", None) or getattr(member, "__func__", member)
        if not inspect.isfunction(function):
            continue
        yield f"#### `{name}`\n"
        if function is member or isinstance(member, classmethod | staticmethod):
            yield _indented(signature(function))
        yield from _documented(function)


def signature(function: Any) -> str:
    """A call of a function or a class, on one line or, where that is long, a line a parameter."""
    found = inspect.signature(function)
    fields = dataclasses.fields(function) if dataclasses.is_dataclass(function) else ()
    factories = {of.name: of.default_factory for of in fields if of.default_factory is not dataclasses.MISSING}
    parts: list[str] = []
    kind = None
    for name, parameter in found.parameters.items():
        if name in ("self", "cls") and not parts:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and kind is not parameter.kind:
            parts.append("*")
        kind = parameter.kind
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        part = f"{stars}{name}: {_type(parameter.annotation)}"
        if name in factories:
            part += f" = {factories[name]()!r}"
        elif parameter.default is not parameter.empty:
            default = parameter.default  # a function is shown by its name: its address is another in each process
            part += f" = {default.__name__ if inspect.isfunction(default) else repr(default)}"
        parts.append(part)
    returned = "" if inspect.isclass(function) else f" -> {_type(found.return_annotation)}"
    line = f"{function.__name__}({', '.join(parts)}){returned}"
    if len(line) <= 100:
        return line
    return "\n".join([f"{function.__name__}(", *(f"    {part}," for part in parts), f"){returned}"])


def _type(annotation: Any) -> str:
    """An annotation as the source has it."""
    return str(getattr(annotation, "__forward_arg__", annotation))


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def _marked(text: str) -> str:
    """A docstring's text as Markdown's."""
    return text.replace("``", "`")


if __name__ == "__main__":
    main()
