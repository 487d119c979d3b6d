"""Rewrite the README's table from the result files: ``python -m benchmarks_perf.readme``."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def table(result: dict) -> str:
    """The debugging board's measurements as Markdown."""
    compared, lines = result["against_the_reference"], result["command_line"]
    median, times = compared["median"], compared["times_the_reference"]
    machine = result["machine"]
    rows = [
        "| debugging, 300 rows x 2,048, 300 inspections | seconds | times the reference |",
        "|---|---|---|",
        f"| PyTorch loop, one fit an inspection | {median['reference']:.1f} | 1 |",
    ]
    for name in ("whole curve", "score only"):
        distinct = compared["distinct"][name]
        rows.append(f"| ours, {name}, {distinct} distinct training sets | {median[name]:.2f} | {times[name]:.0f} |")
    rows += [
        "",
        "| our whole curve at | distinct training sets | seconds | microseconds a training step |",
        "|---|---|---|---|",
    ]
    for at in result["growth"]:
        rows.append(
            f"| {at['rows']:,} rows | {at['distinct']} | {at['seconds']:.1f} | {at['microseconds_a_step']:.0f} |"
        )
    outside = {name: f"{lines[name]['outside_kernels']:.2f} s" for name in lines}
    rows += [
        "",
        f"Medians of interleaved rounds, warm, {compared['threads']} threads each, on {machine['processor']} "
        f"({machine['cores']} cores), {machine['date']}; training and scoring only. "
        f"A new process spends {outside['no cache']} outside the kernels (imports, loading compiled code, files), "
        f"{outside['cached']} where the retrains are known from an earlier run, and peaks at "
        f"{lines['no cache']['peak_memory_mib']:.0f} MiB.",
    ]
    return "\n".join(rows)


def main() -> None:
    """Replace what stands between the markers."""
    result = json.loads((ROOT / "benchmarks_perf" / "results" / "debugging.json").read_text())
    path = ROOT / "README.md"
    marked = re.compile(r"(<!-- bench:debugging -->\n).*?(\n<!-- /bench -->)", re.DOTALL)
    text, count = marked.subn(lambda found: found[1] + table(result) + found[2], path.read_text())
    if count != 1:
        raise SystemExit(f"{path}: {count} blocks between bench markers; expected 1")
    path.write_text(text)


if __name__ == "__main__":
    main()
