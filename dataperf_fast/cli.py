"""The command line: parses, calls, prints. Each command imports what it needs when it runs."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dataperf_fast
from dataperf_fast.arguments import SIZES, parser
from dataperf_fast.engine import clock
from dataperf_fast.report.terminal import BAD_INPUT, FAILURE, INTERRUPTED, OK, complain, show_warning

if TYPE_CHECKING:
    from dataperf_fast.boards.board import Benchmark, Options
    from dataperf_fast.files.errors import InputError
    from dataperf_fast.files.records import Record

_LONG_TO_COMPILE = 2.0  # seconds: loading what is compiled already takes less


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 all scored, 1 a failure of ours, 2 usage or bad input."""
    options = parser().parse_args(arguments)
    warnings.showwarning = show_warning
    command = _COMMANDS[options.command]
    from dataperf_fast.files.errors import InputError

    try:
        _require_places(options)
        before = clock.stood_still()
        status = command(options)
        compiling = clock.stood_still() - before
        if compiling > _LONG_TO_COMPILE and sys.stderr.isatty():
            print(f"compiling took {compiling:.1f} s, which no seconds count", file=sys.stderr)
        return status
    except InputError as error:
        if options.debug:
            raise
        complain(error.line)
        return BAD_INPUT
    except KeyboardInterrupt:
        kept = "; finished retrains are kept, the same command goes on from there"
        complain(f"stopped{'' if options.command == 'verify' else kept}")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # a reader such as head closed its end
        return OK
    except Exception as error:
        if options.debug:
            raise
        complain(f"{_line_of(error, options)} (--debug shows where)")
        return FAILURE


def _line_of(error: Exception, options: argparse.Namespace) -> str:
    """What ended a command, in a line."""
    from dataperf_fast.files.errors import InputError

    if isinstance(error, InputError):
        return error.line
    private = "nibbler" in (options.command, getattr(options, "benchmark", ""))  # an error may quote a prompt
    return f"failed: {type(error).__name__}{'' if private else f': {error}'}"


def _require_places(options: argparse.Namespace) -> None:
    """Refuse what cannot be made or written, before any work is done for it."""
    from dataperf_fast.files.errors import InputError

    for name in ("out", "dynabench"):
        if (folder := getattr(options, name, None)) is not None:
            _require_place(folder)
    files = [getattr(options, "junit", None)]
    if getattr(options, "action", "") == "export":  # all of organize's actions have its default
        files.append(options.parquet)
    for file in filter(None, files):
        if file.is_dir():
            raise InputError(file, "is a folder", expected="a file, or a place for one")
        _require_place(file.parent)


def _require_place(out: Path) -> None:
    from dataperf_fast.files.errors import InputError
    from dataperf_fast.files.paths import has_place

    if not has_place(out):
        raise InputError(out, "cannot be written", expected="a folder, or a place for one")


def _evaluate(options: argparse.Namespace) -> int:
    from dataperf_fast.boards.board import Options

    curve = options.out is not None if options.curve is None else options.curve
    _require_model(options)
    embedding = None if options.embedding is None else _function(options.embedding)
    if embedding is not None and options.benchmark != "nibbler":
        raise _meaningless("--embedding", options.benchmark, "its own vectors")
    if options.show_prompts and options.benchmark != "nibbler":
        raise _meaningless("--show-prompts", options.benchmark, "a board with prompts")
    chosen = Options(curve, options.model, embedding=embedding, show_prompts=options.show_prompts)
    return _run(
        options.benchmark, options.data, options.submissions, options.backend, options.jobs, options.out,
        options.format, chosen, not options.no_cache,
    )  # fmt: skip


def _function(name: str) -> Any:
    """A function of the user's own, ``module:function``."""
    from dataperf_fast.files.errors import InputError

    module, _, function = name.partition(":")
    expected = "module:function, from texts to vectors"
    try:
        found = getattr(import_module(module), function)
    except Exception as error:  # whatever a module of the user's own does
        problem = f"cannot be had ({type(error).__name__}: {error}):"
        raise InputError("--embedding", problem, value=name, expected=expected) from error
    if not callable(found):
        raise InputError("--embedding", "is no function:", value=name, expected=expected)
    return found


def _run(
    benchmark: str,
    data: Path,
    submissions: Sequence[Path] | None,
    backend: str,
    jobs: int | None,
    out: Path | None,
    output: str,
    options: Options,
    cache: bool,
) -> int:
    from dataperf_fast import boards
    from dataperf_fast.report.progress import Bar

    board = boards.load(benchmark)
    records: list[Record] = []
    written: list[Path] = []
    lacking = board.without_cuda(options.model)
    with Bar() as bar, boards.open_engine(backend, jobs, cache, bar, lacking) as engine:
        for result in board.evaluate(data, submissions, engine, options):
            records += result.records
            if output == "json":
                for record in result.records:
                    print(record.to_json(), flush=True)
            if out is not None:
                written += result.write(out)
                written += board.draw(out, result)
    _finish(board, records, written, out, output)
    return OK if all(record.status in ("ok", "pending") for record in records) else BAD_INPUT


