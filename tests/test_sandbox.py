"""Strangers' algorithms try to get out, or to take everything: each is held, and what it did is named."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from dataperf_fast import sandbox
from dataperf_fast.files.errors import InputError
from dataperf_fast.sandbox import Algorithm, Limits, images, staging
from dataperf_fast.sandbox.group import limited

LIMITS = Limits(seconds=20, memory=96 << 20, processes=24, output=1 << 20, log=64 << 10)
MISSING = sandbox.available()
TOOLS = "bash cat dd df env grep head id ln ls mkdir mkfifo mknod mount perl rm sh sleep tail tr true unshare wc yes"
PODMAN = ["podman", *([] if Path("/run/systemd/system").is_dir() else ["--cgroup-manager", "cgroupfs"])]
MEMFD_CREATE = {"aarch64": 279}.get(os.uname().machine, 319)
NAME = f"localhost/dataperf-fast-test-{uuid.uuid4().hex}"
with limited(1 << 30) as group:
    NO_GROUP = "" if group.holds else "this user may make no control group"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """This machine's shell and tools, as an archive of a root file system."""
    root = tmp_path_factory.mktemp("image")
    for found in (Path(f"/usr/bin/{tool}") for tool in TOOLS.split()):
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
    if os.geteuid() == 0:
        os.mknod(root / "disk", 0o666 | 0o060000, os.stat("/").st_dev)  # a file system's own device: all of the host
        (root / "disk").chmod(0o666)
    archive = tmp_path_factory.mktemp("archive") / "image.tar"
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    return archive


@pytest.fixture(scope="module")
def image(archive):
    """The same, as an image that podman has, which asks for a folder on the host's disk."""
    podman("import", "--change", "VOLUME /free", str(archive), NAME)
    yield NAME
    podman("rmi", "--force", NAME)


def podman(*arguments):
    return subprocess.run([*PODMAN, *arguments], check=True, capture_output=True, text=True).stdout


class Contained:
    """Runs a shell script, contained, and returns what came of it."""

    def __init__(self, kind: str, folder: Path, image: str):
        self.kind, self.folder, self.image = kind, folder, image
        self.submission, self.inputs = folder / "submission", folder / "inputs"

    def __call__(self, script: str, limits: Limits = LIMITS):
        (self.submission / "run.sh").write_text(script)
        algorithm = Algorithm(self.submission, ("sh", "/submission/run.sh"), self.image)
        return sandbox.run(algorithm, self.inputs, "order.txt", limits)


@pytest.fixture(params=["bubblewrap", "podman"])
def contained(request, tmp_path):
    if MISSING[request.param]:
        pytest.skip(MISSING[request.param])
    run = Contained(request.param, tmp_path, request.getfixturevalue("image") if request.param == "podman" else "")
    run.submission.mkdir()
    run.inputs.mkdir()
    (run.inputs / "train.txt").write_text("what may be seen\n")
    (tmp_path / "labels.txt").write_text("THE-HIDDEN-LABEL\n")
    (tmp_path / "labels.txt").chmod(0o644)
    return run


def test_an_answer_comes_back_byte_for_byte(contained):
    ran = contained("cat /input/train.txt > /output/order.txt; printf 'a\\0b' >> /output/order.txt; echo said; id")
    assert (ran.answer, ran.problem) == (b"what may be seen\na\0b", "")
    assert re.match("said\nuid=6[1-5]...", ran.log)


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
    # Two lines of titles, and lo. Somewhere: two streams of a container have no order between them.
    assert "3" in ran.log.splitlines()


def test_nothing_of_the_host_is_in_sight(contained, monkeypatch):
    for name in ("STORE_PASSWORD", "http_proxy", "HTTPS_PROXY"):  # podman passes proxies on, unless told not to
        monkeypatch.setenv(name, "http://user:THE-HIDDEN-LABEL@proxy")
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


def test_what_is_written_is_bounded(contained):
    ran = contained("while true; do dd if=/dev/zero of=/output/$((i=i+1)) bs=64k count=8 2>/dev/null || exit 1; done")
    assert (ran.answer, ran.problem) == (None, "wrote more than 1 MiB")
    ran = contained(
        "for place in /tmp /dev/shm /dev /free /var /run; do\n"
        "  for i in 1 2 3 4; do dd if=/dev/zero of=$place/$i bs=512k count=1; done; cat $place/[1-4] | wc -c\n"
        "  rm -f $place/[1-4]; done 2>/dev/null; echo full > /output/order.txt"
    )
    assert (ran.answer, ran.problem) == (b"full\n", "")
    kept = [int(line) for line in ran.log.split()]
    assert kept == [LIMITS.output, LIMITS.output, 0, 0, 0, 0]


