"""A real PostgreSQL server, for tests."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from dataperf_fast.contest.store import Store
from tests.contest import contests


def _programs() -> Path | None:
    found = shutil.which("initdb") or next(iter(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[::-1]), None)
    return Path(found).resolve().parent if found else None


def emptied(url: str) -> str:
    """A server's URL, whose tables are gone."""
    with closing(Store(url, make=True)) as store, store._database.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return url


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """A server of our own on a free port."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb is not installed")
    pytest.importorskip("psycopg", reason="the extra 'postgresql' is not installed")
    folder, as_nobody = Path(tempfile.mkdtemp(prefix="postgresql-")), {}
    if os.geteuid() == 0:  # it refuses to be root
        os.chown(folder, 65534, 65534)
        as_nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    port = contests.free_port()

    def run(*command):
        with (tmp_path_factory.mktemp("postgresql") / "printed").open("w") as printed:
            subprocess.run(command, check=True, stdout=printed, stderr=printed, cwd=folder, **as_nobody)

    run(programs / "initdb", "-D", folder / "db", "-U", "me", "-A", "trust", "-E", "UTF8", "-N")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    control = [programs / "pg_ctl", "-D", folder / "db", "-w", "-l", folder / "log"]
    run(*control, "-o", options, "start")
    yield f"postgresql+psycopg://me@127.0.0.1:{port}/postgres"
    run(*control, "-m", "immediate", "stop")
    shutil.rmtree(folder)
