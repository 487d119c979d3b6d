"""Machines: what of a processor can be changed from outside, and the parity tests run on each of them.

    python -m tests.machines [NAME ...]

A score belongs to a submission, not to a processor: the tests marked ``parity`` pass on every machine, and the shared
data's records have one digest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from llvmlite import binding

# Numba's index of compiled code keys on the target, so that machines share a cache and never each other's code.
_INPUTS = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "GLIBC_TUNABLES")
_NUMPYS = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])  # what it has kernels of its own for here
_OFF = "NPY_DISABLE_CPU_FEATURES"
_NUMPY_AVX2 = {_OFF: " ".join(name for name in _NUMPYS if name.startswith(("X86_V4", "AVX512")))}
_NUMPY_BASELINE = {_OFF: " ".join(_NUMPYS)}
_NUMBA_HASWELL = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""}
# Compiled code then calls the C library's fma, which is exact by any instructions. It keeps its own: without them this
# takes hours, and what else the library gives without them is a machine by itself.
_WITHOUT_FMA = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}


@dataclass(frozen=True)
class Machine:
    """Variables that make a process run as on another processor; ``needs`` is what this one must have for it."""

    variables: dict[str, str] = field(default_factory=dict)
    needs: str = ""
    fused: bool = True  # whether it has fused multiply-add: without it the net takes seconds

    def environment(self) -> dict[str, str]:
        """This process's environment with all of a machine's variables replaced."""
        return {name: value for name, value in os.environ.items() if name not in _INPUTS} | self.variables

    def is_possible(self) -> bool:
        """Whether this processor can run it."""
        return not self.needs or binding.get_host_cpu_features().get(self.needs, False)


MACHINES = {
    "this": Machine(),
    "Prescott": Machine({"OPENBLAS_CORETYPE": "Prescott"}, "sse3"),
    "Nehalem": Machine({"OPENBLAS_CORETYPE": "Nehalem"}, "sse4.2"),
    "Sandybridge": Machine({"OPENBLAS_CORETYPE": "Sandybridge"}, "avx"),
    "Haswell": Machine({"OPENBLAS_CORETYPE": "Haswell"}, "avx2"),
    "SkylakeX": Machine({"OPENBLAS_CORETYPE": "SkylakeX"}, "avx512f"),
    "numpy-avx2": Machine(_NUMPY_AVX2, "avx512f"),
    "numpy-baseline": Machine(_NUMPY_BASELINE),
    "libm-baseline": Machine({"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2"}, "fma"),
    "numba-haswell": Machine(_NUMBA_HASWELL, "avx2"),
    "numba-generic": Machine(_WITHOUT_FMA, "sse2", fused=False),
    "oldest": Machine(
        {"OPENBLAS_CORETYPE": "Prescott"} | _NUMPY_BASELINE | _WITHOUT_FMA, "sse3", fused=False
    ),  # all at once
}


def run(name: str, select: str) -> tuple[bool, set[str]]:
    """Run the selected tests on a machine and print a line; whether all passed, and digests of the boards' records."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        select = select if MACHINES[name].fused else f"({select}) and not fused"
        command = [sys.executable, "-m", "pytest", "-m", select, "-n", "auto", "--maxprocesses", "4"]
        command += ["--dist", "loadfile", "-p", "no:cacheprovider", f"--junit-xml={report}"]
        environment = MACHINES[name].environment()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if not report.is_file():
            print(f"{name}: no test ran\n{done.stdout}{done.stderr}", flush=True)
            return False, set()
        suite = ElementTree.parse(report).getroot()[0]
    failed, skipped = int(suite.get("failures", 0)) + int(suite.get("errors", 0)), int(suite.get("skipped", 0))
    passed, seconds = int(suite.get("tests", 0)) - failed - skipped, time.perf_counter() - started
    print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped, {seconds:.0f} s", flush=True)
    if done.returncode:
        print(done.stdout, done.stderr, flush=True)
    records = {str(found.get("value")) for found in suite.iter("property") if found.get("name") == "records"}
    return done.returncode == 0, records


def main() -> int:
    """Run the machines that were named, or all; 0 where all passed and gave the same records."""
    parser = argparse.ArgumentParser(prog="python -m tests.machines", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MACHINES)}; without, all of them")
    parser.add_argument("--select", default="parity and not reference", help="as pytest's -m")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MACHINES):
        parser.error(f"no machine is called {', '.join(sorted(unknown))}")
    passed, records = True, set[str]()
    for name in options.names or MACHINES:
        if not MACHINES[name].is_possible():
            print(f"{name}: passed over, this processor has no {MACHINES[name].needs}", flush=True)
            continue
        all_passed, found = run(name, options.select)
        passed, records = passed and all_passed, records | found
    different = sorted(one for one in records if sum(one.split(":")[0] == other.split(":")[0] for other in records) > 1)
    if different:
        print("not the same records on every machine:", *different, sep="\n  ")
    return 0 if passed and not different else 1


if __name__ == "__main__":
    sys.exit(main())
