"""Of many like cases CI's twenty minutes hold a few, and ``make test`` all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def after(count: int, cases: Sequence[Any]) -> list[Any]:
    """Cases as ``pytest.mark.parametrize`` takes them: those after the first ``count`` are long."""
    marked = [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.long) for case in cases[count:]
    ]
    return [*cases[:count], *marked]