def test_files_that_have_no_name_any_more_are_bounded_too(contained):
    ran = contained(
        """perl -e 'for my $i (1 .. 40) { open($f[$i], ">", "/output/x"); unlink "/output/x";
        $all += syswrite($f[$i], "a" x 100000) } print "kept $all\n"; open(A, ">", "/output/order.txt")'"""
    )
    assert ran.problem == "wrote more than 1 MiB" or not ran.answer
    assert 0 < int(re.search(r"kept (\d+)", ran.log)[1]) <= LIMITS.output


def test_a_folder_too_deep_to_walk_harms_nobody(contained):
    ran = contained(
        'perl -e \'chdir "/output"; for (1 .. 3000) { mkdir "d"; chdir "d" or last; $n++ } print $n\'',
        Limits(20, LIMITS.memory, LIMITS.processes, 16 << 20, LIMITS.log),
    )
    assert ran.problem == "wrote no /output/order.txt"
    assert int(ran.log) >= 2000


def test_memory_that_no_process_shows_is_bounded_too(contained):
    if contained.kind == "bubblewrap" and NO_GROUP:
        pytest.skip(NO_GROUP)
    ran = contained(
        f"""perl -e 'my $name = "x"; for (1 .. 300) {{
            my $fd = syscall({MEMFD_CREATE}, $name, 0); open(my $f, ">&=", $fd); push @all, $f;
            $n += syswrite($f, "a" x 1000000); syswrite(STDOUT, "first $n ") if $_ == 1 }} print "kept $n"'"""
    )
    assert (ran.answer, ran.problem) == (None, "used more than 96 MiB of memory")
    assert ran.log.startswith("first 1000000 ")
    assert "kept" not in ran.log


def test_file_systems_that_it_mounts_itself_are_refused_or_counted(contained):
    ran = contained(
        "unshare -Urm sh -c 'mount -t tmpfs none /tmp && echo MOUNTED\n"
        "while [ $((i=i+1)) -lt 300 ]; do dd if=/dev/zero of=/tmp/$i bs=1M count=1; done; echo kept'\n"
        "[ $? = 0 ] || { echo REFUSED; exit 1; }"
    )
    assert "kept" not in ran.log
    if "MOUNTED" in ran.log:
        assert ran.problem == "used more than 96 MiB of memory"
    else:
        assert "REFUSED" in ran.log


def test_memory_that_processes_share_counts_once(contained):
    ran = contained(
        "perl -e 'open(Z, q(/dev/zero)); sysread(Z, $x, 50_000_000);"
        "for (1 .. 4) { fork or do { select undef, undef, undef, 0.4; exit } } 1 while wait != -1; print length $x'\n"
        "echo done > /output/order.txt"
    )
    assert (ran.answer, ran.problem, ran.log) == (b"done\n", "", "50000000")


@pytest.mark.parametrize("script", ["trap '' TERM INT HUP; sleep {}", "sleep {} & sleep {}"])
def test_time_is_bounded_and_nothing_is_left(contained, script):
    marker = str(100_000 + uuid.uuid4().int % 100_000)
    limits = Limits(1.2, LIMITS.memory, LIMITS.processes, LIMITS.output, LIMITS.log)
    ran = contained("echo started; " + script.replace("{}", marker), limits)
    assert (ran.answer, ran.problem, ran.log) == (None, "ran longer than 1.2 s", "started\n")
    assert not leftovers(marker)


def test_a_child_left_behind_ends_with_its_parent(contained):
    marker = str(200_000 + uuid.uuid4().int % 100_000)
    ran = contained(f"(sleep {marker} &) ; echo mine > /output/order.txt")
    assert ran.answer == b"mine\n"
    assert not leftovers(marker)


