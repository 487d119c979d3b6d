"""A participant's image archive: what it names itself, and how podman takes it without touching images it has."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import tarfile
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dataperf_fast.formats.errors import InputError
from dataperf_fast.sandbox.staging import Places
from dataperf_fast.sandbox.terms import Algorithm

_MOST = 1 << 20  # bytes of an archive's list of images
_LISTS = ("manifest.json", "index.json")  # of Docker's kind of archive, and of OCI's
_NAME = "org.opencontainers.image.ref.name"


def podman(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run podman, out of the reach of a terminal's Ctrl-C: what it cleans up, it cleans up to the end."""
    return subprocess.run(
        ["podman", *manager(), *arguments], capture_output=True, text=True, check=False, start_new_session=True
    )


@functools.cache
def manager() -> tuple[str, ...]:
    """Without systemd as the first process there is nobody to make its control groups."""
    return () if Path("/run/systemd/system").is_dir() else ("--cgroup-manager", "cgroupfs")


@contextmanager
def loaded(algorithm: Algorithm, places: Places) -> Iterator[str]:
    """The name of an algorithm's image; one that came as an archive is removed afterwards."""
    archive = places.submission / algorithm.image
    inside = archive.is_file() and archive.resolve().is_relative_to(places.submission.resolve())
    if not inside:
        if _is_known(algorithm.image):
            yield algorithm.image
            return
        expected = "an archive in the submission's folder, or an image that podman has"
        raise InputError(algorithm.folder, "names no image:", "image", algorithm.image, expected)
    name = f"localhost/dataperf-fast-{uuid.uuid4().hex}"
    try:
        _take(archive, algorithm.folder / algorithm.image, name)
        yield name
    finally:
        podman("rmi", "--force", name)


def _take(archive: Path, shown: Path, name: str) -> None:
    tags = _tags(archive, shown)
    # Another's image would otherwise lose its name to this one, and this one be run in its place.
    if known := next((tag for tag in tags or () if _is_known(tag)), None):
        raise InputError(shown, "names itself as an image that podman has:", value=known, expected="a name of its own")
    done = podman("import", str(archive), name) if tags is None else podman("load", "--quiet", "--input", str(archive))
    if done.returncode:
        problem = f"is no image ({(done.stderr.strip().splitlines() or [''])[-1][:200]})"
        raise InputError(shown, problem, expected="what podman load or podman import takes")
    if tags is None:
        return
    names = [line.removeprefix("Loaded image: ") for line in done.stdout.splitlines() if line.startswith("Loaded")]
    podman("tag", names[0], name)
    for each in names:
        if not each.startswith("sha256:"):
            podman("untag", each, each)


def _tags(archive: Path, shown: Path) -> list[str] | None:
    """The names that an archive gives its images; None where it is a plain root file system."""
    lists = []
    try:
        with tarfile.open(archive) as members:
            for member in members:
                if os.path.normpath(member.name) in _LISTS and member.isfile() and member.size <= _MOST:
                    content = members.extractfile(member)
                    lists.append(json.loads(content.read() if content else b""))
        return [tag for content in lists for tag in _named(content)] if lists else None
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError, AttributeError, TypeError) as error:
        raise InputError(shown, f"is no image ({error})", expected="what podman load or podman import takes") from None


def _named(content: Any) -> list[str]:
    if isinstance(content, list):
        return [str(tag) for image in content for tag in image.get("RepoTags") or ()]
    notes = [image.get("annotations") or {} for image in content.get("manifests") or ()]
    return [str(note[_NAME]) for note in notes if _NAME in note]


def _is_known(name: str) -> bool:
    return not name.startswith("-") and podman("image", "exists", name).returncode == 0