def _finish(board: Benchmark, records: list[Record], written: list[Path], out: Path | None, output: str) -> None:
    from dataperf_fast.report import tables

    if output == "table":
        tables.print_records(records, board.columns, sys.stdout)
    if out is not None:
        tables.write_csv(out / "scores.csv", records)
        written.append(out / "scores.csv")
    for path in dict.fromkeys(written):
        print(f"wrote {path}", file=sys.stderr)
    # One line for a broken task, however many submissions it had.
    bad = [record for record in records if record.status not in ("ok", "pending")]
    for line in dict.fromkeys(record.error or record.status for record in bad):
        complain(line)


def _verify(options: argparse.Namespace) -> int:
    import json

    from dataperf_fast import parity
    from dataperf_fast.parity import report as parity_report
    from dataperf_fast.report.progress import Bar

    if options.junit is not None:  # whoever reads only that must not take an earlier one for this run's
        options.junit.unlink(missing_ok=True)
    try:
        _require_model(options)
        with Bar() as bar:
            report = parity.verify(
                options.benchmark, options.data, options.submissions,
                names=options.backends.split(",") if options.backends else None, model=options.model,
                sample=options.sample, seed=options.seed, jobs=options.jobs, progress=bar,
            )  # fmt: skip
    except Exception as error:
        if options.junit is not None:
            parity_report.write_failed_junit(options.junit, options.benchmark, _line_of(error, options))
        raise
    if options.format == "json":
        print(json.dumps(report.as_dict(), allow_nan=False))
    else:
        parity_report.print_report(report, sys.stdout)
    if options.junit is not None:
        parity_report.write_junit(options.junit, report)
    for line in report.invalid:
        complain(line)
    if report.verdicts["different"]:
        complain("the backends differ")
        return FAILURE
    if not report.compared:
        complain(parity_report.NOTHING)
    return OK if report.same else BAD_INPUT


def _profile(options: argparse.Namespace) -> int:
    import json

    from dataperf_fast import profiling
    from dataperf_fast.files.paths import write_text
    from dataperf_fast.profiling import report as profile_report
    from dataperf_fast.report.progress import Bar

    _require_model(options)
    with Bar() as bar:
        found = profiling.profile(
            options.benchmark, options.data, options.submissions, backend=options.backend, model=options.model,
            curve=options.curve, jobs=options.jobs, out=options.out, progress=bar,
        )  # fmt: skip
    if options.format == "json":
        print(json.dumps(found.as_dict(), allow_nan=False))
    else:
        profile_report.print_profile(found, sys.stdout)
    if options.out is not None:
        write_text(options.out / "profile.json", json.dumps(found.as_dict(), indent=1, allow_nan=False) + "\n")
        profile_report.draw(options.out / "profile.png", found)
    for line in found.invalid:
        complain(line)
    return BAD_INPUT if found.invalid else OK


def _require_model(options: argparse.Namespace) -> None:
    from dataperf_fast import boards

    if options.model is not None and not boards.load(options.benchmark).models:
        raise _meaningless("--model", options.benchmark, "the board's own model")


def _baselines(options: argparse.Namespace) -> int:
    methods = options.methods.split(",") if options.methods else None
    for path in _write_baselines(options.benchmark, options.data, options.out, methods, options.seed):
        print(path)
    return OK


def _write_baselines(benchmark: str, data: Path, out: Path, methods: list[str] | None, seed: int) -> list[Path]:
    from dataperf_fast import boards
    from dataperf_fast.report.progress import Bar

    baselines = import_module(f"dataperf_fast.boards.{benchmark}.baselines")
    lacking = boards.load(benchmark).without_cuda(None)
    with Bar() as bar, boards.open_engine(progress=bar, without_cuda=lacking) as engine:
        written: list[Path] = baselines.write(data, out, methods, seed, engine)
    if benchmark == "acquisition":
        written += import_module("dataperf_fast.boards.acquisition.picture").draw_sweeps(written)
    return written


