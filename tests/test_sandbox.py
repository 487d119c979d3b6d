"""Strangers' algorithms try to get out, or to take everything: each is held, and what it did is named."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
import uuid
from pathlib import Path

import psutil
import pytest

from dataperf_fast import sandbox
from dataperf_fast.formats.errors import InputError
from dataperf_fast.sandbox import Algorithm, Limits

LIMITS = Limits(seconds=20, memory=96 << 20, processes=24, output=1 << 20, log=64 << 10)
MISSING = sandbox.available()
TOOLS = ["bash", "cat", "dd", "df", "env", "grep", "head", "id", "ln", "ls", "mkdir", "mkfifo", "mknod", "perl", "sh"]
TOOLS += ["sleep", "tail", "tr", "true", "wc", "yes"]  # all of a bare Debian


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """An image of this machine's shell and tools, as an archive of its root."""
    root = tmp_path_factory.mktemp("image")
    for found in (Path(f"/usr/bin/{tool}") for tool in TOOLS):
        libraries = subprocess.run(["ldd", found], capture_output=True, text=True, check=False).stdout.split()
        for path in (found, *(Path(word) for word in libraries if word.startswith("/"))):
            place = root / "usr" / path.relative_to("/usr") if path.is_relative_to("/usr") else root / str(path)[1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path.resolve(), place)
    for name in ("bin", "lib", "lib64"):
        if not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for name in ("tmp", "input", "output", "submission", "proc", "dev", "etc"):
        (root / name).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)  # as in every image; runc keeps it
    archive = tmp_path_factory.mktemp("archive") / "image.tar"
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    return archive


@pytest.fixture(params=["bubblewrap", "podman"])
def contained(request, tmp_path):
    """Runs a shell script, contained, and returns what came of it."""
    if MISSING[request.param]:
        pytest.skip(MISSING[request.param])
    submission, inputs = tmp_path / "submission", tmp_path / "inputs"
    submission.mkdir()
    inputs.mkdir()
    (inputs / "train.txt").write_text("what may be seen\n")
    (tmp_path / "labels.txt").write_text("THE-HIDDEN-LABEL\n")
    (tmp_path / "labels.txt").chmod(0o644)
    if request.param == "podman":
        os.link(request.getfixturevalue("image"), submission / "image.tar")

    def run(script: str, limits: Limits = LIMITS):
        (submission / "run.sh").write_text(script)
        command = ("sh", "/submission/run.sh")
        algorithm = Algorithm(submission, command, "image.tar" if request.param == "podman" else "")
        return sandbox.run(algorithm, inputs, "order.txt", limits)

    run.kind, run.folder, run.submission = request.param, tmp_path, submission
    return run


def test_an_answer_comes_back_byte_for_byte(contained):
    ran = contained("cat /input/train.txt > /output/order.txt; printf 'a\\0b' >> /output/order.txt; echo said; id")
    assert (ran.answer, ran.problem) == (b"what may be seen\na\0b", "")
    assert ran.log.startswith("said\nuid=65534")


def test_no_network(contained):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.1)
        port = listener.getsockname()[1]
        ran = contained(
            f"bash -c 'exec 9<>/dev/tcp/127.0.0.1/{port} && echo GOT OUT'; echo status $?\n"
            "bash -c 'exec 9<>/dev/tcp/1.1.1.1/53 && echo GOT OUT'; echo status $?\n"
            "cat /proc/net/dev | wc -l"
        )
        with pytest.raises(TimeoutError):
            listener.accept()
    assert ran.log.count("status 1") == 2
    assert "GOT OUT" not in ran.log
    assert ran.log.strip().endswith("3")  # two lines of titles, and lo


def test_nothing_of_the_host_is_in_sight(contained, monkeypatch):
    monkeypatch.setenv("STORE_PASSWORD", "THE-HIDDEN-LABEL")
    secret = contained.folder / "labels.txt"
    ran = contained(
        f"cat {secret}; cat /input/../labels.txt; cat /submission/../labels.txt; cat /etc/shadow\n"
        "ls /root /home\n"
        "env; for pid in /proc/[0-9]*; do tr '\\0' ' ' < $pid/environ; tr '\\0' ' ' < $pid/cmdline; done\n"
        "ln -s /proc/1/root/etc/passwd /tmp/x; cat /tmp/x | grep root: && echo SAW; echo looked > /output/order.txt"
    )
    assert ran.answer == b"looked\n"
    assert ran.log.count("No such file") >= 4
    assert "THE-HIDDEN-LABEL" not in ran.log
    assert "SAW" not in ran.log
    assert "PATH=" in ran.log  # it did look


