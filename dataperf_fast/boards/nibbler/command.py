"""The command ``nibbler``: a round's images, and its raters' work."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from dataperf_fast.boards.nibbler import files, ratings, records, rules, scores, work_list
from dataperf_fast.boards.nibbler.generation import ImageSource, Patterns, batch
from dataperf_fast.boards.options import positive, some_path
from dataperf_fast.files import handed_in
from dataperf_fast.files.errors import InputError
from dataperf_fast.files.paths import write_text
from dataperf_fast.files.setup_file import read_setup
from dataperf_fast.report.progress import Bar
from dataperf_fast.report.terminal import BAD_INPUT, OK, complain

EXAMPLE = """nibbler generate round/ prompts.jsonl --api api.yaml
  dataperf-fast nibbler worklist round/ work.jsonl --show-prompts
  dataperf-fast nibbler accept round/ work.jsonl"""
PRIVATE = True  # an error of ours may quote a prompt
GENERATED = "generated.jsonl"


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    command.add_argument(
        "action", choices=("generate", "worklist", "accept"), help="generate: make images of prompts, JSON Lines of "
        "participant and prompt; worklist: write the pairs that need ratings; accept: keep the ratings of work lists "
        "that were filled in, in the round's folder ratings/",
    )  # fmt: skip
    command.add_argument("data", type=some_path, metavar="DATA", help="a round's folder")
    command.add_argument(
        "files", type=some_path, nargs="+", metavar="FILE", help="prompts, or the list to write, or those back"
    )
    command.add_argument(
        "--submissions",
        type=some_path,
        nargs="+",
        metavar="PATH",
        help="worklist, accept: pairs from outside the round",
    )
    command.add_argument(
        "--api", type=some_path, metavar="FILE", help="generate: settings of an HTTP API [made-up patterns]"
    )
    command.add_argument("--count", type=positive, default=1, metavar="N", help="generate: images a set [%(default)s]")
    command.add_argument("--show-prompts", action="store_true", help="worklist: with prompts and images' names")


def run(options: argparse.Namespace) -> int:
    """Make images of prompts, write a work list, or take ratings in."""
    if not options.data.is_dir() and (options.data.exists() or options.action != "generate"):  # which begins a round
        problem = "is no folder" if options.data.exists() else "no such folder"
        raise InputError(options.data, problem, expected="a round's folder")
    action = {"generate": _generate, "worklist": _write, "accept": _accept}[options.action]
    return action(options)


def _round(options: argparse.Namespace) -> files.Round:
    """What is rated: a round's own pairs, or with --submissions those that came from outside."""
    if options.submissions is None:
        return files.read_round(options.data)
    given, problems = files.read_given(options.data)
    found = []
    handed, refused = handed_in.find(options.submissions, files.recognize, files.NAMED)
    problems += [error for _, error in refused]
    for submission in handed:
        try:
            found.append(files.read_submission(submission, given).submitted)
        except InputError as error:
            problems.append(error)
    empty = records.SUBMITTED.empty_table(), records.ATTEMPTED.empty_table()
    return files.Round(options.data.name, pa.concat_tables([empty[0], *found]), empty[1], problems)


def _generate(options: argparse.Namespace) -> int:
    """Make sets of images for the prompts in some files, as many a participant a day as the rules allow."""
    problems: list[InputError] = []
    asked = [line for path in options.files for line in files.read_prompts(path, problems)]
    folder = options.data / "generated"
    refused: Counter[str] = Counter()
    with ExitStack() as stack, Bar() as bar:
        source = _source(options, stack)
        bar.begin("images")
        bar.planned(len(asked))
        wanted = _allowed(options.data, asked, source, refused)
        for entry in batch.generate(wanted, source, folder, options.count) if asked else ():
            if "error" in entry:
                problems.append(InputError(entry["participant"], entry["error"]))
            bar.done(1)
    attempted = batch.attempts(folder)
    if attempted:
        files.write_lines(options.data / "attempted" / GENERATED, attempted)
    for name, count in refused.items():
        rule = f"at most {rules.MOST_A_DAY} sets a participant a day"
        problems.append(InputError(f"participant {name}", f"{count} prompts left for another day", expected=rule))
    for problem in problems:
        complain(problem.line)
    print(f"{options.data / 'attempted' / GENERATED}: {len(attempted)} sets of images", file=sys.stderr)
    return BAD_INPUT if problems else OK


def _allowed(
    data: Path, asked: Sequence[records.PromptLine], source: ImageSource, refused: Counter[str]
) -> Iterator[tuple[str, str]]:
    """The prompts that still want a set and may have one today; ``refused`` counts the others by participant."""
    folder = data / "generated"
    made = batch.made(folder, source.model)
    others = files.read_attempts(data, but=GENERATED)
    days = Counter((one.participant, one.attempted.date()) for one in [*others, *batch.attempts(folder)])
    for line in asked:
        day = line.participant, datetime.now(UTC).date()
        if (line.participant, line.prompt) in made:
            continue
        if days[day] >= rules.MOST_A_DAY:
            refused[line.participant] += 1
            continue
        days[day] += 1
        made.add((line.participant, line.prompt))
        yield line.participant, line.prompt


def _source(options: argparse.Namespace, stack: ExitStack) -> ImageSource:
    """The API that the settings describe, or without any the local source."""
    if options.api is None:
        return Patterns()
    from dataperf_fast.boards.nibbler.generation.http import HttpImages, HttpSettings

    return stack.enter_context(
        HttpImages(read_setup(options.api, HttpSettings, "an image API's settings", private=True))
    )


def _write(options: argparse.Namespace) -> int:
    whole = _round(options)
    if len(options.files) > 1:
        raise InputError(options.files[1], "is one file too many", expected="one work list to write")
    [path] = options.files
    if path.exists():
        raise InputError(path, "is there already", expected="a new file: a list may have been filled in")
    panel = scores.panel(scores.ratings_of(whole.submitted), ratings.METHODS[0])
    lines = [json.dumps(line, ensure_ascii=True) for line in work_list.lines(whole, panel, options.show_prompts)]
    write_text(path, "\n".join(lines) + "\n")
    for problem in whole.problems:
        complain(problem.line)
    print(f"wrote {path}, {len(lines) - 1} pairs to rate", file=sys.stderr)
    return BAD_INPUT if whole.problems else OK


def _accept(options: argparse.Namespace) -> int:
    whole, wrong = _round(options), 0
    for path in options.files:
        found, problems = work_list.accept(path, whole)
        for problem in problems:
            complain(problem.line)
        wrong += len(problems)
        if found:
            about = "\n".join(line.model_dump_json() for line in found)
            name = f"accepted-{hashlib.sha256(about.encode()).hexdigest()[:16]}.jsonl"
            files.write_lines(options.data / "ratings" / name, found)
            print(f"wrote {options.data / 'ratings' / name}, {len(found)} ratings", file=sys.stderr)
            whole = _round(options)  # so that the next file cannot rate the same again
    return BAD_INPUT if wrong else OK
