"""Pages that are made for somebody: templates, what all of them show, and words for times and sizes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dataperf_fast.contest import rules
from dataperf_fast.report.leaderboard import isolated
from dataperf_fast.server import site
from dataperf_fast.server.hall import Hall, part_slug, title_of

if TYPE_CHECKING:
    from jinja2 import Environment

    from dataperf_fast.server.callers import Caller


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        isolated=isolated, time=_time, seconds=_seconds, size=_size, said=rules.said, told=rules.told
    )
    environment.globals.update(part_slug=part_slug, title_of=title_of)
    return environment


def show(
    request: Request, caller: Caller, template: str, status: int = 200, headers: dict[str, str] | None = None,
    **values: Any,
) -> Response:  # fmt: skip
    """A page for whoever asks."""
    hall: Hall = request.app.state.hall
    made, standing = hall.decided()
    common = {
        "contest": hall.contest, "visitor": caller, "standing": standing, "here": request.url.path,
        "announcements": made.announcements[-site.SAID :],
    }  # fmt: skip
    text = _environment().get_template(template).render(**common, **values)
    return HTMLResponse(text, status, headers)


def _time(text: str | None) -> str:
    return (text or "")[:16].replace("T", " ") + (" UTC" if text else "")


def _seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(size: int) -> str:
    return f"{size:,} bytes" if size < 10_000 else f"{size / 1024:,.0f} KiB" if size < 10 << 20 else f"{size >> 20} MiB"
