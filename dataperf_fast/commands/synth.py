"""The command ``synth``: write made-up tasks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dataperf_fast.boards.options import some_path, some_text
from dataperf_fast.commands import arguments
from dataperf_fast.report.terminal import OK, show_warning

EXAMPLE = "synth debugging made/ --scale paper"


def add(command: argparse.ArgumentParser, named: Sequence[str]) -> None:
    """Its arguments."""
    arguments.add_benchmark(command)
    command.add_argument("out", type=some_path, metavar="OUT", help="folder to write to")
    command.add_argument("--scale", choices=("small", "paper"), default="small", help="sizes [%(default)s]")
    seed_help = "the same seed gives the same bytes, to anybody [%(default)s]"
    command.add_argument("--seed", type=arguments.seed, default=0, help=seed_help)
    command.add_argument(
        "--secret", type=some_text, metavar="FILE", help="for hidden tasks: a file that holds a secret, or env:NAME; "
        "nobody without it can make the same bytes",
    )  # fmt: skip
    arguments.add_own(command, named, lambda board: board.synth_options)


def run(options: argparse.Namespace) -> int:
    """Write them, and print a line about each."""
    from dataperf_fast import boards
    from dataperf_fast.boards import evaluation
    from dataperf_fast.files.errors import InputError
    from dataperf_fast.files.secret import seed_of

    board, own = boards.load(options.benchmark), arguments.own_of(options)
    keys = {option.key: option.name for option in board.synth_options}
    for name in own:
        if name not in keys:
            expected = ", ".join(f"--{other}" for other in ("scale", "seed", "secret", *keys.values()))
            raise arguments.meaningless(f"--{name}", board.name, expected)
    seed = options.seed if options.secret is None else seed_of(options.secret, options.seed)
    try:
        for line in board.synth(options.out, options.scale, seed, own):
            print(line, flush=True)
    except ValueError as error:  # sizes that do not go together
        raise InputError("synth", str(error)) from error
    print(f"wrote {options.out}", file=sys.stderr)
    with evaluation.open_engine(board, None, "cpu") as engine:
        for task, why in board.says_nothing(options.out, None, engine).items():
            show_warning(f"{options.out}: {task} says nothing: {why}")
    return OK
