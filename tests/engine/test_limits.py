"""Cores and memory, by systems that are made up."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dataperf_fast.engine import backend as backends
from dataperf_fast.engine import limits

GIB = 1 << 30
V2, V1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"


def system(root, files):
    for name, content in {"proc/meminfo": "MemTotal: 30000000 kB\nMemAvailable:   20971520 kB\n", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


@pytest.mark.parametrize(("files", "gib"), [
    ({}, 20),
    ({"proc/self/cgroup": "0::/\n", f"{V2}/memory.max": "max\n", f"{V2}/memory.current": "5"}, 20),
    # A container of a gigabyte, of which half is used and a quarter only keeps files.
    ({"proc/self/cgroup": "0::/\n", f"{V2}/memory.max": str(GIB), f"{V2}/memory.current": str(GIB // 2),
      f"{V2}/memory.stat": f"anon 5\ninactive_file {GIB // 4}\n"}, 0.75),
    # The one above is the tighter.
    ({"proc/self/cgroup": "0::/a/b\n", f"{V2}/a/b/memory.max": str(9 * GIB), f"{V2}/a/b/memory.current": "0",
      f"{V2}/a/memory.max": str(3 * GIB), f"{V2}/a/memory.current": str(GIB)}, 2),
    ({"proc/self/cgroup": "3:cpu:/\n4:memory:/job\n", f"{V1}/job/memory.limit_in_bytes": str(4 * GIB),
      f"{V1}/job/memory.usage_in_bytes": str(2 * GIB), f"{V1}/job/memory.stat": f"total_inactive_file {GIB}\n"}, 3),
    # A container's own group is the uppermost that it sees, whatever it is called outside.
    ({"proc/self/cgroup": "4:memory:/docker/1f2e\n", f"{V1}/memory.limit_in_bytes": str(GIB),
      f"{V1}/memory.usage_in_bytes": "0"}, 1),
    ({"proc/self/cgroup": "0::/\n", f"{V2}/memory.max": str(GIB), f"{V2}/memory.current": str(2 * GIB)}, 0),
])  # fmt: skip
def test_memory(tmp_path, files, gib):
    system(tmp_path, files)
    assert limits.available_memory(tmp_path) == gib * GIB


def test_a_system_that_says_nothing(tmp_path):
    assert limits.available_memory(tmp_path) > 0
    assert limits.available_memory() > 1 << 20


def test_cores_are_those_we_may_run_on(monkeypatch):
    code = "from dataperf_fast.engine import limits; print(limits.usable_cores())"
    if hasattr(os, "sched_setaffinity"):
        one = f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}}); {code}"
        assert subprocess.run([sys.executable, "-c", one], capture_output=True, text=True, check=True).stdout == "1\n"
    monkeypatch.setattr(limits, "usable_cores", lambda: 3)
    assert backends.choose("cpu").threads == 3
