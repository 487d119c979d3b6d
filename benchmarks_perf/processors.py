"""What the reference gives on five processors' kernels of OpenBLAS, and what we give: a line each.

    python -m benchmarks_perf.processors ../shared/data
    python -m benchmarks_perf.processors made --make

Every line is a process of its own with ``OPENBLAS_CORETYPE`` set, and ends with a digest of each board's records: every
seed's F1, trial and figure. ``--make`` first writes eighty random paper-scale submissions to the English speech board,
ten markets and twenty concepts, for which the reference takes minutes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from llvmlite import binding

from dataperf_fast.boards.acquisition import baselines as plans
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.speech import baselines as selections
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.vision import synth as vision
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine.engine import Engine

KERNELS = {"Haswell": "avx2", "SkylakeX": "avx512f", "Sandybridge": "avx", "Nehalem": "sse4.2", "Prescott": "sse3"}
BOARDS = ("speech", "vision", "acquisition")
SUBMISSIONS = 40  # random ones of 25 and of 60 clips each
MARKETS, CONCEPTS = (
    acquisition.AcquisitionScale(10, 6, 4_000, 1_000, 1_200),
    vision.VisionScale(20, 4_000, 140, 500, 20),
)

_SCORE = """
import hashlib, json, sys
from pathlib import Path
import dataperf_fast as dpf
from dataperf_fast.engine import definition

definition.KERNELS, data, backend, *boards = sys.argv[1:]  # the reference too takes the kernels asked for
found = []
for board in boards:
    handed_in = sorted((Path(data) / "handed_in" / board).glob("*")) or None
    records = dpf.evaluate(board, f"{data}/{board}", handed_in, backend=backend, cache=False)
    assert all(record.status == "ok" for record in records), [record.error for record in records]
    passed_over = {"settled_rows"}
    details = [{k: v for k, v in r.details.items() if k not in passed_over} for r in records]
    whole = [[r.task, r.submission, r.score, of] for r, of in zip(records, details, strict=True)]
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]
    scores = " ".join(f"{r.task} {r.score:.7f}" for r in records) if len(records) < 8 else f"{len(records)} records"
    found.append(f"{board}: {scores}, {digest}")
print("; ".join(found))
"""


def make(data: Path) -> None:
    """Write the boards and what is handed in, unless they are there; the same bytes every time."""
    if (data / "handed_in").is_dir():
        return
    list(speech.write(data / "speech", speech.SpeechScale({"en": speech.SCALES["paper"].languages["en"]}), seed=1))
    list(acquisition.write(data / "acquisition", MARKETS, seed=1))
    list(vision.write(data / "vision", CONCEPTS, seed=1))
    engine = Engine(backends.choose("cpu"))
    plans.write(data / "acquisition", data / "handed_in" / "acquisition", ["uniform", "rss"], 1, engine)
    for seed in range(SUBMISSIONS):
        team = data / "handed_in" / "speech" / f"team{seed:02}"
        for path in selections.write(data / "speech", data / "selected", ["random"], seed, engine):
            team.mkdir(parents=True, exist_ok=True)
            path.rename(team / path.name)


def scored(kernels: str, data: Path, backend: str) -> str:
    """The scores of all boards in a new process on those kernels."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SCORE, kernels, str(data), backend, *BOARDS],
        env=os.environ | {"OPENBLAS_CORETYPE": kernels}, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder with speech, vision and acquisition data")
    parser.add_argument("--make", action="store_true", help="write them there")
    parser.add_argument("--kernels", nargs="+", choices=KERNELS, default=list(KERNELS))
    options = parser.parse_args()
    if options.make:
        make(options.data)
    features = binding.get_host_cpu_features()
    for kernels in options.kernels:
        if not features.get(KERNELS[kernels]):
            print(f"{kernels}: this processor has no {KERNELS[kernels]}")
            continue
        for backend in ("cpu", "reference") if kernels == "Haswell" or not options.make else ("cpu",):
            print(
                f"{kernels}, {'ours' if backend == 'cpu' else backend}: {scored(kernels, options.data, backend)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
