"""The package as a type checker sees it. ``make lint`` checks this file; nothing runs it.

An ``ignore`` is an error where nothing is wrong, so each of these lines is one that must be refused.
"""

from __future__ import annotations

from pathlib import Path

import dataperf_fast as dpf


def misspelt() -> None:
    """Names that the package does not have."""
    dpf.evalute("debugging", "data")  # type: ignore[attr-defined]
    dpf.Engine  # type: ignore[attr-defined]  # noqa: B018


def misused() -> None:
    """Arguments that the functions do not take."""
    dpf.evaluate("debugging", 3)  # type: ignore[arg-type]
    dpf.open_market(["data"], 0)  # type: ignore[arg-type]


def paths() -> tuple[list[dpf.Record], dpf.Market]:
    """A path is a str or a Path, everywhere."""
    records = dpf.evaluate("debugging", "data", "teams", out=Path("results"))
    records += dpf.evaluate("debugging", Path("data"), [Path("teams/anna"), "teams/bert"], out="results")
    market = dpf.open_market("acquisition", 0)
    return records, dpf.open_market(Path("acquisition"), market.number)
