"""An image under podman: its own entry point, no network, a read-only root, no rights.

The answer is written to a volume in memory, of a size, and read when the container is gone; nothing that it writes
comes to lie on the host's disk.
"""

from __future__ import annotations

import functools
import math
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from dataperf_fast.files.errors import InputError
from dataperf_fast.sandbox import answer as answers
from dataperf_fast.sandbox.images import Store, command, last_line, loaded, podman
from dataperf_fast.sandbox.staging import Places
from dataperf_fast.sandbox.terms import Algorithm, Limits, Ran, UnavailableError, size, stranger
from dataperf_fast.sandbox.watch import Drain, watch

_IN_MEMORY = 3  # /output, /tmp and /dev/shm count as memory too, and are bounded by themselves
_BLOCK = 4096
_PODMANS_OWN = 125  # status of what podman could not do
_NUMBER = "pid"  # the file with the container's first process


def missing() -> str:
    """What podman lacks here, in a line."""
    if (path := shutil.which("podman")) is None:
        return "an image runs only under podman, which is not installed"
    if shutil.which("unshare") is None:
        return "an image's archive is unpacked only under unshare (util-linux), which is not installed"
    return _does_not_work(path)


@functools.cache
def _does_not_work(path: str) -> str:
    tried = podman("info", "--format", "json")
    return f"podman does not work here ({tried.stderr.strip()[:200]})" if tried.returncode else ""


def run(algorithm: Algorithm, places: Places, answer: str, limits: Limits) -> Ran:
    """Run an image; see ``sandbox.run``."""
    name, user = f"dataperf-fast-{uuid.uuid4().hex}", stranger()
    with loaded(algorithm, places) as (image, store), _volume(name, user, limits, store) as output:
        started = time.perf_counter()
        words = command(store, *_arguments(algorithm, places, name, image, user, limits))
        problem, status, printed = _contained(words, places, name, limits, store)
        said = printed.decode("utf-8", "replace")
        if not problem and status == _PODMANS_OWN and not (places.submission.parent / _NUMBER).exists():
            # An image without a command is its maker's doing.
            kind = InputError if "no command or entrypoint" in said else UnavailableError
            raise kind(algorithm.folder, f"was not started by podman ({last_line(said)})")
        content = None
        if not problem:
            content, problem = _brought(output, status, answer, limits)
    return Ran(content, problem, time.perf_counter() - started, said)


def _contained(words: list[str], places: Places, name: str, limits: Limits, store: Store) -> tuple[str, int, bytes]:
    """Run a container to its end: which limit it broke, its status, and what it printed."""
    # Started where conmon may leave a file named oom, which says that the kernel killed one for memory.
    beside = places.submission.parent
    process = subprocess.Popen(
        words, cwd=beside, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    log = Drain(process.stdout, limits.log)
    try:
        problem = watch(process, limits, _Tree(beside / _NUMBER), log)
    finally:
        process.kill()  # first, or it could still start what is removed
        status = process.wait()
        podman("rm", "--force", "--volumes", "--time", "0", name, store=store)
        printed = log.finish()
    if not problem and status and (beside / "oom").exists():
        problem = f"used more than {size(limits.memory)} of memory"
    return problem, status, printed


def _arguments(algorithm: Algorithm, places: Places, name: str, image: str, user: int, limits: Limits) -> list[str]:
    mounts = {places.submission: "/submission", places.inputs: "/input"}
    mounts |= {path: str(path) for path in algorithm.mounts}
    bytes_of_file = limits.output + 1
    folders = [part for host, inside in mounts.items() for part in ("--volume", f"{host}:{inside}:ro")]
    return [
        "run", "--name", name, "--pidfile", str(places.submission.parent / _NUMBER),
        "--network", "none", "--read-only", "--read-only-tmpfs=false",
        "--cap-drop", "all", "--security-opt", "no-new-privileges", "--user", f"{user}:{user}",
        "--pull", "never", "--log-driver", "none", *_resources(limits),
        # The container outlives this process where that is killed, but not by much.
        "--timeout", str(math.ceil(limits.seconds) + 60),
        "--ulimit", "nofile=1024:1024", "--ulimit", "core=0:0", "--ulimit", f"fsize={bytes_of_file}:{bytes_of_file}",
        # What an image or a host's settings would add: folders on the host's disk, its names, proxies and commands.
        "--image-volume", "ignore", "--http-proxy=false", "--no-hosts", "--no-healthcheck", "--hostname", "algorithm",
        "--env", "HOME=/tmp", "--tmpfs", f"/tmp:rw,size={limits.output},mode=1777", "--shm-size", str(limits.output),
        "--volume", f"{name}:/output:nocopy", *folders, image, *algorithm.command,
    ]  # fmt: skip


def _resources(limits: Limits) -> list[str]:
    """Bounds by control group; without one, which an older kernel denies to users, only the watcher's."""
    most = limits.processes + 16
    bound = ["--ulimit", f"nproc={most}:{most}"]
    if os.geteuid() == 0 or Path("/sys/fs/cgroup/cgroup.controllers").exists():
        memory = limits.memory + _IN_MEMORY * limits.output
        bound += ["--pids-limit", str(most), "--memory", str(memory), "--memory-swap", str(memory)]
    return bound


@contextmanager
def _volume(name: str, user: int, limits: Limits, store: Store) -> Iterator[Path]:
    """A file system in memory, kept for as long as the context lasts, and where the host has it."""
    blocks = max(1, limits.output // _BLOCK)
    # podman takes "size" for a quota on disk; the kernel takes blocks as well.
    bounds = f"nr_blocks={blocks},nr_inodes={blocks + 16},uid={user},gid={user},mode=700,nosuid,nodev,noexec"
    try:
        options = ("type=tmpfs", "device=tmpfs", f"o={bounds}")
        opts = [part for option in options for part in ("--opt", option)]
        made = podman("volume", "create", *opts, name, store=store)
        mounted = _inside(*command(store, "volume", "mount", name))
        if mounted.returncode:
            problem = (made.stderr + mounted.stderr.decode("utf-8", "replace")).strip().splitlines()[0][:200]
            raise UnavailableError("podman", f"has no volume in memory ({problem})")
        yield Path(mounted.stdout.decode().strip())
    finally:
        podman("volume", "rm", "--force", name, store=store)


def _brought(output: Path, status: int, answer: str, limits: Limits) -> tuple[bytes | None, str]:
    """The answer from the volume, by which nobody else is any more."""
    set_up = "answer=$1 shown=$2 full=$3 code=$4 places=$5; exec 3>&1 >&2\n"
    words = [str(output / answer), f"/output/{answer}", answers.full(limits), str(status), str(output)]
    content = _inside("sh", "-c", set_up + answers.LOOK, "sh", *words).stdout  # no larger than its volume
    return answers.taken_apart(content, answer, limits)


def _inside(*command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command where podman's mounts are; a user's are in a namespace of their own."""
    prefix = () if os.geteuid() == 0 else ("podman", "unshare")
    return subprocess.run([*prefix, *command], capture_output=True, check=False, start_new_session=True)


class _Tree:
    """The container's processes, as the host sees them; empty until its first one is known."""

    def __init__(self, number: Path):
        self._number = number
        self._first: psutil.Process | None = None

    def __call__(self) -> list[psutil.Process]:
        with suppress(psutil.Error, ValueError, OSError):
            if self._first is None:
                self._first = psutil.Process(int(self._number.read_text()))
            return [self._first, *self._first.children(recursive=True)]
        return []
