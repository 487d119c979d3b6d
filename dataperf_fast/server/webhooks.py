"""What others are told: queued in the transaction of what happened, delivered at least once, signed, tried again."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from typing import Any

import httpx2
import sqlalchemy as sql

from dataperf_fast.contest.manifest import Contest
from dataperf_fast.contest.rules import Webhook
from dataperf_fast.contest.store import now
from dataperf_fast.server import schema
from dataperf_fast.server.database import Database

_SECONDS = 5.0  # that a receiver has
_MOST_TRIES = 12  # the last after some eleven hours
_AT_ONCE = 20
SIGNATURE = "X-Dataperf-Signature"  # sha256=HMAC of the body, as GitHub's


def queue(connection: sql.Connection, contest: Contest, event: str, about: dict[str, Any]) -> None:
    """Queue an event for all who want to be told of it."""
    body = {"contest": contest.name, "event": event, "at": now(), **about}
    rows = [
        {
            "contest": contest.name, "url": hook.url, "event": event, "body": body, "tries": 0, "due": time.time(),
            "problem": "", "delivered": None,
        }
        for hook in contest.manifest.server.webhooks
        if event in hook.events
    ]  # fmt: skip
    if rows:
        connection.execute(schema.deliveries.insert(), rows)


def deliver(contest: Contest, database: Database) -> None:
    """Deliver what is due; what is refused is due again in 10 s, 20 s, 40 s, .."""
    hooks = {hook.url: hook for hook in contest.manifest.server.webhooks}
    if not hooks:
        return
    table = schema.deliveries
    waiting = table.c.contest == contest.name, table.c.delivered.is_(None), table.c.tries < _MOST_TRIES
    with database.reading() as connection:
        due = sql.select(table).where(*waiting, table.c.due <= time.time()).order_by(table.c.id).limit(_AT_ONCE)
        rows = connection.execute(due).mappings().all()
    for row in rows:
        hook = hooks.get(row["url"])
        problem = _post(hook, row) if hook else "is in the manifest no more"
        tries = row["tries"] + 1
        values = {"tries": tries, "problem": problem, "due": time.time() + 10.0 * 2 ** (tries - 1)}
        with database.writing() as connection:
            done = {} if problem else {"delivered": now()}
            connection.execute(table.update().where(table.c.id == row["id"]).values(**values, **done))


def _post(hook: Webhook, row: Any) -> str:
    """Send one; what is wrong, if anything."""
    secret = os.environ.get(hook.secret.removeprefix("env:"), "")
    if not secret:
        return f"{hook.secret} is not set"
    body = json.dumps(row["body"] | {"id": row["id"]}).encode()
    headers = {"Content-Type": "application/json", SIGNATURE: signature(secret, body)}
    try:
        answer = httpx2.post(hook.url, content=body, headers=headers, timeout=_SECONDS, follow_redirects=False)
    except httpx2.HTTPError as error:
        return type(error).__name__
    return "" if answer.is_success else f"answered {answer.status_code}"


def signature(secret: str, body: bytes) -> str:
    """What proves that a body is from who knows the secret."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
