"""Rewrite data/ from the reference pipeline: ``make goldens``. Never run by a test."""

from __future__ import annotations

import json
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from dataperf_fast.baselines import debugging as baselines
from dataperf_fast.reference import debugging as reference
from dataperf_fast.synth import digits
from dataperf_fast.synth.debugging import Scale
from tests.tasks import digits_tasks, input_hash, order_of, plain_curve, synthetic_tasks

DATA = Path(__file__).parents[1] / "data"
EXAMPLE = Scale(tasks=2, train=40, test=60, val=10)


def main() -> None:
    """Write the example task files and the golden curves."""
    example = digits.write_debugging(DATA / "debugging", EXAMPLE)
    baselines.write(DATA / "debugging", DATA / "debugging" / "submissions", None, seed=0)
    golden = {
        "made_by": "tests/write_goldens.py: dataperf_fast.reference.debugging, one PyTorch fit a label vector",
        "versions": {name: version(name) for name in ("torch", "numpy", "scikit-learn", "pyarrow")},
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "tasks": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        tasks = [("example", task) for task in example]
        tasks += [("digits", task) for task in digits_tasks(Path(folder))]
        tasks += [("synthetic 0", task) for task in synthetic_tasks(Path(folder), range(1))]
        for source, task in tasks:
            order = order_of(task)
            curve = plain_curve(
                task,
                order,
                lambda labels, task=task: reference.fit_and_evaluate(
                    task.train.features, labels, task.test.features, task.test.labels
                ),
            )
            entry = {"source": source, "task": task.data_id, "input_sha256": input_hash(task), "curve": curve}
            golden["tasks"].append(entry)
            print(source, task.data_id, len(set(curve)), "different accuracies", flush=True)
    (DATA / "golden").mkdir(exist_ok=True)
    (DATA / "golden" / "debugging.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
