"""Names in Unicode's normal forms: ``ã`` is one character or two, by the system that wrote it, and looks the same."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path


def spelled(names: Sequence[str], known: Collection[str]) -> list[str]:
    """The names as ``known`` spells them: one that is not there is what there is in another normal form, if only once.

    Any other name stays as it is.
    """
    odd = [name for name in names if not name.isascii() and name not in known]
    if not odd:
        return list(names)
    by_form: dict[str, set[str]] = {}
    for name in known:
        by_form.setdefault(unicodedata.normalize("NFC", name), set()).add(name)
    found = {name: by_form.get(unicodedata.normalize("NFC", name), set()) for name in odd}
    spelling = {name: next(iter(of)) for name, of in found.items() if len(of) == 1}
    return [spelling.get(name, name) for name in names]


def spelled_path(path: Path) -> Path:
    """The path, or, where it is not there, the one in its folder whose name is the same in another normal form."""
    if path.name.isascii() or os.path.lexists(path):
        return path
    try:
        return path.with_name(*spelled([path.name], os.listdir(path.parent)))
    except OSError:
        return path


def forms(name: str) -> set[str]:
    """The name in the two normal forms that systems write."""
    return {unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)}
