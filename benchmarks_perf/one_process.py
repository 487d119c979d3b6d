"""Run one command line and print, last on standard error, its status, seconds, the kernels' part, and peak MiB.

Loading compiled code is a user's waiting time and not the kernels': the first batch of each kind is preceded by two
trainings of one net, and the first of those counts as a kernel only for as long as the second takes.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from dataperf_fast import cli  # noqa: E402
from dataperf_fast.engine import engine  # noqa: E402

kernels = 0.0
loaded: set[bool] = set()
plain = engine._train_batch


def timed(plan, trainer, keys, retrains, exact):
    """Train a batch and add its time to the kernels'."""
    global kernels  # noqa: PLW0603
    if exact not in loaded:
        loaded.add(exact)
        plain(plan, trainer, keys[:1], retrains[:1], exact)
        started = time.perf_counter()
        plain(plan, trainer, keys[:1], retrains[:1], exact)
        kernels += 2 * (time.perf_counter() - started)
    started = time.perf_counter()
    finished = plain(plan, trainer, keys, retrains, exact)
    kernels += time.perf_counter() - started
    return finished


engine._train_batch = timed
status = cli.main(sys.argv[1:])
# Not getrusage: its maximum is inherited from the process that started this one.
peak = (
    next(
        int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    / 1024
)
print(status, time.perf_counter() - STARTED, kernels, peak, file=sys.stderr)
