"""The methods that a board's baselines are asked for by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dataperf_fast.files.errors import ArgumentError


def chosen(methods: Sequence[str] | None, known: Sequence[str], default: Iterable[str]) -> list[str]:
    """The ``methods`` asked for, or the ``default``; raises ``ArgumentError`` for one that is not ``known``."""
    for method in methods or ():
        if method not in known:
            raise ArgumentError("methods", "holds", value=method, expected=" or ".join(known))
    return list(methods or default)
