"""Contests to be served, whose tasks are made once, and hashes of passwords that cost nothing.

On PostgreSQL all of them: DATAPERF_FAST_TEST_STORE=postgresql pytest tests/server
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from dataperf_fast.server import people
from tests.postgresql import emptied
from tests.server import servers
from tests.server.servers import contest, served


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Hashes that cost nothing."""
    people._nobodys.cache_clear()
    monkeypatch.setattr(people, "_hasher", lambda: PasswordHasher(1, 8, 1))
    yield
    people._nobodys.cache_clear()


@pytest.fixture(autouse=True)
def where(request, monkeypatch):
    """A store that is a server's, where the environment says so."""
    if os.environ.get("DATAPERF_FAST_TEST_STORE") == "postgresql":
        monkeypatch.setattr(servers, "STORE", emptied(request.getfixturevalue("postgresql")))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request):
    """Either kind of store, an empty one."""
    if request.param == "sqlite":
        return "sqlite:///store.sqlite"
    return emptied(request.getfixturevalue("postgresql"))


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The tasks, made once."""
    folder = tmp_path_factory.mktemp("data")
    contest(folder)
    return folder


@pytest.fixture
def manifest(data, tmp_path):
    """Makes a manifest in a folder of its own."""

    def made(**of) -> Path:
        for name in ("hidden", "warm-up"):
            (tmp_path / name).exists() or (tmp_path / name).symlink_to(data / name)
        return contest(tmp_path, **of)

    return made


@pytest.fixture
def server(manifest):
    with served(manifest()) as server:
        yield server
