"""What the command line takes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import dataperf_fast
from dataperf_fast import boards
from dataperf_fast.boards import NAMES, TRAINING
from dataperf_fast.engine.backend import NAMES as BACKENDS

# What synth can be asked for beside a scale, by board.
SIZES = {
    "debugging": ("tasks", "train", "test", "val"),
    "speech": (),
    "vision": ("concepts", "pool", "train", "test"),
    "acquisition": ("markets", "sellers", "rows", "buyer"),
    "nibbler": ("participants", "pairs", "raters"),
}

_EXAMPLES = """examples:
  dataperf-fast demo
  dataperf-fast evaluate debugging path/to/data
  dataperf-fast evaluate speech path/to/data --submissions teams/*
  dataperf-fast evaluate vision path/to/data --submissions teams/*
  dataperf-fast evaluate acquisition path/to/data --submissions teams/* --model knn
  dataperf-fast evaluate nibbler path/to/round
  dataperf-fast evaluate debugging path/to/data --submissions mine/ --out results/ --format json
  dataperf-fast organize run contest.yaml
  dataperf-fast leaderboard contest.yaml --out site/
"""

_Add = Callable[[str, str, str], argparse.ArgumentParser]


def parser() -> argparse.ArgumentParser:
    """What ``dataperf-fast`` takes; the name of the command is ``command``."""
    whole = argparse.ArgumentParser(
        prog="dataperf-fast",
        description="Score DataPerf submissions: fast, and with the reference's own results.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"dataperf-fast {dataperf_fast.__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND", dest="command")

    def add(name: str, summary: str, example: str) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=f"example:\n  dataperf-fast {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument("--debug", action="store_true", help="show the traceback of an error")
        return command

    demo = add("demo", "build a small suite from real images, score it, draw it", "demo --out demo")
    demo.add_argument("--out", type=Path, default=Path("dataperf-demo"), help="folder to write to [%(default)s]")

    evaluate = add(
        "evaluate",
        "score submissions",
        "evaluate debugging data/ --submissions mine/ 01g317_other.txt --out results/",
    )
    _add_benchmark(evaluate, boards.names())
    evaluate.add_argument("data", type=Path, metavar="DATA", help="the official folder, or its set-up file")
    evaluate.add_argument(
        "--submissions", type=Path, nargs="+", metavar="PATH", help="files or folders [those that come with DATA]"
    )
    evaluate.add_argument("--backend", default="auto", choices=BACKENDS)
    evaluate.add_argument("--jobs", type=int, metavar="N", help="threads [one a core]")
    evaluate.add_argument("--out", type=Path, metavar="DIR", help="write official results, a table and pictures")
    evaluate.add_argument("--format", choices=("table", "json"), default="table", help="json: one record a line")
    extent = evaluate.add_mutually_exclusive_group()
    extent.add_argument(
        "--curve", action="store_true", default=None, help="debugging: every point [the default with --out]"
    )
    extent.add_argument(
        "--score-only",
        dest="curve",
        action="store_false",
        help="debugging: only what the score needs [the default without --out]",
    )
    evaluate.add_argument(
        "--model",
        metavar="NAME",
        help="debugging: linear-net, logistic, svc, knn or xgb; acquisition: lr, knn or rf; nibbler, who is right: "
        "majority or dawid-skene [the first]",
    )
    evaluate.add_argument(
        "--embedding", metavar="MODULE:FUNCTION", help="nibbler: from a list of texts to vectors [TF-IDF and SVD]"
    )
    evaluate.add_argument(
        "--show-prompts", action="store_true", help="nibbler: prompts that fool, on pages and in json"
    )
    evaluate.add_argument("--no-cache", action="store_true", help="neither read nor keep finished retrains and tables")

    _add_verify(add)
    _add_profile(add)

    baselines = add("baselines", "write what the paper compares with", "baselines debugging data/ --out submissions/")
    _add_benchmark(baselines, TRAINING)
    baselines.add_argument("data", type=Path, metavar="DATA", help="the official folder, or its set-up file")
    baselines.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the submissions")
    baselines.add_argument(
        "--methods", metavar="A,B", help="which [all but the longest: debugging's mc-shapley, acquisition's sweep]"
    )
    baselines.add_argument("--seed", type=_seed, default=0, help="of what is random [%(default)s]")

    synth = add("synth", "write made-up tasks in the official format", "synth debugging made/ --scale paper")
    _add_benchmark(synth, NAMES)
    synth.add_argument("out", type=Path, metavar="OUT", help="folder to write to")
    synth.add_argument("--scale", choices=("small", "paper"), default="small", help="sizes [%(default)s]")
    synth.add_argument("--seed", type=_seed, default=0, help="the same seed gives the same bytes [%(default)s]")
    synth.add_argument("--noise", choices=("inverted", "weak", "both"), help="debugging: label noise [both]")
    for name in dict.fromkeys(name for names in SIZES.values() for name in names):
        whose = ", ".join(board for board, names in SIZES.items() if name in names)
        synth.add_argument(f"--{name}", type=_positive, metavar="N", help=f"{whose}: number of {name} [the scale's]")

    _add_organize(add)
    _add_nibbler(add)
    add("info", "show versions, backends and what is missing for what", "info")
    return whole


def _add_verify(add: _Add) -> None:
    verify = add(
        "verify",
        "compare backends on the same files, rung by rung",
        "verify speech data/ --submissions mine/ --sample 5",
    )
    _add_benchmark(verify, NAMES)
    verify.add_argument("data", type=Path, metavar="DATA", help="the official folder, or its set-up file")
    verify.add_argument(
        "--submissions", type=Path, nargs="+", metavar="PATH", help="files or folders [those that come with DATA]"
    )
    verify.add_argument(
        "--backends", metavar="A,B", help="the first is compared with each of the others [cpu, cuda if any, reference]"
    )
    verify.add_argument(
        "--sample",
        type=_positive,
        metavar="N",
        help="compare N retrains with the reference, and no whole score [all scores, and 10 retrains]",
    )
    verify.add_argument("--seed", type=_seed, default=0, help="of the sample [%(default)s]")
    verify.add_argument("--model", metavar="NAME", help="as evaluate takes it")
    verify.add_argument("--jobs", type=int, metavar="N", help="threads [one a core]")
    verify.add_argument("--format", choices=("table", "json"), default="table", help="json: one object")
    verify.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")


def _add_profile(add: _Add) -> None:
    profile = add("profile", "say where an evaluation's time goes", "profile debugging data/ --curve --out profiled/")
    _add_benchmark(profile, TRAINING)
    profile.add_argument("data", type=Path, metavar="DATA", help="the official folder, or its set-up file")
    profile.add_argument(
        "--submissions", type=Path, nargs="+", metavar="PATH", help="files or folders [those that come with DATA]"
    )
    profile.add_argument("--backend", default="auto", choices=("auto", "cpu", "cuda"))
    profile.add_argument("--jobs", type=int, metavar="N", help="threads [one a core]")
    profile.add_argument("--model", metavar="NAME", help="as evaluate takes it")
    profile.add_argument("--curve", action="store_true", help="debugging: every point of the curves")
    profile.add_argument("--format", choices=("table", "json"), default="table", help="json: one object")
    profile.add_argument("--out", type=Path, metavar="DIR", help="write results, profile.json and profile.png")


def _add_organize(add: _Add) -> None:
    organize = add(
        "organize",
        "score a contest: every submission on every hidden task, kept in a store, stopped and resumed at will",
        "organize run contest.yaml --cluster tcp://scheduler:8786",
    )
    organize.add_argument(
        "action", choices=("run", "check", "export", "logs"), help="run: score what has no score yet; check: say what "
        "run will find wrong, training and running nothing; export: write every score of the store to a parquet file; "
        "logs: what algorithms printed",
    )  # fmt: skip
    organize.add_argument("manifest", type=Path, metavar="MANIFEST", help="the contest's YAML file (docs/organize.md)")
    organize.add_argument("--backend", default="auto", choices=BACKENDS)
    organize.add_argument("--jobs", type=int, metavar="N", help="threads of a worker [one a core]")
    organize.add_argument(
        "--cluster", default="", metavar="ADDRESS", help="send batches to the Dask scheduler there, tcp://host:8786; "
        "its workers must see the same paths",
    )  # fmt: skip
    organize.add_argument("--no-cache", action="store_true", help="neither read nor keep finished retrains and tables")
    organize.add_argument("--format", choices=("table", "json"), default="table", help="json: one standing a line")
    organize.add_argument(
        "--parquet", type=Path, default=Path("scores.parquet"), metavar="FILE", help="export: where to [%(default)s]"
    )
    leaderboard = add(
        "leaderboard",
        "write a contest's standings as pages that open without a network",
        "leaderboard contest.yaml --out site/",
    )
    leaderboard.add_argument(
        "manifest", type=Path, nargs="?", default=Path("contest.yaml"), metavar="MANIFEST", help="[%(default)s]"
    )
    leaderboard.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the pages")
    leaderboard.add_argument(
        "--backend", default="auto", choices=BACKENDS, help="whose scores: the reference's, or ours [%(default)s: ours]"
    )
    leaderboard.add_argument(
        "--dynabench", type=Path, metavar="DIR", help="also write what Dynabench's endpoint takes, a JSON file a score"
    )


def _add_nibbler(add: _Add) -> None:
    nibbler = add(
        "nibbler",
        "make images for Adversarial Nibbler, give its raters their work, and take it back",
        "nibbler generate round/ prompts.jsonl --api api.yaml\n"
        "  dataperf-fast nibbler worklist round/ work.jsonl --show-prompts\n"
        "  dataperf-fast nibbler accept round/ work.jsonl",
    )
    nibbler.add_argument(
        "action", choices=("generate", "worklist", "accept"), help="generate: make images of prompts, JSON Lines of "
        "participant and prompt; worklist: write the pairs that need ratings; accept: keep the ratings of work lists "
        "that were filled in, in the round's folder ratings/",
    )  # fmt: skip
    nibbler.add_argument("data", type=Path, metavar="DATA", help="a round's folder")
    nibbler.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="prompts, or the list to write, or those back"
    )
    nibbler.add_argument(
        "--submissions", type=Path, nargs="+", metavar="PATH", help="worklist, accept: pairs from outside the round"
    )
    nibbler.add_argument(
        "--api", type=Path, metavar="FILE", help="generate: settings of an HTTP API [made-up patterns]"
    )
    nibbler.add_argument("--count", type=_positive, default=1, metavar="N", help="generate: images a set [%(default)s]")
    nibbler.add_argument("--show-prompts", action="store_true", help="worklist: with prompts and images' names")


def _add_benchmark(command: argparse.ArgumentParser, names: Sequence[str]) -> None:
    command.add_argument("benchmark", choices=names, metavar="BENCHMARK", help=", ".join(names))


def _seed(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**32:  # what NumPy's generators take
        raise ValueError(text)
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
