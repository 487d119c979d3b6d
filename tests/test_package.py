"""The sdist, the wheel made of it, and copies of the repository without its link: whole, and able to run the demo."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.package
ROOT = Path(__file__).parents[1]


def run(*command: str | Path, **options) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the sdist and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)  # by this environment's setuptools
    return folder


def tracked(*folders: str) -> set[str]:
    """Files of the repository; the kernels lie in two places, one of them a link."""
    listed = run("git", "ls-files", *folders, cwd=ROOT).split()
    return {
        name for name in listed if name.endswith((".py", "py.typed")) or "/templates/" in name or "/static/" in name
    }


def test_both_hold_every_module(built):
    [wheel], [sdist] = built.glob("*.whl"), built.glob("*.tar.gz")
    package = tracked("dataperf_fast") | {f"dataperf_fast/{name}" for name in tracked("kernels")}
    assert len(package) > 100
    assert package <= set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert package <= inside
    assert {"LICENSE", "README.md", "pyproject.toml"} <= inside


def zipped(folder: Path) -> Path:
    """A ZIP of the repository as GitHub makes it, unpacked by what knows no links."""
    commit = run("git", "stash", "create", cwd=ROOT).strip() or "HEAD"  # with what is not committed yet
    where = ("--prefix=dataperf-fast-main/", "--output", folder / "main.zip")
    run("git", "archive", "--format=zip", *where, commit, cwd=ROOT)
    with zipfile.ZipFile(folder / "main.zip") as archive:
        archive.extractall(folder)
    return folder / "dataperf-fast-main"


def cloned(folder: Path) -> Path:
    """A clone without symbolic links."""
    run("git", "-c", "core.symlinks=false", "clone", "--quiet", ROOT, folder / "clone")
    run("git", "config", "core.symlinks", "false", cwd=folder / "clone")
    return folder / "clone"


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """The Python of a new environment, with what dataperf-fast needs, in the versions of the lock, and not itself."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder)
    names = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    python = folder / "bin" / "python"
    pip = (python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt")
    run(*pip, "setuptools", *names)
    return python


def install(source: Path | str, python: Path, *how: str) -> Path:
    """Install a copy of the repository, or a wheel; returns the folder of the kernels that are then imported."""
    pip = (python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--force-reinstall")
    run(*pip, *how, source)
    return place(python, python.parent)


def place(python: Path, folder: Path) -> Path:
    """Where a Python that is started in a folder has the kernels from."""
    found = run(python, "-c", "import dataperf_fast.kernels.arithmetic as a; print(a.__file__)", cwd=folder)
    return Path(found.strip()).parents[1]


def test_the_wheel_installs_with_an_extra(built, bare):
    [wheel] = built.glob("*.whl")
    assert install(f"{wheel}[cluster]", bare).is_relative_to(bare.parents[1])


@pytest.mark.parametrize("how", [(), ("--editable",)], ids=["plain", "editable"])
@pytest.mark.parametrize("copy", [zipped, cloned])
def test_a_copy_without_the_link_installs_and_gets_it(copy, how, bare, tmp_path):
    source = copy(tmp_path)
    assert (source / "dataperf_fast" / "kernels").read_text() == "../kernels"
    assert install(source, bare, *how).is_relative_to(source) == bool(how)
    assert place(bare, source) == source / "dataperf_fast" / "kernels"  # the current folder comes first
    if copy is cloned:
        assert run("git", "status", "--porcelain", cwd=source) == ""


def test_the_demo_of_a_zip_of_the_repository_scores_every_board(bare, tmp_path):
    kernels = install(zipped(tmp_path), bare)
    for source in (ROOT / "kernels").rglob("*.py"):  # so that the tests' compiled code is theirs too
        assert (kernels / source.relative_to(ROOT / "kernels")).read_bytes() == source.read_bytes()
    out = tmp_path / "out"
    run(bare.parent / "dataperf-fast", "demo", "--out", out, cwd=tmp_path)
    scores = csv.DictReader((out / "results" / "speech" / "scores.csv").read_text().splitlines())
    scores = {(row["task"], row["submission"]): float(row["score"]) for row in scores}
    assert set(scores) == {(f"en_{size}", method) for size in (25, 60) for method in ("random", "crossfold")}
    assert all(0.2 < score < 0.95 for score in scores.values())
    assert scores["en_60", "random"] > scores["en_25", "random"]
    plans = csv.DictReader((out / "results" / "acquisition" / "scores.csv").read_text().splitlines())
    plans = {row["submission"]: float(row["score"]) for row in plans}
    assert set(plans) == {"uniform", "rss", "fss"}
    assert all(0.3 < score < 0.95 for score in plans.values())
    sets = csv.DictReader((out / "results" / "vision" / "scores.csv").read_text().splitlines())
    sets = {(row["task"], row["submission"]): float(row["score"]) for row in sets}
    assert {task for task, _ in sets} == {"Zero", "Three", "Seven", "mean"}
    assert all(0 < score < 1 for score in sets.values())
    pictures = {
        "debugging": "digits49_evaluation.png",
        "speech": "en_60_scores.png",
        "vision": "Three_scores.png",
        "acquisition": "market_0_accuracy.png",
        "nibbler": "nibbler_nibbler.png",
    }
    for board, picture in pictures.items():
        assert (out / "results" / board / picture).stat().st_size > 5000
    sweep = out / "data" / "acquisition" / "submissions" / "sweep"
    assert sorted(path.name for path in sweep.iterdir()) == ["sweep_market_0.csv", "sweep_market_0.png"]
    assert (out / "results" / "nibbler" / "leaderboard" / "style.css").is_file()


def test_where_no_link_can_be_made_the_build_says_so(tmp_path):
    (tmp_path / "dataperf_fast").mkdir()
    shutil.copy(ROOT / "setup.py", tmp_path)
    (tmp_path / "dataperf_fast" / "kernels").write_text("../kernels")
    refuse = "import pathlib\ndef refuse(*_, **__): raise OSError('no links here')\npathlib.Path.symlink_to = refuse\n"
    code = refuse + "import runpy; runpy.run_path('setup.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "dataperf_fast/kernels: is no folder, and no link can be made (no links here); expected a symbolic" in line
    assert (tmp_path / "dataperf_fast" / "kernels").read_text() == "../kernels"
