"""Rewrite the measured tables of README.md and docs/performance.md: ``python -m benchmarks_perf.tables``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]


def debugging(result: dict) -> str:
    """The debugging board's measurements as Markdown."""
    compared, lines = result["against_the_reference"], result["command_line"]
    median, times = compared["median"], compared["times_the_reference"]
    machine, threads, where = result["machine"], compared["threads"], ""
    if isinstance(threads, dict):  # results from before the reference had processes have one number
        threads, where = threads["others"], f", {threads['reference']}"
    rows = [
        "| debugging, 300 rows x 2,048, 300 inspections | seconds | times the reference |",
        "|---|---|---|",
        f"| PyTorch loop, one fit an inspection{where} | {median['reference']:.1f} | 1 |",
    ]
    for name, title in (
        ("over joblib", "the same over joblib, two processes"),
        ("over processes", "the same, two processes of one thread"),
        ("batched PyTorch", "PyTorch, the different training sets as one `torch.func` batch"),
    ):
        if name in times:  # results from before these peers were there
            rows.append(f"| {title} | {median[name]:.1f} | {times[name]:.1f} |")
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
        f"Medians of interleaved rounds, warm, {threads} threads where none are said, on {machine['processor']} "
        f"({machine['cores']} cores), {machine['date']}; training and scoring only. "
        f"A new process spends {outside['no cache']} outside the kernels (imports, loading compiled code, files), "
        f"{outside['cached']} where the retrains are known from an earlier run, and peaks at "
        f"{lines['no cache']['peak_memory_mib']:.0f} MiB.",
    ]
    return "\n".join(rows)


def speech(result: dict) -> str:
    """The speech board's measurements as Markdown."""
    model, many, files = result["model"], result["many"], result["from_files"]
    folds, compared, machine = result["crossfold"], result["parity"], result["machine"]
    cases = [(f"{size} clips, ten seeds, model part", part["median"]) for size, part in model.items()]
    medians = model["60"]["median"]["reference"], many["seconds_a_submission"]
    cases.append((f"one of {many['submissions']} submissions of 60", {"reference": medians[0], "ours": medians[1]}))
    if "upstream" in files["median"]:
        median = {"reference": files["median"]["upstream"], "ours": files["median"]["ours"]}
        cases.append(("60 clips, from files; the board's own script", median))
    for size, part in folds.items():
        cases.append((f"cross-fold baseline, {size} clips, {part['reference_is']} folds", part["median"]))
    rows = ["| speech, English | reference, seconds | ours, seconds | times |", "|---|---|---|---|"]
    for name, median in cases:
        plain, ours = median["reference"], median["ours"]
        rows.append(f"| {name} | {_seconds(plain)} | {_seconds(ours)} | {_times(plain / ours)} |")
    threads = result["threads"]
    rows += [
        "",
        f"Medians of {result['rounds']} interleaved rounds, warm, {threads['ours']} threads for ours and "
        f"{threads['reference']} for the reference, on {machine['processor']} ({machine['cores']} cores), "
        f"{machine['date']}. The {many['submissions']} submissions peak at {many['peak_memory_mib']:.0f} MiB; of "
        f"{compared['compared']:,} predictions compared {compared['differ']} differ.",
    ]
    return "\n".join(rows)


def vision(result: dict) -> str:
    """The vision board's measurements as Markdown."""
    median, compared, machine = result["model"]["median"], result["parity"], result["machine"]
    many = f"{result['submissions']} submissions x 3 concepts, 500 images"
    return "\n".join(
        [
            "| vision | reference, seconds | ours, seconds | times |",
            "|---|---|---|---|",
            f"| {many}, training and scoring | {_seconds(median['reference'])} | {_seconds(median['ours'])} | "
            f"{_times(result['model']['times_the_reference'])} |",
            f"| the same from files, pool of {result['pool']:,} images | | {_seconds(median['from files'])} | |",
            "",
            f"{_conditions(result)}, on {_place(machine)}. From files the command peaks at "
            f"{result['peak_memory_mib']:.0f} MiB; of {compared['compared']:,} figures compared {compared['differ']} "
            "differ by more than 1e-12.",
        ]
    )


