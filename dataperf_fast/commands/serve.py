"""The command ``serve``: put a contest online."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from dataperf_fast.boards.options import some_path
from dataperf_fast.commands import arguments
from dataperf_fast.files.errors import InputError, install
from dataperf_fast.report.terminal import OK

EXAMPLE = "serve contest.yaml"
KEEPS = False  # nothing is stopped that would have to go on: what is taken is in the store


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    command.add_argument("manifest", type=some_path, metavar="MANIFEST", help="the contest's YAML file (docs/serve.md)")
    command.add_argument("--host", default="127.0.0.1", help="where it listens; 0.0.0.0 is everywhere [%(default)s]")
    command.add_argument(
        "--port", type=int, metavar="N", help="the port there [that of the manifest's server.address, or 8000]"
    )
    command.add_argument(
        "--proxy",
        default="",
        metavar="ADDRESS",
        help="whose word is taken for where requests come from: a reverse proxy's, 127.0.0.1 [nobody's]",
    )
    arguments.add_backend(command)
    arguments.add_jobs(command, "threads of scoring")
    command.add_argument(
        "--cluster",
        default="",
        metavar="ADDRESS",
        help="score on the Dask cluster of a scheduler, tcp://HOST:8786 [here]",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until told to end."""
    try:
        from dataperf_fast.server import running
    except ModuleNotFoundError as error:
        raise InputError("serve", f"needs the package {error.name}", expected=install("server")) from error
    from dataperf_fast.contest.run import How

    how = How(options.backend, options.jobs, cluster=options.cluster)
    running.serve(options.manifest, options.host, options.port, how, options.proxy)
    return OK
