"""Runs a stranger's algorithm, contained: no network, read-only inputs, nothing else in sight, limits on all it takes.

An image runs under podman, a command under bubblewrap; where neither is there, nothing runs. The one thing that comes
back is an answer file's bytes.
"""

from __future__ import annotations

import os
from pathlib import Path

from dataperf_fast.files.errors import InputError
from dataperf_fast.sandbox import bubblewrap, images, podman
from dataperf_fast.sandbox.images import number
from dataperf_fast.sandbox.staging import staged
from dataperf_fast.sandbox.terms import Algorithm, Limits, Ran, UnavailableError

__all__ = ["Algorithm", "Limits", "Ran", "UnavailableError", "available", "number", "require", "run"]


def require(algorithm: Algorithm) -> None:
    """See to what can be known before an algorithm runs.

    Raises ``InputError`` where there is nothing to run, ``UnavailableError`` where nothing contains it here, or podman
    has no such image.
    """
    if not algorithm.image and not algorithm.command:
        raise InputError(algorithm.folder, "says neither command nor image", expected="one of them")
    if lacking := podman.missing() if algorithm.image else bubblewrap.missing():
        raise UnavailableError(algorithm.folder, f"cannot be run: {lacking}")
    for path in algorithm.mounts:
        if not path.is_dir():
            raise UnavailableError(path, "no such folder", expected="a folder that algorithms may read")
    if algorithm.image:
        images.require(algorithm)


def run(algorithm: Algorithm, inputs: Path, answer: str, limits: Limits | None = None) -> Ran:
    """Run an algorithm on the files in ``inputs``, which it sees at /input, until it has left /output/``answer``.

    Raises what ``require`` does, and ``InputError`` for an archive that is no image. What the algorithm does wrong is
    in what is returned.
    """
    require(algorithm)
    contain = podman.run if algorithm.image else bubblewrap.run
    with staged(algorithm.folder, inputs) as places:
        return contain(algorithm, places, os.path.basename(answer), limits or Limits())


def available() -> dict[str, str]:
    """For podman and bubblewrap what is missing here; nothing where it can be used."""
    return {"podman": podman.missing(), "bubblewrap": bubblewrap.missing()}
