"""Near-duplicates among prompts timed: how the cost grows, what is found of what was planted, and a peer.

python -m benchmarks_perf.nibbler [--out benchmarks_perf/results/nibbler.json]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks_perf import timing
from dataperf_fast.boards.nibbler import similarity
from dataperf_fast.boards.nibbler.synth import prompts

SIZES = (1_000, 10_000, 30_000, 100_000)
WARMING = 500  # enough that all is imported and compiled that larger sizes need
PEER_AT = 10_000
REPEATED, THREADS, REPEATS = 0.2, 2, 3


def at(size: int) -> dict[str, Any]:
    """Seconds and peak memory of deduplicating so many made-up prompts, and what was found of what was planted."""
    small, _ = prompts(WARMING, REPEATED, np.random.default_rng(1))
    similarity.near_duplicates(small, similarity.terms_alone(), THREADS)
    similarity.tf_idf(small)
    texts, planted = prompts(size, REPEATED, np.random.default_rng(0))
    started = time.perf_counter()
    found = similarity.near_duplicates(texts, similarity.terms_alone(), THREADS) >= 0
    compared = time.perf_counter()
    similarity.tf_idf(texts)
    fitted = time.perf_counter()
    return {
        "prompts": size,
        "seconds_to_compare": compared - started,
        "seconds_to_fit": fitted - compared,
        "planted": int((planted >= 0).sum()),
        "found": int((found & (planted >= 0)).sum()),
        "found_wrongly": int((found & (planted < 0)).sum()),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def peer() -> dict[str, Any]:
    """The ten nearest of each prompt by scikit-learn's brute force on the same vectors, interleaved with ours."""
    from sklearn.neighbors import NearestNeighbors

    from dataperf_fast.kernels.neighbours import knn

    texts, _ = prompts(PEER_AT, 0.0, np.random.default_rng(0))
    vectors = similarity.tf_idf(texts).embed(texts)
    seconds: dict[str, list[float]] = {"scikit-learn": [], "ours": []}
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        theirs = NearestNeighbors(n_neighbors=11, algorithm="brute", n_jobs=THREADS).fit(vectors).kneighbors(vectors)[1]
        seconds["scikit-learn"].append(time.perf_counter() - started)
        started = time.perf_counter()
        with threadpool_limits(1, user_api="blas"):
            ours = knn.nearest(vectors, vectors, 11, THREADS)
        seconds["ours"].append(time.perf_counter() - started)
    warm = {name: float(np.median(values[1:])) for name, values in seconds.items()}
    return {"prompts": PEER_AT, "seconds": warm, "same": float((ours == theirs).mean())}


def main() -> None:
    """Measure, each size in a process of its own for its peak of memory; write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/nibbler.json"))
    parser.add_argument("--size", type=int, help="measure one size here, print it and write nothing")
    options = parser.parse_args()
    if options.size:
        print(json.dumps(at(options.size)))
        return
    growth = []
    for size in SIZES:
        command = [sys.executable, "-m", "benchmarks_perf.nibbler", "--size", str(size)]
        growth.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
        print(json.dumps(growth[-1]), file=sys.stderr, flush=True)
    timing.write(options.out, {"growth": growth, "peer": peer(), "threads": THREADS})


if __name__ == "__main__":
    main()
