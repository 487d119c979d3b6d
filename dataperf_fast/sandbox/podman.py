"""An image under podman: its own entry point, no network, a read-only root, no rights.

The answer is written to a fresh folder of the host, whose size the watcher and ``ulimit`` bound, and read without
following anything.
"""

from __future__ import annotations

import functools
import os
import shutil
import stat
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from dataperf_fast.formats.errors import InputError
from dataperf_fast.sandbox.staging import Places
from dataperf_fast.sandbox.terms import Algorithm, Limits, Ran, size
from dataperf_fast.sandbox.watch import Drain, watch

_NOBODY = "65534:65534"
_OUT_OF_MEMORY = 137  # how a process ends that the kernel kills


def missing() -> str:
    """What podman lacks here, in a line."""
    if shutil.which("podman") is None:
        return "an image runs only under podman, which is not installed"
    tried = _podman("info", "--format", "json")
    return f"podman does not work here ({tried.stderr.strip()[:200]})" if tried.returncode else ""


def run(algorithm: Algorithm, places: Places, answer: str, limits: Limits) -> Ran:
    """Run an image; see ``sandbox.run``."""
    started = time.perf_counter()
    places.free.mkdir()
    places.free.chmod(0o777)
    name = f"dataperf-fast-{uuid.uuid4().hex}"
    with _loaded(algorithm, places) as image:
        command = _command(algorithm, places, name, image, limits)
        # Started where conmon may leave a file named oom, which says that the kernel killed one for memory.
        process = subprocess.Popen(
            command, cwd=places.free.parent, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        log = Drain(process.stdout, limits.log)
        try:
            problem = watch(process, limits, _Tree(name), log, lambda: _written(places.free))
            status = process.poll()
            if not problem and status == _OUT_OF_MEMORY and (places.free.parent / "oom").exists():
                problem = f"used more than {size(limits.memory)} of memory"
        finally:
            _podman("rm", "--force", "--time", "0", name)
            process.kill()
            process.wait()
            printed = log.finish()
    if not problem and status:
        problem = f"exited with status {status}"
    content = None
    if not problem:
        content, problem = _read(places.free / answer, limits.output)
    return Ran(content, problem, time.perf_counter() - started, printed.decode("utf-8", "replace"))


def _command(algorithm: Algorithm, places: Places, name: str, image: str, limits: Limits) -> list[str]:
    mounts = {places.submission: "/submission", places.inputs: "/input"} | {
        path: str(path) for path in algorithm.mounts
    }
    most, bytes_of_file = limits.processes + 16, limits.output + 1
    folders = [part for host, inside in mounts.items() for part in ("--volume", f"{host}:{inside}:ro")]
    return [
        "podman", *_manager(), "run", "--name", name, "--network", "none", "--read-only", "--read-only-tmpfs=false",
        "--cap-drop", "all", "--security-opt", "no-new-privileges", "--user", _NOBODY, "--pull", "never",
        "--log-driver", "none", "--memory", str(limits.memory), "--memory-swap", str(limits.memory),
        "--pids-limit", str(most), "--ulimit", f"nproc={most}:{most}", "--ulimit", "nofile=1024:1024",
        "--ulimit", "core=0:0", "--ulimit", f"fsize={bytes_of_file}:{bytes_of_file}",
        "--env", "HOME=/tmp", "--tmpfs", f"/tmp:rw,size={limits.output},mode=1777",
        "--volume", f"{places.free}:/output:rw", *folders, image, *algorithm.command,
    ]  # fmt: skip


@contextmanager
def _loaded(algorithm: Algorithm, places: Places) -> Iterator[str]:
    """The image's name; one that came as an archive is removed afterwards."""
    archive = places.submission / algorithm.image
    inside = archive.is_file() and archive.resolve().is_relative_to(places.submission.resolve())
    if not inside:
        if _podman("image", "exists", algorithm.image).returncode:
            expected = "an archive in the submission's folder, or an image that podman has"
            raise InputError(algorithm.folder, "names no image:", "image", algorithm.image, expected)
        yield algorithm.image
        return
    name = f"localhost/dataperf-fast-{uuid.uuid4().hex}"
    loaded = _podman("load", "--quiet", "--input", str(archive))
    if loaded.returncode == 0:
        first = loaded.stdout.strip().splitlines()[-1].removeprefix("Loaded image: ").split(",")[0]
        _podman("tag", first, name)
        if first != name:
            _podman("untag", first)
    elif (imported := _podman("import", str(archive), name)).returncode:
        problem = f"is no image ({imported.stderr.strip().splitlines()[-1][:200]})"
        raise InputError(
            algorithm.folder / algorithm.image, problem, expected="what podman load or podman import takes"
        )
    try:
        yield name
    finally:
        _podman("rmi", "--force", name)


def _read(path: Path, most: int) -> tuple[bytes | None, str]:
    """An answer's bytes, or what it is in the place of a plain file; the folder was a stranger's to write in."""
    shown = f"/output/{path.name}"
    try:
        mode = path.lstat().st_mode
    except OSError:
        return None, f"wrote no {shown}"
    kinds = {stat.S_IFLNK: "is a link", stat.S_IFDIR: "is a folder"}
    if not stat.S_ISREG(mode):
        return None, f"its {shown} {kinds.get(stat.S_IFMT(mode), 'is no plain file')}"
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as opened:
        content = opened.read(most + 1)
    return (None, f"its {shown} is larger than {size(most)}") if len(content) > most else (content, "")


def _written(folder: Path) -> int:
    """Bytes below a folder, links not followed, a block at least for each name."""
    count = 0
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with suppress(OSError):
                count += max(4096, os.lstat(os.path.join(place, name)).st_blocks * 512)
    return count


class _Tree:
    """The container's processes, as the host sees them; empty until its first one is known."""

    def __init__(self, name: str):
        self._name = name
        self._first: psutil.Process | None = None

    def __call__(self) -> list[psutil.Process]:
        with suppress(psutil.Error, ValueError):
            if self._first is None:  # asking podman costs more than a look
                pid = int(_podman("inspect", "--format", "{{.State.Pid}}", self._name).stdout)
                self._first = psutil.Process(pid) if pid else None
            if self._first is not None:
                return [self._first, *self._first.children(recursive=True)]
        return []


@functools.cache
def _manager() -> tuple[str, ...]:
    """Without systemd as the first process there is nobody to make its control groups."""
    return () if Path("/run/systemd/system").is_dir() else ("--cgroup-manager", "cgroupfs")


def _podman(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["podman", *_manager(), *arguments], capture_output=True, text=True, check=False)