def _synth(options: argparse.Namespace) -> int:
    from dataclasses import replace

    from dataperf_fast.files.errors import InputError

    board = options.benchmark
    given = [name for names in SIZES.values() for name in names if getattr(options, name)]
    for name in [*given, *(["noise"] if options.noise else [])]:
        if name not in (*SIZES[board], "noise" if board == "debugging" else ""):
            expected = ", ".join(f"--{other}" for other in ("scale", "seed", *SIZES[board]))
            raise _meaningless(f"--{name}", board, expected)
    maker = import_module(f"dataperf_fast.boards.{board}.synth")
    scale = replace(maker.SCALES[options.scale], **{name: getattr(options, name) for name in given})
    more = (options.noise or "both",) if board == "debugging" else ()
    try:
        for part in maker.write(options.out, scale, options.seed, *more):
            print(_description(board, part), flush=True)
    except ValueError as error:  # sizes that do not go together
        raise InputError("synth", str(error)) from error
    print(f"wrote {options.out}", file=sys.stderr)
    return OK


def _description(board: str, part: Any) -> str:
    if board == "debugging":
        noise = (part.train.labels != part.true_labels).mean()
        return f"{part.data_id}: {len(part.true_labels)} training rows, {noise:.0%} of the labels wrong"
    return f"market {part}" if board == "acquisition" else str(part)


def _meaningless(option: str, board: str, expected: str) -> InputError:
    from dataperf_fast.files.errors import InputError

    return InputError(option, f"has no meaning for {board}", expected=expected)


def _demo(options: argparse.Namespace) -> int:
    from dataperf_fast.boards import TRAINING
    from dataperf_fast.boards.board import Options
    from dataperf_fast.boards.nibbler import synth as pairs

    folder: Path = options.out / "data"
    print(f"building four boards from scikit-learn's handwritten digits in {folder}", file=sys.stderr)
    for benchmark in TRAINING:
        import_module(f"dataperf_fast.boards.{benchmark}.demo").write(folder / benchmark)
    print("scoring them (the first run compiles the kernels, about a minute; later runs do not)", file=sys.stderr)
    worst = OK
    for benchmark in TRAINING:
        submissions = folder / benchmark / "submissions"
        methods = ["uniform", "rss", "fss", "sweep"] if benchmark == "acquisition" else None
        _write_baselines(benchmark, folder / benchmark, submissions, methods, seed=0)
        out = options.out / "results" / benchmark
        status = _run(
            benchmark, folder / benchmark, [submissions], "auto", None, out, "table", Options(curve=True), True
        )
        worst = max(worst, status)
    print("and a made-up round of Adversarial Nibbler", file=sys.stderr)
    for _ in pairs.write(folder / "nibbler", pairs.SCALES["small"], 0):
        pass
    out = options.out / "results" / "nibbler"
    return max(worst, _run("nibbler", folder / "nibbler", None, "auto", None, out, "table", Options(), True))


def _info(options: argparse.Namespace) -> int:
    from dataperf_fast.engine import backend as backends
    from dataperf_fast.engine.finished import default_cache_path
    from dataperf_fast.files import csv_tables

    chosen = backends.choose("auto")
    device = backends.find_device()
    if isinstance(device, backends.Device):
        free, total = device.free / 2**30, device.total / 2**30
        device = (
            f"{device.name}, {free:.1f} of {total:.1f} GiB free, {device.multiprocessors} multiprocessors, compute "
            f"capability {device.capability[0]}.{device.capability[1]}, CUDA {device.cuda[0]}.{device.cuda[1]}"
        )
    tables = csv_tables.default_folder()
    lines = {
        "dataperf-fast": dataperf_fast.__version__,
        "python": sys.version.split()[0],
        **backends.versions(),
        "backend": f"{chosen.name} ({chosen.reason})",
        "gpu": device,
        "threads": str(chosen.threads),
        "memory": f"{backends.available_memory() / 2**30:.1f} GiB free, batches use up to {chosen.memory / 2**30:.1f}",
        "finished retrains": str(default_cache_path()),
        "parsed tables": f"{tables}, {sum(path.stat().st_size for path in tables.glob('*')) / 2**30:.1f} GiB",
    }
    for name, value in lines.items():
        print(f"{name:18} {value}")
    return OK


def _organize(options: argparse.Namespace) -> int:
    from dataperf_fast.contest import commands

    return commands.organize(options)


def _leaderboard(options: argparse.Namespace) -> int:
    from dataperf_fast.contest import commands

    return commands.leaderboard(options)


def _nibbler(options: argparse.Namespace) -> int:
    from dataperf_fast.boards.nibbler import commands

    return commands.run(options)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "demo": _demo,
    "evaluate": _evaluate,
    "verify": _verify,
    "profile": _profile,
    "baselines": _baselines,
    "synth": _synth,
    "organize": _organize,
    "leaderboard": _leaderboard,
    "nibbler": _nibbler,
    "info": _info,
}


if __name__ == "__main__":
    sys.exit(main())
