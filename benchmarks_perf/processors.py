"""What the reference gives on five processors' kernels of OpenBLAS, and what we give: a table.

    python -m benchmarks_perf.processors ../shared/data

Every line is a process of its own with ``OPENBLAS_CORETYPE`` set; SkylakeX needs AVX-512.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from llvmlite import binding

KERNELS = {"Haswell": "avx2", "SkylakeX": "avx512f", "Sandybridge": "avx", "Nehalem": "sse4.2", "Prescott": "sse3"}
BOARDS = ("speech", "vision", "acquisition")


def records(kernels: str, data: Path, backend: str) -> list[str]:
    """The scores of all boards in a new process on those kernels, as ``task score``."""
    code = (
        "import json, sys, dataperf_fast as dpf\n"
        "from dataperf_fast.reference import definition\n"
        "kernels, data, backend, *boards = sys.argv[1:]\n"
        "definition.KERNELS = kernels\n"
        "found = [r for b in boards for r in dpf.evaluate(b, f'{data}/{b}', backend=backend, cache=False)]\n"
        "print(json.dumps([f'{r.benchmark} {r.task}: {r.score!r}' for r in found if r.score is not None]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, kernels, str(data), backend, *BOARDS],
        env=os.environ | {"OPENBLAS_CORETYPE": kernels}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: list[str] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder with speech, vision and acquisition data")
    data = parser.parse_args().data
    features = binding.get_host_cpu_features()
    for name, needs in KERNELS.items():
        if not features.get(needs):
            print(f"{name}: this processor has no {needs}")
            continue
        for backend in ("reference", "cpu"):
            print(
                f"{name}, {'ours' if backend == 'cpu' else backend}: {'; '.join(records(name, data, backend))}",
                flush=True,
            )


if __name__ == "__main__":
    main()
