"""Does ptxas fuse what the translation fuses? ``python -m tests.ptx_machine.assembler kernel.ptx ..``; needs nvdisasm.

Each text is assembled with and without ``--fmad``; how many products more go into sums with it must be what
``translate`` says. Both programs come with pip: nvidia-cuda-nvcc and nvidia-cuda-nvdisasm.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .translate import translate

_TARGET = "sm_90"


def program(name: str) -> str:
    """Where a program of CUDA's is, on the path or among installed packages."""
    places = [found for folder in sys.path for found in Path(folder or ".").glob(f"nvidia/*/bin/{name}")]
    if path := shutil.which(name) or next(map(str, places), None):
        return path
    raise SystemExit(f"{name} is not here: pip install nvidia-cuda-nvcc nvidia-cuda-nvdisasm")


def fused_by_ptxas(ptx: str) -> int:
    """How many more fused instructions the machine code has for ptxas's leave to fuse."""
    counts = []
    with tempfile.TemporaryDirectory() as folder:
        source, cubin = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        source.write_text(ptx)
        for fuse in ("false", "true"):
            subprocess.run(
                [program("ptxas"), f"-arch={_TARGET}", "--fmad", fuse, str(source), "-o", str(cubin)], check=True
            )
            listed = subprocess.run([program("nvdisasm"), "-c", str(cubin)], check=True, capture_output=True, text=True)
            counts.append(len(re.findall(r"\b[DF]FMA\b", listed.stdout)))
    return counts[1] - counts[0]


def main() -> None:
    """Compare the two for each file."""
    differ = False
    for path in map(Path, sys.argv[1:]):
        text = path.read_text()
        ours, theirs = translate(text).fused, fused_by_ptxas(text)
        differ |= ours != theirs
        print(f"{path.name}: {ours} fused here, {theirs} by ptxas")
    sys.exit(differ)


if __name__ == "__main__":
    main()