def acquisition(result: dict) -> str:
    """The acquisition board's measurements as Markdown."""
    whole, fits, loss = result["from_files"], result["fits"], result["pass"]
    rows = ["| acquisition | reference, seconds | ours, seconds | times |", "|---|---|---|---|"]
    name = f"{whole['markets']} markets x ten trials, from {whole['bytes'] / 1e9:.1f} GB of csv files"
    cases = [(f"{name}; {whole['reference_is']}", whole["median"])]
    for model, part in fits.items():
        cases.append((f"{part['fits']} fits of {part['rows']:,} rows x 768, {model.replace('-', ' ')}", part["median"]))
    for case, median in cases:
        plain, ours = median["reference"], median["ours"]
        rows.append(f"| {case} | {_seconds(plain)} | {_seconds(ours)} | {_times(plain / ours)} |")
    rows += [
        "",
        f"{_conditions(result)} (from files the reference ran {len(whole['seconds']['reference'])} time), on "
        f"{_place(result['machine'])}; tables parsed before, which the first run does in "
        f"{whole['first_run_with_parsing']:.0f} s. A pass over {loss['rows']:,} rows, loss and gradient, reads "
        f"{loss['gigabytes_a_second']:.0f} GB/s (a plain maximum of the same matrix: "
        f"{loss['gigabytes_a_second_of_a_maximum']:.0f}) at {loss['billion_multiply_adds_a_second']:.1f} billion "
        "multiply-adds a second, one thread.",
    ]
    return "\n".join(rows)


def suite(result: dict) -> str:
    """The whole suite's measurements as Markdown."""
    titles = {
        "speech": "speech: six boards, a submission of ten seeds each",
        "debugging": "debugging: eight tasks x three methods x 300 inspections",
        "vision": "vision: three concepts of 500 images",
        "acquisition": "acquisition: five markets x ten trials of 2,500 rows",
    }
    rows = ["| the whole suite | fits | reference, seconds | ours, seconds | times |", "|---|---|---|---|---|"]
    for name, part in result["boards"].items():
        plain, ours = part["median"]["reference"], part["median"]["ours"]
        rows.append(f"| {titles[name]} | {part['fits']:,} | {_seconds(plain)} | {_seconds(ours)} | "
                    f"{_times(plain / ours)} |")  # fmt: skip
    total, fits = result["total"], sum(part["fits"] for part in result["boards"].values())
    rows.append(f"| all | {fits:,} | {_seconds(total['reference'])} | {_seconds(total['ours'])} | "
                f"{_times(result['times_the_reference'])} |")  # fmt: skip
    compared, differ = (sum(part[name] for part in result["boards"].values()) for name in ("compared", "differ"))
    rows += ["", f"{_conditions(result)}, on "
             f"{_place(result['machine'])}; training and scoring from vectors in memory. The reference is "
             f"{result['reference_is']}; of {compared} outcomes compared {differ} differ."]  # fmt: skip
    return "\n".join(rows)


def scikit_peers(result: dict) -> str:
    """What accelerates scikit-learn's own fits, as Markdown: seconds, and how many of the sampled outcomes differ."""
    titles = {
        "reference": "scikit-learn, one fit at a time",
        "joblib": "the same over joblib, two processes",
        "intelex": "scikit-learn-intelex in its place",
        "cuml": "cuML in its place",
        "ours": "ours",
    }
    boards = result["boards"]
    rows = [
        f"| the suite's fits, seconds (outcomes that differ) | {' | '.join(boards)} |",
        "|---" * (len(boards) + 1) + "|",
    ]
    for name, title in titles.items():
        cells = [_peer_cell(part, name) for part in boards.values() if name in part["median"]]
        if cells:
            rows.append(f"| {title} | {' | '.join(cells)} |")
    sampled = ", ".join(f"{part['compared']} of {part['fits']}" for part in boards.values())
    rows += [
        "",
        f"{result['rounds']} round, {result['threads']} threads, on {_place(result['machine'])}; each in a process "
        f"of its own. Peers ran {sampled} fits, scaled, and these outcomes are compared with scikit-learn's.",
    ]
    return "\n".join(rows)