def test_inputs_and_system_are_read_only(contained):
    ran = contained(
        "for place in /input/train.txt /input/new /submission/run.sh /usr/bin/sh /new; do\n"
        "  (echo changed > $place) 2>/dev/null && echo WROTE $place; done; echo tried > /output/order.txt"
    )
    assert (ran.answer, ran.log) == (b"tried\n", "")
    assert (contained.folder / "inputs" / "train.txt").read_text() == "what may be seen\n"
    assert sorted(path.name for path in (contained.folder / "inputs").iterdir()) == ["train.txt"]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("perl -e 'fork while 1'", "started more than 24 processes"),
        ("tail /dev/zero", "used more than 96 MiB of memory"),
        ("yes", "printed more than 64 KiB"),
        ("ln -s /etc/passwd /output/order.txt", "its /output/order.txt is a link"),
        ("mkfifo /output/order.txt", "its /output/order.txt is no plain file"),
        ("mkdir /output/order.txt", "its /output/order.txt is a folder"),
        ("echo answer > /output/other.txt", "wrote no /output/order.txt"),
        ("echo why; exit 3", "exited with status 3"),
    ],
)
def test_what_goes_wrong_is_named(contained, script, problem):
    ran = contained(script)
    assert (ran.answer, ran.problem) == (None, problem)
    assert ran.seconds < 15
    assert len(ran.log) <= LIMITS.log


def test_a_device_cannot_be_made(contained):
    ran = contained("mknod /output/order.txt b 8 0; echo status $?")
    assert ran.answer is None
    assert "status 1" in ran.log


def test_disk_is_bounded(contained):
    ran = contained("while true; do dd if=/dev/zero of=/output/$((i=i+1)) bs=64k count=8 2>/dev/null || exit 1; done")
    assert ran.answer is None
    assert ran.problem == ("filled /output" if contained.kind == "bubblewrap" else "wrote more than 1 MiB")
    full = contained("dd if=/dev/zero of=/tmp/x bs=64k count=99; echo kept $(wc -c < /tmp/x)")
    assert full.answer is None
    kept = int(full.log.split("kept ")[1])
    assert kept <= LIMITS.output


@pytest.mark.parametrize("script", ["trap '' TERM INT HUP; sleep {}", "sleep {} & sleep {}"])
def test_time_is_bounded_and_nothing_is_left(contained, script):
    marker = str(100_000 + uuid.uuid4().int % 100_000)
    limits = Limits(2.0, LIMITS.memory, LIMITS.processes, LIMITS.output, LIMITS.log)
    ran = contained(script.replace("{}", marker), limits)
    assert ran.problem == "ran longer than 2 s"
    assert not leftovers(marker)


def test_a_child_left_behind_ends_with_its_parent(contained):
    marker = str(200_000 + uuid.uuid4().int % 100_000)
    ran = contained(f"(sleep {marker} &) ; echo mine > /output/order.txt")
    assert ran.answer == b"mine\n"
    assert not leftovers(marker)


def test_an_organizer_who_stops_a_run_stops_all_of_it(contained):
    marker = str(300_000 + uuid.uuid4().int % 100_000)

    def interrupt():
        while not leftovers(marker):
            time.sleep(0.02)
        time.sleep(0.3)  # it is being watched
        os.kill(os.getpid(), 2)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        contained(f"sleep {marker}")
    thread.join()
    assert not leftovers(marker)


def test_a_link_or_a_pipe_in_the_submission_is_refused(contained):
    link = contained.submission / "data"
    link.symlink_to(contained.folder / "labels.txt")
    with pytest.raises(InputError, match="data: is no plain file"):
        contained("cat data")
    link.unlink()
    os.mkfifo(link)
    with pytest.raises(InputError, match="data: is no plain file"):
        contained("cat data")


def test_nothing_runs_bare(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="neither command nor image"):
        sandbox.run(Algorithm(tmp_path), tmp_path, "order.txt")
    monkeypatch.setenv("PATH", str(tmp_path))
    for algorithm in (Algorithm(tmp_path, ("true",)), Algorithm(tmp_path, image="image.tar")):
        with pytest.raises(InputError, match="not installed"):
            sandbox.run(algorithm, tmp_path, "order.txt")


def leftovers(marker: str) -> list[psutil.Process]:
    time.sleep(0.05)
    return [p for p in psutil.process_iter(["cmdline"]) if f"sleep {marker}" in " ".join(p.info["cmdline"] or [])]
