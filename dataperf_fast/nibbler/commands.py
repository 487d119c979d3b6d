"""The command ``nibbler``: the raters' side of a round."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys

from dataperf_fast.formats import nibbler as files
from dataperf_fast.formats.errors import InputError
from dataperf_fast.formats.files import write_text
from dataperf_fast.nibbler import ratings, scores, work_list
from dataperf_fast.report.terminal import BAD_INPUT, OK, complain


def run(options: argparse.Namespace) -> int:
    """Write a work list, or take ratings in."""
    whole = files.read_round(options.data)
    return _write(options, whole) if options.action == "worklist" else _accept(options, whole)


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
