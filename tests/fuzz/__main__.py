"""Run cases and say which have a fault: ``python -m tests.fuzz --cases 5000``; their files stay in ``--out``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from . import cases


def main() -> int:
    """Run the cases; 1 where one has a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--step", type=int, default=1, help="every so many, for several processes beside each other")
    parser.add_argument("--out", type=Path, help="where files of cases with a fault stay [a new folder]")
    options = parser.parse_args()
    folder = options.out or Path(tempfile.mkdtemp(prefix="dataperf-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    os.environ.setdefault("DATAPERF_FAST_CACHE", str(folder / "cache"))
    numbers = range(options.first, options.first + options.cases * options.step, options.step)
    found, statuses = 0, {0: 0, 2: 0}
    started = time.monotonic()
    for done, case in enumerate(cases.faults(numbers, folder, keep=options.cases == 1), 1):
        statuses[case.status] = statuses.get(case.status, 0) + 1
        if case.fault or options.cases == 1:
            found += bool(case.fault)
            print(f"case {case.number}: {case.fault or 'no fault'}\n  {case.told}\n  {' '.join(case.command)}")
            print("  " + "\n  ".join(case.errors.strip().splitlines()[-12:]), flush=True)
        if done % 100 == 0:
            print(f"{done} cases, {found} faults, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print(f"{len(numbers)} cases, {found} faults; exit statuses {statuses}; {folder}")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
