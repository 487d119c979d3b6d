"""Who scores the batches: this machine, whose kernels take all its threads, or the workers of a Dask cluster.

joblib's Dask backend was tried: where the cluster has one thread, at the start for instance, it runs everything in the
calling process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import dataperf_fast
from dataperf_fast import boards
from dataperf_fast.contest.batches import Batch, refusals, score
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import clock
from dataperf_fast.files.errors import InputError, install
from dataperf_fast.files.records import Record

_BATCHES_A_WORKER = 2  # one to do, one to come


class Done(NamedTuple):
    """A batch with its records, the seconds that it took, and the software and the machine that did it."""

    batch: Batch
    records: dict[Path, list[Record]]
    seconds: float
    software: dict[str, str]


def everywhere(batches: Iterator[Batch], cluster: str) -> Iterator[Done]:
    """Score batches, here or on the cluster at an address; yields each when it is done.

    A batch is taken from ``batches`` when somebody is free. Raises ``InputError`` where the cluster does not answer.
    """
    return _on_cluster(batches, cluster) if cluster else (_timed(batch) for batch in batches)


def _timed(batch: Batch) -> Done:
    started = clock.now()
    records = score(batch)
    return Done(batch, records, clock.now() - started, software())


@cache
def software() -> dict[str, str]:
    """What scores here: versions, and the machine."""
    return backends.versions() | {"dataperf-fast": dataperf_fast.__version__}


def _on_cluster(batches: Iterator[Batch], address: str) -> Iterator[Done]:
    with _client(address) as client:
        from distributed import as_completed

        halves: list[Batch] = []
        running: dict[Any, Batch] = {}
        finished: Any = as_completed()  # type: ignore[no-untyped-call]
        while True:
            while len(running) < _BATCHES_A_WORKER * max(1, len(client.nthreads())):
                batch = halves.pop() if halves else next(batches, None)
                if batch is None:
                    break
                future = client.submit(_timed, batch, pure=False)
                running[future] = batch
                finished.add(future)
            if not running:
                return
            future = next(finished)
            batch = running.pop(future)
            if future.status == "finished":
                yield future.result()
            elif isinstance(error := future.exception(), InputError):
                raise error
            elif len(batch.folders) > 1:  # it took worker after worker with it: which of its submissions does?
                half = len(batch.folders) // 2
                halves += [replace(batch, folders=part) for part in (batch.folders[:half], batch.folders[half:])]
            else:
                yield Done(batch, {batch.folders[0]: _stopped(batch, error)}, 0.0, software())


def _stopped(batch: Batch, error: BaseException) -> list[Record]:
    """The records of a batch of one that ended its worker."""
    [folder] = batch.folders
    line = InputError(folder, f"failed: {type(error).__name__}").line
    return refusals(boards.load(batch.board), batch.data, folder.name, "failed", line)


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise InputError("--cluster", f"needs the package {error.name}", expected=install("cluster")) from error
    try:
        client = Client(address, timeout=20)  # type: ignore[no-untyped-call]
        client.wait_for_workers(1, timeout=60)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise InputError("--cluster", f"does not answer ({type(error).__name__})", value=address) from error
    return client