@pytest.fixture
def interruptible():
    """What was started in the background ignores Ctrl-C, and so do its tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# The interrupt may come while psutil has opened a file and not yet entered its "with".
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io:pytest.PytestUnraisableExceptionWarning")
def test_an_organizer_who_stops_a_run_stops_all_of_it(interruptible, contained):
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


def test_what_is_no_plain_file_in_the_submission_is_refused(contained):
    link = contained.submission / "data"
    link.symlink_to(contained.folder / "labels.txt")
    with pytest.raises(InputError, match="data: is no plain file"):
        contained("cat data")
    link.unlink()
    os.mkfifo(link)
    with pytest.raises(InputError, match="data: is no plain file"):
        contained("cat data")
    link.unlink()
    (contained.submission / "/".join("d" * 70)).mkdir(parents=True)
    with pytest.raises(InputError, match="more than 64 folders deep"):
        contained("true")


def test_files_of_which_only_the_owner_can_read_or_run(contained):
    (contained.inputs / "train.txt").chmod(0o600)
    program = contained.submission / "program"
    program.write_text("#!/bin/sh\ncat /input/train.txt > /output/order.txt\n")
    program.chmod(0o744)
    contained.inputs.chmod(0o700)
    before = {path: path.stat().st_mode for path in contained.folder.rglob("*")}
    assert contained("/submission/program").answer == b"what may be seen\n"
    assert before == {path: path.stat().st_mode for path in before}


def test_only_allowed_folders_are_mounted(contained):
    # A test's folder is its user's own, into which nobody else can look.
    allowed = Path(tempfile.mkdtemp())
    try:
        allowed.chmod(0o755)
        (allowed / "weights").write_text("weights")
        (contained.submission / "run.sh").write_text(
            f"cat {allowed}/weights > /output/order.txt; echo x > {allowed}/w || echo REFUSED"
        )
        algorithm = Algorithm(contained.submission, ("sh", "/submission/run.sh"), contained.image, (allowed,))
        ran = sandbox.run(algorithm, contained.inputs, "order.txt", LIMITS)
        assert "REFUSED" in ran.log
        assert [path.name for path in allowed.iterdir()] == ["weights"]
    finally:
        shutil.rmtree(allowed)
    with pytest.raises(InputError, match="no such folder"):
        sandbox.run(algorithm, contained.inputs, "order.txt", LIMITS)


class Zeros(io.RawIOBase):
    """Endless."""

    def readable(self):
        return True

    def readinto(self, buffer):
        buffer[:] = bytes(len(buffer))
        return len(buffer)


def rename(archive, name, other):
    """Give an archive's image another name, and to an OCI archive's the annotation that containerd writes too."""
    with tarfile.open(archive) as members:
        content = [(member, members.extractfile(member)) for member in members]
        content = [(member, file.read() if file else b"") for member, file in content]
    with tarfile.open(archive, "w") as members:
        for member, data in content:
            if member.name in ("index.json", "manifest.json"):
                data = data.replace(name.encode(), other.encode())
            if member.name == "index.json":
                index = json.loads(data)
                index["manifests"][0].setdefault("annotations", {})["io.containerd.image.name"] = other
                data = json.dumps(index).encode()
            member.size = len(data)
            members.addfile(member, io.BytesIO(data))


@pytest.mark.skipif(bool(MISSING["podman"]), reason=MISSING["podman"])
class TestArchives:
    @pytest.fixture
    def submission(self, tmp_path):
        (tmp_path / "submission").mkdir()
        (tmp_path / "inputs").mkdir()
        return tmp_path / "submission"

    def answer(self, submission):
        algorithm = Algorithm(submission, ("sh", "-c", "echo mine > /output/order.txt"), "image.tar")
        return sandbox.run(algorithm, submission.parent / "inputs", "order.txt", LIMITS).answer

    def test_a_root_file_system(self, submission, archive):
        os.link(archive, submission / "image.tar")
        assert self.answer(submission) == b"mine\n"

    @pytest.fixture(autouse=True)
    def leaves_nothing(self, monkeypatch):
        """What is temporary is gone afterwards."""
        made, mkdtemp = [], tempfile.mkdtemp

        def noted(*words, **more):
            made.append(mkdtemp(*words, **more))
            return made[-1]

        monkeypatch.setattr(tempfile, "mkdtemp", noted)
        yield
        assert made
        assert not any(os.path.exists(folder) for folder in made)
        assert not any(f"{folder}/" in Path("/proc/self/mounts").read_text() for folder in made)

    @pytest.mark.parametrize("kind", ["docker-archive", "oci-archive"])
    def test_a_saved_image_takes_no_name(self, submission, image, archive, kind):
        theirs, name = submission / "image.tar", f"{NAME}-theirs"
        podman("import", "--change", "CMD theirs", str(archive), name)
        podman("tag", image, f"{NAME}-ours")
        podman("save", "--quiet", "--format", kind, "--output", str(theirs), name)
        rename(theirs, name, f"{NAME}-ours")
        podman("rmi", "--force", name)
        known = podman("images", "--no-trunc", "--quiet", f"{NAME}-ours")
        assert self.answer(submission) == b"mine\n"
        assert podman("images", "--no-trunc", "--quiet", f"{NAME}-ours") == known
        podman("untag", f"{NAME}-ours", f"{NAME}-ours")

    def test_several_images(self, submission, image, archive):
        other = f"localhost/dataperf-fast-other-{uuid.uuid4().hex}:1"
        podman("import", "--change", "CMD true", str(archive), other)
        output = str(submission / "image.tar")
        podman("save", "--quiet", "--multi-image-archive", "--output", output, image, other)
        podman("rmi", "--force", other)
        with pytest.raises(InputError, match=r"image.tar: holds 2 images; expected one"):
            self.answer(submission)

    @pytest.mark.parametrize("kind", ["root", "oci", "docker"])
    def test_an_archive_that_unpacks_to_more_than_is_allowed(self, submission, monkeypatch, kind):
        with tarfile.open(submission / "image.tar", "w:gz", compresslevel=1) as members:
            for name in {"root": ["zeros"], "oci": ["blobs/zeros", "index.json"], "docker": ["zeros", "manifest.json"]}[
                kind
            ]:
                member = tarfile.TarInfo(name)
                member.size = 1 << 30 if name.endswith("zeros") else 2
                members.addfile(member, io.BufferedReader(Zeros()) if member.size > 2 else io.BytesIO(b"[]"))
        assert (submission / "image.tar").stat().st_size < 20 << 20
        monkeypatch.setattr(images, "_MOST_STORED", 100 << 20)
        monkeypatch.setattr(images, "_INTERVAL", 0.02)
        with pytest.raises(InputError, match=r"image.tar: unpacks to more than 100 MiB; expected a smaller image"):
            self.answer(submission)

    def test_an_archive_that_takes_too_long(self, submission, archive, monkeypatch):
        os.link(archive, submission / "image.tar")
        monkeypatch.setattr(images, "_LONGEST", 0.0)
        with pytest.raises(InputError, match=r"image.tar: took longer than 0 s to load; expected a smaller image"):
            self.answer(submission)

    def test_hostile_lists_of_images(self, submission):
        for content in ("[" * 100_000, "null", '[{"Config": "../../etc/passwd"}]'):
            with tarfile.open(submission / "image.tar", "w") as members:
                member = tarfile.TarInfo("manifest.json")
                member.size = len(content)
                members.addfile(member, io.BytesIO(content.encode()))
            with suppress(InputError):  # some are taken for a root file system, with nothing in it to run
                assert self.answer(submission) is None

    def test_what_podman_cannot_do_is_not_the_algorithms_doing(self, submission, archive, image, monkeypatch):
        with pytest.raises(sandbox.UnavailableError, match="names no image: 'localhost/nobody:1'"):
            sandbox.run(Algorithm(submission, ("sh",), "localhost/nobody:1"), submission.parent / "inputs", "order.txt")
        os.link(archive, submission / "image.tar")
        with pytest.raises(InputError, match="no command or entrypoint") as caught:
            sandbox.run(Algorithm(submission, (), "image.tar"), submission.parent / "inputs", "order.txt")
        assert not isinstance(caught.value, sandbox.UnavailableError)
        broken = Algorithm(submission, ("sh", "-c", "true"), image)
        real = images.command
        monkeypatch.setattr(
            "dataperf_fast.sandbox.podman.command",
            lambda store, *words: real(store, *("--runtime=/none" if w == "--read-only" else w for w in words)),
        )
        with pytest.raises(sandbox.UnavailableError, match="was not started by podman"):
            sandbox.run(broken, submission.parent / "inputs", "order.txt")

    def test_what_is_no_image(self, submission):
        (submission / "image.tar").write_bytes(b"no archive")
        with pytest.raises(InputError, match="is no image"):
            self.answer(submission)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
    def test_a_device_in_an_image_opens_nothing(self, submission, image):
        algorithm = Algorithm(
            submission, ("sh", "-c", "ls -l /disk; dd if=/disk of=/output/order.txt count=9 || echo REFUSED"), image
        )
        ran = sandbox.run(algorithm, submission.parent / "inputs", "order.txt", LIMITS)
        assert "brw-rw-rw-" in ran.log
        assert "REFUSED" in ran.log
        assert ran.answer is None


def test_what_a_killed_run_left_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("submission", "inputs"):
        (tmp_path / name).mkdir()
    hold = "import sys, time; from pathlib import Path; from dataperf_fast.sandbox.staging import staged\n"
    hold += "with staged(*map(Path, sys.argv[1:])) as places: print(places.inputs, flush=True); time.sleep(99)"
    command = [sys.executable, "-c", hold, str(tmp_path / "submission"), str(tmp_path / "inputs")]
    held = []
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"TMPDIR": str(tmp_path)})
        held.append((process, Path(process.stdout.readline().decode().strip()).parent))
    [(killed, left), (alive, used)] = held
    killed.kill()
    killed.communicate()
    assert left.is_dir()
    with staging.staged(tmp_path / "submission", tmp_path / "inputs"):
        assert not left.exists()
        assert used.is_dir()
    alive.terminate()
    alive.communicate()


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
