"""The command ``nibbler``: a round's images, and its raters' work."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

from dataperf_fast.formats import nibbler as files
from dataperf_fast.formats.errors import InputError
from dataperf_fast.formats.files import write_text
from dataperf_fast.formats.setup_file import read_setup
from dataperf_fast.generation import ImageSource, Patterns, batch
from dataperf_fast.nibbler import ratings, rules, scores, work_list
from dataperf_fast.report.progress import Bar
from dataperf_fast.report.terminal import BAD_INPUT, OK, complain


def run(options: argparse.Namespace) -> int:
    """Make images of prompts, write a work list, or take ratings in."""
    if options.action == "generate":
        return _generate(options)
    whole = files.read_round(options.data)
    return _write(options, whole) if options.action == "worklist" else _accept(options, whole)


def _generate(options: argparse.Namespace) -> int:
    """Make sets of images for the prompts in some files, as many a participant a day as the rules allow."""
    problems: list[InputError] = []
    asked = [line for path in options.files for line in files.read_prompts(path, problems)]
    folder = options.data / "generated"
    today = datetime.now(UTC).date()
    made = Counter(one.participant for one in batch.attempts(folder) if one.attempted.date() == today)
    refused: Counter[str] = Counter()

    def allowed() -> Iterator[tuple[str, str]]:
        for line in asked:
            if made[line.participant] < rules.MOST_A_DAY:
                yield line.participant, line.prompt
            else:
                refused[line.participant] += 1

    with ExitStack() as stack, Bar() as bar:
        bar.begin("images")
        bar.planned(len(asked))
        for entry in batch.generate(allowed(), _source(options, stack), folder, options.count):
            made[entry["participant"]] += "error" not in entry
            if "error" in entry:
                problems.append(InputError(entry["participant"], entry["error"]))
            bar.done(1)
    attempted = batch.attempts(folder)
    files.write_lines(options.data / "attempted" / "generated.jsonl", attempted)
    for name, count in refused.items():
        rule = f"at most {rules.MOST_A_DAY} sets a participant a day"
        problems.append(
            InputError(f"participant {name}, {today}", f"{count} prompts left for another day", expected=rule)
        )
    for problem in problems:
        complain(problem.line)
    print(f"wrote {options.data / 'attempted' / 'generated.jsonl'}, {len(attempted)} sets of images", file=sys.stderr)
    return BAD_INPUT if problems else OK


def _source(options: argparse.Namespace, stack: ExitStack) -> ImageSource:
    """The API that the settings describe, or without any the local source."""
    if options.api is None:
        return Patterns()
    from dataperf_fast.generation.http import HttpImages, Settings

    return stack.enter_context(HttpImages(read_setup(options.api, Settings, "an image API's settings")))


def _write(options: argparse.Namespace, whole: files.Round) -> int:
    if len(options.files) > 1:
        raise InputError(options.files[1], "is one file too many", expected="one work list to write")
    [path] = options.files
    panel = scores.panel(scores.ratings_of(whole.submitted), ratings.METHODS[0])
    lines = [json.dumps(line, ensure_ascii=True) for line in work_list.lines(whole, panel, options.show_prompts)]
    write_text(path, "\n".join(lines) + "\n")
    for problem in whole.problems:
        complain(problem.line)
    print(f"wrote {path}, {len(lines) - 1} pairs to rate", file=sys.stderr)
    return BAD_INPUT if whole.problems else OK


def _accept(options: argparse.Namespace, whole: files.Round) -> int:
    if not options.data.is_dir():
        raise InputError(options.data, "takes no ratings", expected="a round's folder")
    wrong = 0
    for path in options.files:
        found, problems = work_list.accept(path, whole)
        for problem in problems:
            complain(problem.line)
        wrong += len(problems)
        if found:
            about = "\n".join(line.model_dump_json() for line in found)
            name = f"{path.stem[:60]}-{hashlib.sha256(about.encode()).hexdigest()[:8]}.jsonl"
            files.write_lines(options.data / "ratings" / name, found)
            print(f"wrote {options.data / 'ratings' / name}, {len(found)} ratings", file=sys.stderr)
            whole = files.read_round(options.data)  # so that the next file cannot rate the same again
    return BAD_INPUT if wrong else OK
