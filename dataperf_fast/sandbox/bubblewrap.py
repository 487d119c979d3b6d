"""The light way: a command in bubblewrap's namespaces, with prlimit. The host's /usr is all it sees beside its folders.

What it writes stays in memory and goes with it; its answer comes out through standard error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from dataperf_fast.sandbox.staging import Places
from dataperf_fast.sandbox.terms import Algorithm, Limits, Ran, size
from dataperf_fast.sandbox.watch import Drain, watch

_NOBODY = 65534
_FIRST_LINE = 300  # bytes in which the wrapper says what is wrong
# Bubblewrap's own, too: its first process is in the algorithm's sight, with what it was started with.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}
_SYSTEM = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d")
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
# Runs what follows, then says in a line what is wrong with the answer, or an empty one and the answer itself. What it
# says is shown and no more: the algorithm, the same user, could have said it. Bubblewrap's own complaints come as well.
_WRAPPER = """
answer=$1; shift
exec 3>&2 2>&1
"$@" 3>&- </dev/null
code=$?
for place in /output /tmp; do
    if [ "$(df --output=avail $place | tail -n 1)" -eq 0 ] 2>/dev/null; then echo "filled $place" >&3; exit; fi
done
if [ $code -ne 0 ]; then echo "exited with status $code" >&3; exit; fi
if [ -L "$answer" ]; then echo "its $answer is a link" >&3; exit; fi
if [ -d "$answer" ]; then echo "its $answer is a folder" >&3; exit; fi
if [ ! -e "$answer" ]; then echo "wrote no $answer" >&3; exit; fi
if [ ! -f "$answer" ]; then echo "its $answer is no plain file" >&3; exit; fi
echo >&3
exec cat -- "$answer" >&3
"""


def missing() -> str:
    """What bubblewrap lacks here, in a line."""
    absent = [name for name in ("bwrap", "prlimit") if shutil.which(name) is None]
    if absent:
        return f"a command runs only under bubblewrap with prlimit, and {absent[0]} is not installed"
    command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False, **_as_nobody())
    return f"bubblewrap does not work here ({tried.stderr.strip()[:200]})" if tried.returncode else ""


def run(algorithm: Algorithm, places: Places, answer: str, limits: Limits) -> Ran:
    """Run a command; see ``sandbox.run``."""
    started = time.perf_counter()
    process = subprocess.Popen(
        _command(algorithm, places, answer, limits),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=_ENVIRONMENT, **_as_nobody(),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    log = Drain(process.stdout, limits.log)
    brought = Drain(process.stderr, limits.output + _FIRST_LINE)
    try:
        problem = watch(process, limits, lambda: _tree(process.pid), log)
    finally:
        _kill(process)
        printed, content = log.finish(), brought.finish()
    said, separator, body = content.partition(b"\n")
    problem = problem or _problem(said, bool(separator), len(body), answer, limits)
    text = printed.decode("utf-8", "replace")
    return Ran(None if problem else body, problem, time.perf_counter() - started, text)


def _problem(said: bytes, complete: bool, length: int, answer: str, limits: Limits) -> str:
    if not complete:
        return "ended before its answer was read"
    if length > limits.output:
        return f"its /output/{answer} is larger than {size(limits.output)}"
    text = said[:_FIRST_LINE].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _command(algorithm: Algorithm, places: Places, answer: str, limits: Limits) -> list[str]:
    system = ["--ro-bind", "/usr", "/usr"]
    for name in _LINKS:
        path = Path("/", name)
        if path.is_symlink():
            system += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            system += ["--ro-bind", str(path), str(path)]
    for name in (*_SYSTEM, *map(str, algorithm.mounts)):
        if os.path.exists(name):
            system += ["--ro-bind", name, name]
    folders = ["--ro-bind", str(places.submission), "/submission", "--ro-bind", str(places.inputs), "/input"]
    for name in ("/output", "/tmp"):
        folders += ["--size", str(limits.output), "--tmpfs", name]
    alone = ["--unshare-all", "--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev"]
    # The root is a tmpfs of its own, and would take any number of bytes.
    last = ["--remount-ro", "/", "--chdir", "/submission", "--"]
    resources = [f"--nproc={limits.processes + 16}", f"--as={4 * limits.memory}", f"--fsize={limits.output + 1}"]
    shell = ["sh", "-c", _WRAPPER, "sh", f"/output/{answer}", *algorithm.command]
    return [
        "bwrap", *alone, *system, *folders, *last, "prlimit", *resources, "--nofile=1024", "--core=0", "--", *shell
    ]  # fmt: skip


def _as_nobody() -> dict[str, Any]:
    """Root's processes are under no limit of number: another user runs them."""
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


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
