"""What has become slower: the result files here against those of a commit.

python -m benchmarks_perf.compare BASE

A median counts as a regression where it is more than a fifth and more than 20 ms above BASE's, and other medians of the
same file do not say that the machine itself was slower: what is compared is the time over that of the file's reference,
where it has one. Exit status 1 where there is any.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path("benchmarks_perf/results")
RELATIVE, ABSOLUTE = 1.2, 0.020
PEERS = (
    "reference",
    "upstream",
    "datascope",
    "pydvl",
    "over joblib",
    "over processes",
    "batched PyTorch",
    "side by side",
    "null",
    "peer",
)


def medians(result: Any, place: str = "") -> Iterator[tuple[str, dict[str, float]]]:
    """Every table of medians in a result, by its place."""
    if isinstance(result, dict):
        for name, value in result.items():
            if name == "median" and isinstance(value, dict):
                yield place, value
            else:
                yield from medians(value, f"{place}/{name}")
    elif isinstance(result, list):
        for number, value in enumerate(result):
            yield from medians(value, f"{place}/{number}")


def regressions(before: Any, now: Any) -> Iterator[str]:
    """One line for each of our medians that is slower now, by both measures."""
    old = dict(medians(before))
    for place, table in medians(now):
        was = old.get(place, {})
        drift = table["reference"] / was["reference"] if "reference" in table and was.get("reference") else 1.0
        for name, seconds in table.items():
            if name in PEERS or name not in was:
                continue
            expected = was[name] * drift
            if seconds > RELATIVE * expected and seconds - expected > ABSOLUTE:
                yield (f"{place}/{name}: {seconds:.3f} s, was {was[name]:.3f} s"
                       f" (the reference went {drift:.2f} times as slow)")  # fmt: skip


def main() -> None:
    """Compare every result file that both have."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="a commit")
    base = parser.parse_args().base
    slower = 0
    for path in sorted(RESULTS.glob("*.json")):
        shown = subprocess.run(["git", "show", f"{base}:{path}"], capture_output=True, text=True, check=False)
        if shown.returncode:
            print(f"{path.name}: not in {base}")
            continue
        found = list(regressions(json.loads(shown.stdout), json.loads(path.read_text())))
        slower += len(found)
        print(f"{path.name}: {len(found)} slower")
        for line in found:
            print(f"  {line}")
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main()
