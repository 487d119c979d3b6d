"""Processes that run the definition whatever this one runs on, and what becomes of their errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version

import numpy as np
import psutil
import pytest

from dataperf_fast.engine import definition
from dataperf_fast.engine.processes import Processes
from dataperf_fast.files.errors import InputError

MODULE = "tests.engine.functions"


@pytest.fixture
def started():
    """Makes processes, and ends them."""
    made = []

    def start(module=MODULE, count=1, **options):
        made.append(Processes(module, count, **options))
        return made[-1]

    yield start
    for processes in made:
        processes.close()


@pytest.fixture(scope="module")
def two():
    """Two processes that several tests use."""
    processes = Processes(MODULE, 2)
    yield processes
    processes.close()


def test_kernels_and_threads_are_the_definitions_whatever_the_environment_says(oracle, started, monkeypatch):
    for name, value in {
        "OPENBLAS_CORETYPE": "Prescott",
        "OPENBLAS_NUM_THREADS": "2",
        "OMP_NUM_THREADS": "2",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3",
    }.items():
        monkeypatch.setenv(name, value)
    processes = started()
    assert processes.call("threads")["openblas Haswell"] == 1
    assert set(processes.call("threads").values()) == {1}
    assert processes.departure == ""


def test_answers_come_in_the_calls_order_and_shared_arrays_are_mapped(two):
    shared = np.ones((300, 500), np.float32), np.arange(5)
    answers = list(two.each("describe", ((number, np.full(3, number)) for number in range(20)), shared))
    assert [found[:2] for found in answers] == [[("int", n), ("ndarray", 3 * n)] for n in range(20)]
    assert {tuple(found[2:]) for found in answers} == {(("memmap", 150_000.0), ("memmap", 10))}


def test_calls_are_taken_as_they_are_needed_and_dropped_with_the_iterator(two):
    taken = []

    def calls():
        for number in range(1000):
            taken.append(number)
            yield (number,)

    squares = two.each("square", calls())
    assert [next(squares) for _ in range(3)] == [0, 1, 4]
    squares.close()
    assert len(taken) <= 3 + 2 * two.count + 1
    assert list(two.each("square", [(5,), (6,)])) == [25, 36]


def test_errors_are_the_functions_own(two):
    with pytest.raises(ValueError, match=r"^no such sum$"):
        two.call("fail", "no such sum")
    assert two.call("square", 3) == 9


def test_what_is_not_installed_is_named(started):
    with pytest.raises(ModuleNotFoundError) as caught:
        _ = started("tests.engine.absent").departure
    assert caught.value.name == "tests.engine.absent"


def test_warnings_stay_inside(started, monkeypatch):
    monkeypatch.setattr(sys, "warnoptions", ["error"])  # as python -W error has it, which new processes are told
    assert started().call("warn") == "warned"


def test_a_process_that_is_ended_is_said_and_replaced(started):
    processes = started()
    with pytest.raises(RuntimeError, match="a process of the reference was ended"):
        processes.call("die")
    assert processes.call("square", 4) == 16


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_what_stops_a_job_ends_them_at_once(how, tmp_path):
    script = tmp_path / "script.py"  # without a guard for being imported again
    script.write_text(
        "import signal\n"
        f"signal.signal(signal.{how}, signal.default_int_handler)\n"  # which what runs behind a shell ignores
        "from dataperf_fast.engine.processes import Processes\n"
        f"list(Processes({MODULE!r}, 1).each('sleep', [({str(tmp_path / 'pid')!r},)]))\n"
    )
    command = [sys.executable, str(script)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(parent.pid, getattr(signal, how))  # the whole group, as terminals and batch systems do
    _, errors = parent.communicate(timeout=20)
    assert errors.count("Traceback") == 1
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_cuml_is_put_in_place_before_scikit_learn_is_imported(started, tmp_path, monkeypatch):
    (tmp_path / "cuml").mkdir()
    (tmp_path / "cuml" / "__init__.py").touch()
    (tmp_path / "cuml" / "accel.py").write_text(
        "import sys\ncalls = []\ndef install(): calls.append('before' if 'sklearn' not in sys.modules else 'after')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    processes = started("tests.engine.functions", accelerated=True)
    assert processes.call("accelerated") == ["before"]
    assert processes.departure == ""  # another library's scores are not the definition's, and are not to be


VERSIONS = {"scikit-learn": "1.9.1", "SciPy": "1.17.0"}
DEFINED = definition.Found("", ("openblas Haswell",), VERSIONS, "a machine")


def test_the_definition_is_no_departure():
    assert definition.departure(DEFINED) == ""


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"processor": "aarch64", "blas": ("openblas neoversen1",)}, "aarch64, OpenBLAS's neoversen1 kernels;"),
        ({"processor": "x86-64 without FMA"}, "x86-64 without FMA;"),
        ({"blas": ("openblas Haswell", "openblas SkylakeX")}, "OpenBLAS's SkylakeX kernels;"),
        ({"blas": ("mkl unknown",)}, "mkl for a BLAS;"),
        ({"blas": ()}, "no OpenBLAS;"),
        ({"versions": {"scikit-learn": "1.10.0", "SciPy": "1.17.1"}}, "scikit-learn 1.10.0;"),
        ({"versions": {"scikit-learn": "1.9.0", "SciPy": "1.1.7"}}, "SciPy 1.1.7;"),
    ],
)
def test_departures_are_said_in_a_line(changed, problem):
    line = definition.departure(DEFINED._replace(**changed))
    assert line == (
        f"the reference does not run as it is defined: found {problem} expected x86-64 with AVX2 and FMA, OpenBLAS's "
        "Haswell kernels in NumPy and SciPy, scikit-learn 1.9, SciPy 1.17"
    )


def test_a_processor_that_cannot_run_the_kernels_is_not_told_to(monkeypatch):
    monkeypatch.setattr(definition.platform, "machine", lambda: "arm64")
    assert definition.processor() == "arm64"
    assert "OPENBLAS_CORETYPE" not in definition.settings()
    from llvmlite import binding

    monkeypatch.setattr(definition.platform, "machine", lambda: "AMD64")
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: {"avx2": True, "fma": False})
    assert definition.processor() == "x86-64 without FMA"
    assert "OPENBLAS_CORETYPE" not in definition.settings()
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: {"avx2": True, "fma": True})
    assert definition.settings()["OPENBLAS_CORETYPE"] == "Haswell"


def test_what_a_score_hangs_on_is_said_in_a_line():
    made = definition.made_with(DEFINED)
    assert made == "reference 1: scikit-learn 1.9.1, SciPy 1.17.0 on a machine"
    departed = definition.made_with(DEFINED._replace(blas=("mkl unknown",)))
    assert departed == "reference 1, not as it is defined: scikit-learn 1.9.1, SciPy 1.17.0 on a machine"


def test_it_names_the_libraries_of_the_model_and_the_kernels_of_the_process(oracle, started, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    processes = started()
    made, threaded = processes.made_with(), processes.made_with("threaded")
    assert made.startswith(f"reference {definition.VERSION}: scikit-learn {version('scikit-learn')}, SciPy ")
    assert made.endswith(" Haswell")
    assert f", NumPy {version('numpy')} on " in made
    assert threaded == made.replace(" on ", f", threadpoolctl {version('threadpoolctl')} on ", 1)


def test_without_a_place_for_temporary_files_it_is_said(started, monkeypatch):
    def nowhere():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    monkeypatch.setenv("TMPDIR", "/full")
    processes = started()
    assert processes.call("square", 4) == 16  # which needs none
    with pytest.raises(InputError, match="TMPDIR: leads to no folder that can be written: '/full'; expected one"):
        list(processes.each("describe", [(1,)], shared=(2,)))
