"""The sdist and the wheel made of it: whole, installable, and able to run the demo far from the checkout."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import tarfile
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
    return {name for name in listed if name.endswith((".py", "py.typed")) or "/templates/" in name}


def test_both_hold_every_module(built):
    [wheel], [sdist] = built.glob("*.whl"), built.glob("*.tar.gz")
    package = tracked("dataperf_fast") | {f"dataperf_fast/{name}" for name in tracked("kernels")}
    assert len(package) > 100
    assert package <= set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert package <= inside
    assert {"LICENSE", "README.md", "pyproject.toml"} <= inside


def lend_compiled(kernels: Path) -> None:
    """Give installed kernels the checkout's compiled code: their sources are equal, and compiling takes minutes."""
    for source in (ROOT / "kernels").glob("*.py"):
        target = kernels / source.name
        assert target.read_bytes() == source.read_bytes()
        os.utime(target, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
    for compiled in (ROOT / "kernels" / "__pycache__").glob("*.nb?"):
        (kernels / "__pycache__").mkdir(exist_ok=True)
        shutil.copy(compiled, kernels / "__pycache__")


def test_the_demo_of_the_installed_wheel_scores_every_board(built, tmp_path):
    [wheel] = built.glob("*.whl")
    site, out = tmp_path / "site", tmp_path / "out"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel)
    elsewhere = {"env": {**os.environ, "PYTHONPATH": str(site)}, "cwd": tmp_path}
    place = run(sys.executable, "-c", "import dataperf_fast.kernels as k; print(k.__file__)", **elsewhere)
    assert Path(place.strip()).parent == site / "dataperf_fast" / "kernels"
    lend_compiled(site / "dataperf_fast" / "kernels")
    run(sys.executable, "-m", "dataperf_fast.cli", "demo", "--out", out, **elsewhere)
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