def nibbler(result: dict) -> str:
    """The growth of near-duplicate search as Markdown."""
    rows = [
        "| prompts | near-duplicates, seconds | found of planted | wrongly | TF-IDF and SVD, seconds | peak MiB |",
        "|---|---|---|---|---|---|",
    ]
    for at in result["growth"]:
        rows.append(
            f"| {at['prompts']:,} | {_seconds(at['seconds_to_compare'])} | {at['found']:,} of {at['planted']:,} | "
            f"{at['found_wrongly']} | {_seconds(at['seconds_to_fit'])} | {at['peak_mib']:,.0f} |"
        )
    peer = result["peer"]
    theirs, ours = peer["seconds"]["scikit-learn"], peer["seconds"]["ours"]
    rows += [
        "",
        f"Made-up prompts of 7 to 15 words, a fifth of them repeats. The ten exact neighbours of {peer['prompts']:,} "
        f"alone: {_seconds(ours)} s, scikit-learn's brute force {_seconds(theirs)} s, {_times(theirs / ours)} times; "
        f"{peer['same']:.2%} of the neighbours are the same. {result['threads']} threads, on "
        f"{_place(result['machine'])}.",
    ]
    return "\n".join(rows)


def organizer(result: dict) -> str:
    """A contest's measurements as Markdown."""
    contest, machine = result["contest"], result["machine"]
    rows = [
        "| a contest, a task of 60 rows | one worker of a thread, seconds | two | times | peak MiB: run, worker |",
        "|---|---|---|---|---|",
    ]
    by = {(at["workers"], at["submissions"]): at for at in result["growth"]}
    for size in sorted({at["submissions"] for at in result["growth"]}):
        one, two = by[1, size], by[2, size]
        rows.append(
            f"| {size:,} submissions, {one['model']} | {_seconds(one['seconds'])} | {_seconds(two['seconds'])} | "
            f"{_times(one['seconds'] / two['seconds'])} | {one['peak_mib']:.0f}, {one['peak_mib_a_worker']:.0f} |"
        )
    same = "the same" if contest["same_table"] else "ANOTHER"
    apart = f"{_seconds(contest['seconds_without_sharing'])} s"
    rows += [
        "",
        f"{contest['submissions']} submissions on {contest['tasks']} hidden debugging tasks of 100 rows, by its "
        f"board's model: {_seconds(contest['seconds'])} s; one at a time with nothing shared {apart} "
        f"({contest['sampled_without_sharing']} of them timed, scaled), {_times(contest['times'])} times. Killed "
        f"{len(contest['killed_at_seconds'])} times and resumed: {same} table of {contest['scores']:,} scores, none "
        f"twice. On {_place(machine)}.",
    ]
    return "\n".join(rows)


def _peer_cell(part: dict, name: str) -> str:
    differ = "" if name == "reference" else f" ({part['differ'][name]} of {part['compared']})"
    return f"{_seconds(part['median'][name])}{differ}"


def _conditions(result: dict) -> str:
    threads = result["threads"]
    if isinstance(threads, int):  # results from before the reference had a process of its own
        return f"Medians of {result['rounds']} interleaved rounds, warm, {threads} threads each"
    return (
        f"Medians of {result['rounds']} interleaved rounds, warm, {threads['ours']} threads for ours and "
        f"{threads['reference']} for the reference"
    )


def _place(machine: dict) -> str:
    return f"{machine['processor']} ({machine['cores']} cores), {machine['date']}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.{1 if seconds >= 10 else 2 if seconds >= 1 else 3}f}"


def _times(ratio: float) -> str:
    return f"{ratio:.{1 if ratio < 10 else 0}f}"


def valuation(result: dict) -> str:
    """Neighbour Shapley's measurements as Markdown."""
    rows = ["| neighbour Shapley, 512 features | peer, seconds | ours, seconds | times |", "|---|---|---|---|"]
    differences = []
    for case in result["beside_peers"]:
        size = f"{case['rows']:,} rows, {case['evaluation']:,} to validate, k = {case['neighbours']}"
        differences += case["largest_difference"].values()
        for name, times in case["times"].items():
            median = case["median"]
            rows.append(f"| {size}; {name} | {median[name]:.2f} | {median['ours']:.3f} | {times:.0f} |")
    for size in result["growth"][1:]:
        rows.append(f"| {size['rows']:,} rows, {size['evaluation']:,} to validate, k = 5 | | {size['seconds']:.2f} | |")
    machine, largest = result["machine"], result["growth"][-1]
    rows += [
        "",
        f"Medians of {len(result['beside_peers'][0]['seconds']['ours'])} interleaved rounds, warm, "
        f"{result['threads']} threads, on {machine['processor']} ({machine['cores']} cores), {machine['date']}. "
        f"No value differs from a peer's by more than {max(differences):.0e}; the largest case peaks at "
        f"{largest['peak_memory_mib']:.0f} MiB.",
    ]
    return "\n".join(rows)


