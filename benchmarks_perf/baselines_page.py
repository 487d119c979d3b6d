"""Write docs/baselines.md: the paper's tables beside ours on the demo and on made-up tasks of the paper's shape.

python -m benchmarks_perf.baselines_page [--out docs/baselines.md] [--seeds 10]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from statistics import mean

import dataperf_fast as dpf
from benchmarks_perf import timing
from dataperf_fast import boards
from dataperf_fast.boards import evaluation
from dataperf_fast.boards.acquisition import demo as acquisition_demo
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.acquisition.published import PUBLISHED as ACQUISITION
from dataperf_fast.boards.debugging import demo as debugging_demo
from dataperf_fast.boards.debugging import synth as debugging
from dataperf_fast.boards.debugging.published import PUBLISHED as DEBUGGING
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.speech.published import PUBLISHED as SPEECH
from dataperf_fast.boards.vision import demo as vision_demo
from dataperf_fast.boards.vision import synth as vision
from dataperf_fast.boards.vision.published import PUBLISHED as VISION

_MARKET_ROWS = 2_000  # a seller's, of the paper's 30,000: the files would be 24 GB

Scores = dict[tuple[str, str], list[Fraction]]  # (task, method) -> one exact score a seed


def score(board: str, data: Path, methods: Sequence[str], seeds: Iterable[int]) -> Scores:
    """Write each method's submissions for every seed and score them."""
    found: Scores = {}
    module = import_module(f"dataperf_fast.boards.{board}.baselines")
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder, evaluation.open_engine(boards.load(board), cache=False) as engine:
            module.write(data, Path(folder), list(methods), seed, engine)
            places: list[Path] = [Path(folder)]
            if board in ("vision", "acquisition"):
                places = [Path(folder) / method for method in methods]
            records = dpf.evaluate(board, data, places, curve=False, cache=False)
        for record in records:
            [exact] = boards.load(board).exact([record])
            assert exact is not None, record.error
            found.setdefault((record.task, record.submission), []).append(exact)
        print(f"{board}: {', '.join(methods)}, seed {seed}", file=sys.stderr, flush=True)
    return found


def shown(scores: Sequence[Fraction], digits: int = 3) -> str:
    """The mean, with the lowest and highest where a seed makes a difference."""
    middle, low, high = (f"{float(of):.{digits}f}" for of in (mean(scores), min(scores), max(scores)))
    return middle if len(scores) == 1 else f"{middle} ({low} to {high})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


def verdict(claim: str, cases: dict[str, bool]) -> str:
    """Whether a claim of the paper holds here, and where not."""
    failed = [case for case, holds in cases.items() if not holds]
    if not failed:
        return f"- {claim}: **holds** ({', '.join(cases)})."
    return (
        f"- {claim}: **does not hold** for {', '.join(failed)}; holds for {len(cases) - len(failed)} of {len(cases)}."
    )


def debugging_part(folder: Path, seeds: int) -> list[str]:
    """Mean fraction of fixes over the tasks."""
    debugging_demo.write(folder / "demo")
    list(debugging.write(folder / "paper", debugging.SCALES["paper"], 0))
    measured = {}
    for place, extra in (("demo", ["mc-shapley"]), ("paper", [])):
        fixed = score("debugging", folder / place, ["consecutive", "datascope", "influence", "loo"], [0])
        seeded = score("debugging", folder / place, ["random", "confident"], range(seeds))
        more = score("debugging", folder / place, extra, [0]) if extra else {}
        everything = fixed | seeded | more
        measured[place] = {method: scores for (task, method), scores in everything.items() if task == "mean"}
    methods = ["consecutive", "random", "datascope", "mc-shapley", "influence", "loo", "confident"]
    rows = []
    for method in methods:
        cells = [shown(measured[place][method]) if method in measured[place] else "" for place in ("demo", "paper")]
        paper = [f"{score:.3f}" for score in DEBUGGING[method].scores.values()] if method in DEBUGGING else [""]
        rows.append([method, *paper, *cells])
    well_under = {
        {"demo": "the demo", "paper": "made-up tasks"}[place]: mean(of["datascope"])
        < Fraction(6, 10) * min(mean(of["random"]), mean(of["consecutive"]))
        for place, of in measured.items()
    }
    return [
        "## Debugging: share of the rows inspected before 95% of the cleaned accuracy; less is better",
        "",
        *table(["method", "paper", "ours, demo: mean of 2 tasks", "ours, made-up: mean of 8 tasks"], rows),
        f"Random and confident learning are means of {seeds} seeds, with the lowest and highest seed.",
        "",
        verdict("DataScope under 0.6 times the better of random and consecutive", well_under),
        "- Confident learning is good where labels are inverted at random and no better than chance where a weak model",
        "  gave them, which half of the tasks have: such errors can be learned.",
        "",
    ]


