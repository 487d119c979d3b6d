"""What speeds scikit-learn's own fits up, and by how much: joblib, scikit-learn-intelex, cuML, on the suite's boards.

python -m benchmarks_perf.scikit_peers [--intelex PYTHON] [--cuml PYTHON] [--rounds 2]
    [--out benchmarks_perf/results/scikit_peers.json]

Each peer is a process of its own with the reference's settings, in an environment of its own where it needs one
(``make peers-intelex``): the reference's fits with the peer in scikit-learn's place. Its outcomes are compared with
plain scikit-learn's, since an accelerator that stops elsewhere is another model. ``null`` does nothing: what the
harness itself costs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
BOARDS = ("speech", "vision", "acquisition")
THREADS = 2


def run(peer: str) -> dict[str, Any]:
    """Time a peer on a sample of each board's fits; seconds of all of them, and the sample's outcomes."""
    if peer == "intelex":
        import_module("sklearnex").patch_sklearn(verbose=False)
    if peer == "cuml":
        import_module("cuml.accel").install()
    warnings.simplefilter("ignore")  # that lbfgs stops at 100 iterations
    from benchmarks_perf import suite

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for board in suite.boards(Path(folder), BOARDS):
            size = min(suite.SAMPLED[board.name], len(board.fits))
            drawn = [int(at) for at in np.linspace(0, len(board.fits) - 1, size)]
            plain = import_module(f"dataperf_fast.boards.{board.name}.reference")
            fits = [partial(getattr(plain, board.function), *board.fits[at]()) for at in drawn]
            fits[0]()  # libraries, warm
            started = time.perf_counter()
            outcomes = [board.outcome(answer) for answer in _ask(peer, fits)]
            seconds = (time.perf_counter() - started) * len(board.fits) / size
            if peer == "ours":
                board.ours("cpu")
                started = time.perf_counter()
                everything = board.ours("cpu")
                seconds, outcomes = time.perf_counter() - started, [everything[at] for at in drawn]
            found[board.name] = {"seconds": seconds, "outcomes": outcomes, "fits": len(board.fits), "sampled": size}
    return found


def _ask(peer: str, fits: list[Callable[[], Any]]) -> list[Any]:
    if peer in ("null", "ours"):
        return [0.0] * len(fits)
    if peer == "joblib":
        from joblib import Parallel, delayed

        answers: list[Any] = Parallel(n_jobs=THREADS, backend="threading")(delayed(fit)() for fit in fits)
        return answers
    return [fit() for fit in fits]


def main() -> None:
    """Interleave the peers' processes, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--intelex", type=Path, help="a Python with scikit-learn-intelex and this project")
    parser.add_argument("--cuml", type=Path, help="a Python with cuML and this project")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks_perf/results/scikit_peers.json"))
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(options.run)))
        return
    from benchmarks_perf import timing
    from dataperf_fast.engine import definition

    here = Path(sys.executable)
    pythons = {"reference": here, "joblib": here, "intelex": options.intelex, "cuml": options.cuml, "ours": here,
               "null": here}  # fmt: skip
    ran: dict[str, list[dict[str, Any]]] = {peer: [] for peer, python in pythons.items() if python}
    for number in range(options.rounds):
        for peer, of_peer in ran.items():
            command = [str(pythons[peer]), "-m", "benchmarks_perf.scikit_peers", "--run", peer]
            settings = {} if peer == "ours" else definition.settings()  # as the reference is defined
            environment = {**os.environ, **settings}
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
            if done.returncode:
                raise SystemExit(f"{peer} failed:\n{done.stderr}")
            of_peer.append(json.loads(done.stdout.splitlines()[-1]))
            shown = {board: round(part["seconds"], 2) for board, part in of_peer[-1].items()}
            print(f"round {number + 1} of {options.rounds}, {peer}: {shown}", file=sys.stderr, flush=True)
    boards = {}
    for board in BOARDS:
        seconds = {peer: [part[board]["seconds"] for part in of_peer] for peer, of_peer in ran.items()}
        plain = ran["reference"][0][board]["outcomes"]
        differ = {
            peer: sum(a != b for a, b in zip(of_peer[0][board]["outcomes"], plain, strict=True))
            for peer, of_peer in ran.items()
            if peer not in ("reference", "null")
        }
        boards[board] = {
            "fits": ran["reference"][0][board]["fits"],
            "compared": len(plain),
            "differ": differ,
            "seconds": seconds,
            "median": timing.medians(seconds),
        }
    timing.write(options.out, {"threads": THREADS, "rounds": options.rounds, "boards": boards})


if __name__ == "__main__":
    main()
