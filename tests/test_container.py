"""In a container of one processor and 1 GiB, read-only but for /tmp, an unknown user, no home: everything is scored."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dataperf_fast as dpf
from dataperf_fast.boards.acquisition import baselines as acquisition_baselines
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.nibbler import synth as nibbler
from dataperf_fast.boards.speech import baselines as speech_baselines
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.vision import synth as vision
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine
from tests import long

ROOT = Path(__file__).parents[1]
USER = "54321"
_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")  # not its users


def container(folder: Path, *mounts: Path, **environment: str) -> list[str]:
    """The words before a command; the system is this one's, this interpreter and ``mounts``, all read-only."""
    system = folder / "system"
    (system / "tmp").mkdir(parents=True)
    (system / "tmp").chmod(0o1777)  # the container's has the same rights
    shown = [*map(Path, _SYSTEM), Path(sys.base_prefix), Path(sys.prefix), ROOT, *mounts]
    volumes = [word for path in shown if path.exists() for word in ("--volume", f"{path}:{path}:ro")]
    values = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    return [
        "podman", *([] if Path("/run/systemd/system").is_dir() else ["--cgroup-manager", "cgroupfs"]),
        "run", "--rm", "--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:rw,mode=1777", "--network", "none",
        "--cpus", "1", "--memory", "1g", "--memory-swap", "1g", "--user", f"{USER}:{USER}", "--no-hosts",
        "--log-driver", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096", "--workdir", "/tmp",
        "--env", "HOME=/nonexistent", *values, *volumes, "--rootfs", str(system), sys.executable, "-m", "dataperf_fast",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def contained(tmp_path_factory):
    """Runs the command contained; ``mounts`` are what it may read besides, and compiled code that is kept read-only."""
    if os.geteuid() != 0 or shutil.which("podman") is None:
        pytest.skip("there is no podman, or only root's has control groups")
    number = iter(range(100))

    def run(*arguments: str, mounts: tuple[Path, ...] = (), cold: bool = False) -> subprocess.CompletedProcess[str]:
        compiled = Path(os.environ["NUMBA_CACHE_DIR"])
        kept = {} if cold else {"NUMBA_CACHE_DIR": str(compiled)}
        places = (*mounts, *(() if cold else (compiled,)))
        words = container(tmp_path_factory.mktemp("container") / str(next(number)), *places, **kept)
        return subprocess.run([*words, *arguments], capture_output=True, text=True, check=False)

    tried = run("--version")
    if tried.returncode:
        pytest.skip(f"podman runs no such container here ({tried.stderr.strip()[-200:]})")
    return run


def test_it_knows_what_it_has(contained):
    done = contained("info", "--format", "json")
    assert done.returncode == 0, done.stderr
    known = json.loads(done.stdout)
    assert known["threads"] == 1
    assert known["memory_free_bytes"] <= 2**30


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Every board's data and submissions, where anybody may read them."""
    folder = tmp_path_factory.mktemp("data")
    engine = Engine(backends.choose("cpu"))
    shutil.copytree(ROOT / "data" / "debugging", folder / "debugging")
    list(speech.write(folder / "speech", speech.SCALES["small"], 1))
    speech_baselines.write(folder / "speech", folder / "speech", ["random"], 0, engine)
    list(vision.write(folder / "vision", vision.VisionScale(2, 200, 40, 60, 10), 1))
    list(acquisition.write(folder / "acquisition", acquisition.AcquisitionScale(1, 4, 60, 40, 60), 1))
    acquisition_baselines.write(folder / "acquisition", folder / "acquisition" / "submission", ["uniform"], 0, engine)
    list(nibbler.write(folder / "nibbler", nibbler.NibblerScale(4, 60), 1))
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.getuid() and not path.stat().st_mode & 0o5:
            path.chmod(path.stat().st_mode | 0o55)
    return folder


@pytest.mark.parametrize("board", long.after(2, ["debugging", "vision", "speech", "acquisition", "nibbler"]))
def test_every_board_has_its_scores(contained, data, board):
    done = contained("evaluate", board, str(data / board), "--format", "json", "--out", "/tmp/out", mounts=(data,))
    assert done.returncode == 0, done.stderr
    found = {(r["submission"], r["task"]): r["score"] for r in map(json.loads, done.stdout.splitlines())}
    assert found == {(r.submission, r.task): r.score for r in dpf.evaluate(board, data / board, cache=False)}
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_the_demo_compiles_and_scores_everything(contained):
    done = contained("demo", cold=True)
    assert done.returncode == 0, done.stderr
    assert {f"{board}: " for board in ("debugging", "speech", "vision", "acquisition", "nibbler")} <= {
        f"{line.split(':')[0]}: " for line in done.stdout.splitlines() if ":" in line
    }
    assert "compiled code cannot be kept in /nonexistent" in done.stderr
