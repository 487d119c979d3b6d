"""Rewrite data/ from the reference pipeline: ``make goldens``. Never run by a test."""

from __future__ import annotations

import json
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.svm import SVC

from dataperf_fast.boards.debugging import baselines, demo
from dataperf_fast.boards.debugging.synth import DebuggingScale
from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import definition, limits
from dataperf_fast.engine.engine import Engine
from dataperf_fast.engine.processes import open_processes
from tests.oracle import Oracle
from tests.problems import small_problem
from tests.tasks import digits_tasks, input_hash, order_of, reference_curve, synthetic_tasks

DATA = Path(__file__).parents[1] / "data"
EXAMPLE = DebuggingScale(tasks=2, train=40, test=60, val=10)


def main() -> None:
    """Write the example task files and the goldens."""
    (DATA / "golden").mkdir(exist_ok=True)
    write_svc()
    write_debugging()


def write_svc() -> None:
    """Write what scikit-learn's SVC gives on sixty small problems, which stands in for it once it has no sigmoids."""
    oracle, problems = Oracle(), []
    for number in range(60):
        generator = [4, number]
        features, labels, seed, rows = small_problem(np.random.default_rng(generator))
        svc = SVC(probability=True, random_state=seed)
        fitted, probabilities = oracle.fit(svc, features, labels, predict_proba=rows)
        problems.append(
            {
                "name": f"{number}: {labels.max() + 1} classes, {len(labels)} rows",
                "generator": generator,
                "a": fitted._probA.tolist(),
                "b": fitted._probB.tolist(),
                "rho": (-fitted._intercept_).tolist(),
                "iterations": fitted.n_iter_.tolist(),
                "probabilities": probabilities.tolist(),
            }
        )
    golden = {
        "made_by": "tests/write_goldens.py: sklearn.svm.SVC(probability=True)",
        **_made_with(),
        "problems": problems,
    }
    (DATA / "golden" / "svc.json").write_text(json.dumps(golden) + "\n")


def _made_with() -> dict:
    """Versions, and what the processes of the reference were told and found."""
    found = open_processes(definition.__name__, 1).call("find")
    if problem := definition.departure(found):
        raise SystemExit(problem)
    return {
        "versions": {name: version(name) for name in ("torch", "numpy", "scikit-learn", "scipy", "pyarrow")},
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "blas": list(found.blas),
        "settings": definition.settings(),
    }


def write_debugging() -> None:
    """Write the example's files and the curves of the PyTorch pipeline."""
    processes = open_processes("dataperf_fast.boards.debugging.reference", limits.usable_cores())
    example = demo.write(DATA / "debugging", EXAMPLE)
    submissions = DATA / "debugging" / "submissions"
    baselines.write(DATA / "debugging", submissions, ["consecutive", "random"], 0, Engine(backends.choose("cpu")))
    golden = {
        "made_by": "tests/write_goldens.py: dataperf_fast.boards.debugging.reference, one PyTorch fit a label vector",
        **_made_with(),
        "tasks": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        tasks = [("example", task) for task in example]
        tasks += [("digits", task) for task in digits_tasks(Path(folder))]
        tasks += [("synthetic 0", task) for task in synthetic_tasks(Path(folder), range(1))]
        for source, task in tasks:
            order = order_of(task)
            curve = reference_curve(processes, task, order)
            entry = {"source": source, "task": task.data_id, "input_sha256": input_hash(task), "curve": curve}
            golden["tasks"].append(entry)
            print(source, task.data_id, len(set(curve)), "different accuracies", flush=True)
    (DATA / "golden" / "debugging.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