def debugging_models(result: dict) -> str:
    """The debugging board's other models and Monte-Carlo Shapley as Markdown."""
    rows = [
        "| debugging by another model, a whole curve | plain loop, seconds | ours, seconds | times | times a fit |",
        "|---|---|---|---|---|",
    ]
    for case in result["curves"]:
        plain, ours, a_fit = case["curve"]["reference"], case["curve"]["ours"], case["seconds_a_fit"]
        rows.append(
            f"| {case['model']}, {case['rows']:,} rows, {case['distinct']} distinct training sets | "
            f"{_seconds(plain)} | {_seconds(ours)} | {plain / ours:,.0f} | {a_fit['reference'] / a_fit['ours']:,.0f} |"
        )
    [logistic] = [case for case in result["curves"] if case["model"] == "logistic-optimum"]
    a_fit, shapley, machine = logistic["seconds_a_fit"], result["shapley"], result["machine"]
    default = a_fit["scikit-learn's default tolerance"]
    ratio = shapley["seconds_a_fit"]["reference"] / shapley["seconds_a_fit"]["ours"]
    compared = [*result["curves"], shapley]
    rows += [
        "",
        f"{_conditions(result)}, on {_place(machine)}. "
        "The plain loop is scikit-learn, one fit an inspection, as converged as ours; of each case "
        f"{', '.join(str(case['sampled']) for case in result['curves'])} of its fits were timed and scaled. A fit of "
        f"the logistic regression takes us {1e3 * a_fit['ours']:.1f} ms, from a cold start "
        f"{1e3 * a_fit['ours, cold starts']:.1f} ms, scikit-learn's lbfgs at its default tolerance "
        f"{1e3 * default:.0f} ms ({default / a_fit['ours']:.0f} times). Monte-Carlo Shapley's retrains of the linear "
        f"net, {shapley['rows']} rows and fewer: {1e3 * shapley['seconds_a_fit']['ours']:.1f} ms each, PyTorch one at "
        f"a time {1e3 * shapley['seconds_a_fit']['reference']:.0f} ms, {ratio:.0f} times. Of "
        f"{sum(case['sampled'] for case in compared)} accuracies compared "
        f"{sum(case['sampled'] - case['equal'] for case in compared)} differ.",
    ]
    return "\n".join(rows)


# Every table by the name of its result file and of its markers, page by page.
PAGES: dict[str, dict[str, Callable[[dict], str]]] = {
    "README.md": {"suite": suite},
    "docs/performance.md": {
        "scikit_peers": scikit_peers,
        "speech": speech,
        "debugging": debugging,
        "debugging_models": debugging_models,
        "vision": vision,
        "acquisition": acquisition,
        "valuation": valuation,
        "nibbler": nibbler,
        "organizer": organizer,
    },
}


def main() -> None:
    """Rewrite both pages."""
    for page in PAGES:
        (ROOT / page).write_text(filled(page), encoding="utf-8")


def filled(page: str) -> str:
    """A page's text with the tables of the result files that are there between their markers."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, table in PAGES[page].items():
        results = ROOT / "benchmarks_perf" / "results" / f"{name}.json"
        if results.exists():
            text = replace(text, page, name, table(json.loads(results.read_text())))
    return text


def replace(text: str, page: str, name: str, table: str) -> str:
    """Put a table between its markers."""
    marked = re.compile(rf"(<!-- bench:{name} -->\n)(?:(?!<!--).*\n)*(<!-- /bench -->)")
    replaced, count = marked.subn(lambda found: f"{found[1]}{table}\n{found[2]}", text)
    if count != 1:
        raise SystemExit(f"{page}: {count} blocks between bench:{name} markers; expected 1")
    return replaced


if __name__ == "__main__":
    main()
