"""Compiled code: where it is kept, that an edit anywhere below is seen, and that no place for it costs no score."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dataperf_fast import kernels
from dataperf_fast.kernels import folders, kept
from tests.conftest import ROOT

ROOM = Path(kernels.__file__).parent
SUMS = ROOM / "arithmetic" / "sums.py"
CODE = "import numpy; from dataperf_fast.kernels.arithmetic import sums; print(sums.variance(numpy.arange(4.0)))"

NO_HOME = """
import pathlib
def home(kind): raise RuntimeError("nobody's")
pathlib.Path.home = classmethod(home)
"""


def run(code: str, checkout: Path = ROOT, **changed: str) -> tuple[str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"} | changed
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip(), done.stderr


def test_what_a_module_hangs_on():
    names = {str(file.relative_to(ROOM)) for file in kept.texts(ROOM / "logistic" / "cuda.py")}
    assert {"logistic/cuda.py", "lbfgs/mainlb.py", "arithmetic/log_table.py", "launch.py", "arithmetic/dot.py"} <= names
    assert "trees/stumps.py" not in names
    assert {file.relative_to(ROOM).as_posix() for file in kept.texts(SUMS)} >= {"arithmetic/sums.py", "compiled.py"}


def test_it_is_kept_with_the_caches_and_shared_by_equal_texts(tmp_path):
    cache = tmp_path / "cache"
    assert run(CODE, DATAPERF_FAST_CACHE=str(cache)) == ("1.25", "")
    files = {path: path.stat().st_mtime_ns for path in (cache / "compiled").rglob("*.nb?")}
    assert {path.name.split("-")[0] for path in files} >= {"sums.variance", "sums.pairwise_sum"}
    copy = tmp_path / "elsewhere"
    shutil.copytree(ROOT / "dataperf_fast", copy / "dataperf_fast", ignore=shutil.ignore_patterns("__pycache__"))
    assert run(CODE, copy, DATAPERF_FAST_CACHE=str(cache)) == ("1.25", "")
    assert {path: path.stat().st_mtime_ns for path in (cache / "compiled").rglob("*.nb?")} == files
    # A function below is edited: who calls it is compiled anew, though its own text is what it was.
    inner = copy / "dataperf_fast" / "kernels" / "compiled.py"
    inner.write_text(inner.read_text() + "# an edit\n")
    assert run(CODE, copy, DATAPERF_FAST_CACHE=str(cache)) == ("1.25", "")
    assert len(list((cache / "compiled").rglob("sums.variance*.nbi"))) == 2


@pytest.mark.parametrize("place", ["no home", pytest.param("a file", marks=pytest.mark.long)])
def test_without_a_place_it_is_compiled_and_said(place, tmp_path):
    given = {"DATAPERF_FAST_CACHE": str(tmp_path / "file" / "below")}
    (tmp_path / "file").write_text("")
    if place == "no home":
        given = {"DATAPERF_FAST_CACHE": "", "XDG_CACHE_HOME": ""}
    answer, said = run(NO_HOME * (place == "no home") + CODE, **given)
    assert answer == "1.25"
    lines = [line for line in said.splitlines() if "UserWarning" in line]
    if place == "a file":
        assert len(lines) == 1
        assert f"compiled code cannot be kept in {tmp_path / 'file' / 'below' / 'compiled'}" in lines[0]
    if place == "no home":
        assert len(lines) == 1
        assert "nothing is kept for the next run (nobody's); DATAPERF_FAST_CACHE can name a folder" in lines[0]


def _a_folder(path):
    path.unlink()
    path.mkdir()


def _an_inner_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)


DAMAGE = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"(lp0\nS'x'\n" * 99),
    "text": lambda path: path.write_text("caf\u00e9"),
    "a byte": _an_inner_byte,  # of machine code, which would be run
    "a folder": _a_folder,
}


@pytest.fixture(scope="module")
def kept_code(tmp_path_factory):
    """A cache with the code of ``CODE``."""
    cache = tmp_path_factory.mktemp("kept")
    run(CODE, DATAPERF_FAST_CACHE=str(cache))
    return cache


@pytest.mark.parametrize(("kind", "damage"), [
    ("nbi", "garbage"), ("nbc", "a byte"),
    *(pytest.param(*of, marks=pytest.mark.long) for of in (
        ("nbi", "empty"), ("nbi", "a folder"), ("nbc", "cut"), ("nbc", "text"), ("nbc", "a folder")
    )),
])  # fmt: skip
def test_a_broken_cache_is_made_anew_or_passed_by(kind, damage, kept_code, tmp_path):
    shutil.copytree(kept_code, tmp_path / "cache")
    for path in list((tmp_path / "cache").rglob(f"*.{kind}")):
        DAMAGE[damage](path)
    answer, said = run(CODE, DATAPERF_FAST_CACHE=str(tmp_path / "cache"))
    assert answer == "1.25"
    warned = [line for line in said.splitlines() if "UserWarning" in line]
    assert len(warned) == (damage == "a folder"), said


TWO = """
import numpy
from dataperf_fast.kernels.arithmetic import sums
print(sums.variance(numpy.arange(4.0)), sums.variance(numpy.arange(4, dtype=numpy.float32)))
"""


def test_a_file_that_another_process_called_by_the_same_name_is_not_run(tmp_path):
    """Two that begin at once, with other types: one's index says whose the file is, and the other's code is in it."""
    given = {"DATAPERF_FAST_CACHE": str(tmp_path / "cache")}
    whole = run(TWO, **given)
    first, second = sorted((tmp_path / "cache").rglob("sums.variance*.nbc"))
    shutil.copy(second, first)
    assert run(TWO, **given) == whole
    shutil.copy(first, second)
    assert run(TWO, **given) == whole == ("1.25 1.25", "")


def test_the_cache_may_be_under_a_tilde(monkeypatch):
    monkeypatch.setenv("DATAPERF_FAST_CACHE", "~/there")
    assert folders.cache_folder() == Path.home() / "there"
