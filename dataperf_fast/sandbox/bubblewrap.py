"""The light way: a command in bubblewrap's namespaces, with prlimit. The host's /usr is all it sees beside its folders.

What it writes stays in memory and goes with it; its answer comes out through standard error.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from dataperf_fast.sandbox import answer as answers
from dataperf_fast.sandbox.group import limited
from dataperf_fast.sandbox.staging import Places
from dataperf_fast.sandbox.terms import Algorithm, Limits, Ran, UnavailableError, size, stranger
from dataperf_fast.sandbox.watch import Drain, watch

# Bubblewrap's own, too: its first process is in the algorithm's sight, with what it was started with.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}
_SYSTEM = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d")
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_WRITABLE = ("/output", "/tmp", "/dev/shm")
# A namespace of its own making would let it mount file systems in memory that no limit here bounds.
_ALONE = ("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session")
_GATE = 'read -r line && exec "$@"'  # nothing starts before its process is in the control group
_WRAPPER = """
answer=$1 shown=$1 full=$2 places="/output /tmp"; shift 2
exec 3>&2 2>&1
"$@" 3>&- </dev/null
code=$?
"""


def missing() -> str:
    """What bubblewrap lacks here, in a line."""
    absent = [name for name in ("bwrap", "prlimit") if shutil.which(name) is None]
    if absent:
        return f"a command runs only under bubblewrap with prlimit, and {absent[0]} is not installed"
    return _does_not_work(str(shutil.which("bwrap")))


@functools.cache
def _does_not_work(path: str) -> str:
    command = [path, *_ALONE, "--ro-bind", "/", "/", "--size", "4096", "--tmpfs", "/tmp", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False, **_as_stranger())
    return f"bubblewrap (0.8 or later) does not work here ({tried.stderr.strip()[:200]})" if tried.returncode else ""


def run(algorithm: Algorithm, places: Places, answer: str, limits: Limits) -> Ran:
    """Run a command; see ``sandbox.run``."""
    started = time.perf_counter()
    with limited(limits.memory + len(_WRITABLE) * limits.output) as group:
        process = subprocess.Popen(
            ["sh", "-c", _GATE, "sh", *_command(algorithm, places, answer, limits)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_ENVIRONMENT, **_as_stranger(),
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        log, brought = Drain(process.stdout, limits.log), Drain(process.stderr, limits.output + answers.FIRST_LINE)
        try:
            group.add(process.pid)
            process.stdin.write(b"\n")
            process.stdin.close()
            problem = watch(process, limits, lambda: _tree(process.pid), log)
        finally:
            _kill(process)
            process.stdin.close()
            printed, content = log.finish(), brought.finish()
        if not problem and group.overflowed():
            problem = f"used more than {size(limits.memory)} of memory"
    if content.startswith(b"bwrap: "):  # ours alone: the algorithm cannot write there
        line = content.decode("utf-8", "replace").splitlines()[0][:200]
        raise UnavailableError(algorithm.folder, f"was not started by bubblewrap ({line})")
    body, wrong = answers.taken_apart(content, answer, limits)
    problem = problem or wrong
    text = printed.decode("utf-8", "replace")
    return Ran(None if problem else body, problem, time.perf_counter() - started, text)


def _command(algorithm: Algorithm, places: Places, answer: str, limits: Limits) -> list[str]:
    system = ["--ro-bind", "/usr", "/usr"]
    for name in _LINKS:
        path = Path("/", name)
        if path.is_symlink():
            system += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            system += ["--ro-bind", str(path), str(path)]
    for name in filter(os.path.exists, _SYSTEM):
        system += ["--ro-bind", name, name]
    folders = ["--ro-bind", str(places.submission), "/submission", "--ro-bind", str(places.inputs), "/input"]
    alone = [*_ALONE, "--proc", "/proc", "--dev", "/dev"]
    for name in _WRITABLE:
        folders += ["--size", str(limits.output), "--tmpfs", name]
    for path in algorithm.mounts:  # some of them may lie in the host's /tmp
        folders += ["--ro-bind", str(path), str(path)]
    # The root and /dev are file systems in memory of their own, and would take any number of bytes.
    last = ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/submission", "--"]
    resources = [f"--nproc={limits.processes + 16}", f"--as={4 * limits.memory}", f"--fsize={limits.output + 1}"]
    inside = [f"/output/{answer}", answers.full(limits), *algorithm.command]
    shell = ["sh", "-c", _WRAPPER + answers.LOOK, "sh", *inside]
    return [
        "bwrap", *alone, *system, *folders, *last, "prlimit", *resources, "--nofile=1024", "--core=0", "--", *shell
    ]  # fmt: skip


def _as_stranger() -> dict[str, Any]:
    """Root's processes are under no limit of number: another user runs them."""
    user = stranger()
    return {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}


def _tree(pid: int) -> Iterator[psutil.Process]:
    """The processes below bubblewrap's own two."""
    with suppress(psutil.Error):
        below = psutil.Process(pid).children()
        for process in below:
            yield from process.children(recursive=True)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The namespace's first process takes all others with it."""
    with suppress(psutil.Error):
        for child in psutil.Process(process.pid).children():
            child.kill()
    process.kill()
    process.wait()