def speech_part(folder: Path) -> list[str]:
    """Macro F1, mean of ten seeds."""
    list(speech.write(folder, speech.SCALES["paper"], 0))
    found = score("speech", folder, ["random", "crossfold"], [0])
    rows = [
        [task.replace("_", ", "), f"{paper:.2f}", *(shown(found[task, method]) for method in ("random", "crossfold"))]
        for task, paper in SPEECH["baseline"].scores.items()
    ]
    above = {
        f"{language}, {method}": found[f"{language}_60", method] > found[f"{language}_25", method]
        for language in ("en", "pt", "id")
        for method in ("random", "crossfold")
    }
    return [
        "## Speech: macro F1; more is better",
        "",
        *table(["language, clips", "paper's baseline", "ours, random", "ours, cross-fold"], rows),
        verdict("60 clips are above 25", above),
        "",
    ]


def vision_part(folder: Path) -> list[str]:
    """F1 a concept."""
    vision_demo.write(folder / "demo")
    list(vision.write(folder / "paper", vision.SCALES["paper"], 0))
    methods = ["random", *VISION]
    made = score("vision", folder / "paper", methods, [0])
    demo = score("vision", folder / "demo", methods, [0])
    concepts = list(VISION["kmeans"].scores)
    rows = []
    for method in methods:
        paper = [f"{VISION[method].scores[concept]:.3f}" if method in VISION else "" for concept in concepts]
        ours = [shown(made[concept, method]) for concept in concepts]
        both = [f"{p} / {o}" if p else o for p, o in zip(paper, ours, strict=True)]
        rows.append([method, *both, shown(demo["mean", method])])
    means = {method: mean(of for concept in concepts for of in made[concept, method]) for method in methods}
    return [
        "## Vision: F1; more is better",
        "",
        *table(["method", *(f"{concept}: paper / ours, made-up" for concept in concepts), "ours, demo: mean"], rows),
        verdict("k-means is below the forest", {"made-up concepts": means["kmeans"] < means["forest"]}),
        verdict("the forest is below pseudo labels", {"made-up concepts": means["forest"] < means["pseudo"]}),
        verdict("each is above random", {method: means[method] > means["random"] for method in VISION}),
        "- Random is ours and not in the paper. In made-up vectors a concept is one cloud in a pool of many others, so",
        "  random images already show the model what the concept is not; choosing them by clusters or confidence takes",
        "  away the variety. Embeddings of real photographs are not so kind to random choice.",
        "",
    ]


def acquisition_part(folder: Path) -> list[str]:
    """Accuracy a market."""
    acquisition_demo.write(folder / "demo")
    list(acquisition.write(folder / "paper", replace(acquisition.SCALES["paper"], rows=_MARKET_ROWS), 0))
    methods = list(ACQUISITION)
    made, demo = (score("acquisition", folder / place, methods, [0]) for place in ("paper", "demo"))
    markets = [str(number) for number in range(5)]
    rows = []
    for method in methods:
        cells = [f"{ACQUISITION[method].scores[market]:.3f} / {shown(made[market, method])}" for market in markets]
        rows.append(
            [method.upper(), *cells, shown([mean(v for (_, m), of in demo.items() if m == method for v in of)])]
        )
    above = {
        f"market {market}": made[market, "uniform"][0] > max(made[market, "rss"][0], made[market, "fss"][0])
        for market in markets
    }
    means = {method: mean(made[market, method][0] for market in markets) for method in methods}
    above["their mean"] = means["uniform"] > max(means["rss"], means["fss"])
    return [
        "## Acquisition: accuracy of the logistic regression; more is better",
        "",
        *table(["plan", *(f"market {market}: paper / ours, made-up" for market in markets), "ours, demo"], rows),
        verdict("UNIFORM is above RSS and FSS", above),
        f"- Made-up sellers have {_MARKET_ROWS:,} rows each here, of the paper's 30,000.",
        "",
    ]


def page(parts: Sequence[list[str]], seconds: float) -> str:
    """The whole page."""
    machine = timing.machine()
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    head = [
        "# What the boards are compared with",
        "",
        "The paper's tables beside the same methods here, on the demo's real images and on made-up tasks of its",
        "sizes (`synth BOARD --scale paper --seed 0`). Figures differ from the paper's, since the data do; what should",
        "carry over is the order of the methods, and each section says whether it does. Methods:",
        "`dataperf-fast baselines BOARD DATA --out DIR`.",
        "",
        f"Generated by `make baselines-page` in {seconds / 60:.0f} minutes on {machine['cores']} cores, "
        f"{machine['date']}; {versions}.",
        "",
    ]
    return "\n".join([*head, *(line for part in parts for line in part)])


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/baselines.md"))
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    started = time.perf_counter()
    parts: list[Callable[[Path], list[str]]] = [
        lambda folder: debugging_part(folder, options.seeds), speech_part, vision_part, acquisition_part,
    ]  # fmt: skip
    lines = []
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(part(Path(folder)))
    options.out.write_text(page(lines, time.perf_counter() - started).rstrip() + "\n")


if __name__ == "__main__":
    main()
