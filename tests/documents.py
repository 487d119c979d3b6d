"""The examples of the pages and of ``--help``: found, given the data that they name, and run as they stand.

What a fence says after its language: the name of the file that the block is, or ``with`` a package that it needs.
"""

from __future__ import annotations

import argparse
import doctest
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataperf_fast import boards, cli
from dataperf_fast.boards.debugging import synth
from dataperf_fast.cli import parser
from dataperf_fast.commands import submit
from dataperf_fast.files.errors import InputError

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_AN_INSTALL = "installs into this environment; tests/test_package.py installs into others"
_CI = "a run of CI's"
_A_GPU = "needs a GPU"
_A_SERVER = "tests/server/test_page.py has one"
_CUML = "needs a GPU, and cuML's gigabytes"
# Commands that are not run, and why.
NOT_RUN = {
    "make demo": _AN_INSTALL,
    "make test": _CI,
    "make test-ptx": _CI,
    "make lint": _CI,
    "pytest tests/engine tests/kernels -n 2": _CI,
    "pip install . --constraint constraints.txt": _AN_INSTALL,
    "pip install '.[reference,xgb]'": _AN_INSTALL,
    "pip install 'dist/dataperf_fast-0.1.0-py3-none-any.whl[reference]'": _AN_INSTALL,
    "pip install 'dataperf-fast[reference] @ git+https://HOST/PATH.git'": _AN_INSTALL,
    "pip install '.[gpu]'": _AN_INSTALL,
    "pip install '.[server]'": _AN_INSTALL,
    "dataperf-fast evaluate debugging data --backend cuda": _A_GPU,
    "pytest tests/cuda": _A_GPU,
    "python -m benchmarks_perf.gpu_report --shared DIR": _A_GPU,
    "python3 -m venv .venv-cuml": _CUML,
    ".venv-cuml/bin/python -m pip install cuml-cu13 .": _CUML,
    ".venv-cuml/bin/dataperf-fast evaluate vision data --backend reference-cuml": _CUML,
    "dataperf-fast demo": "tests/test_package.py runs it",
    "dataperf-fast demo --out demo": "tests/test_package.py runs it",
    "dataperf-fast synth debugging made/ --scale paper": "writes gigabytes",
    "dataperf-fast organize run contest.yaml --cluster tcp://scheduler:8786": "tests/contest/test_run.py has one",
    "dataperf-fast nibbler generate round/ prompts.jsonl --api api.yaml": "test_generation.py has a service",
    "dataperf-fast serve contest.yaml": _A_SERVER,
    f"dataperf-fast {submit.EXAMPLE}": _A_SERVER,
    "dataperf-fast status https://contest.example.org spring-2026": _A_SERVER,
    "dataperf-fast board https://contest.example.org spring-2026 debugging": _A_SERVER,
    "dataperf-fast organize extend contest.yaml main 2026-12-31T23:59 --reason 'an outage'": _A_SERVER,
}

# Data that stand in for what an example only names: quickly made, and what the baselines hand in for them.
_SIZES = {
    "speech": [],
    "vision": ["--concepts", "2", "--pool", "300", "--train", "40", "--test", "30"],
    "acquisition": ["--markets", "1", "--sellers", "4", "--rows", "150", "--buyer", "60"],
    "nibbler": ["--pairs", "60"],
}
_METHODS = {"speech": "random", "vision": "random", "debugging": "random", "acquisition": "uniform,rss"}
_TASK = synth.DebuggingScale(tasks=1, train=60, test=80, val=30)
_CONTEST = (
    "contest: any\nboards: [{board: debugging, tasks: [{name: hidden, data: hidden}], submissions: [handed-in]}]\n"
)
_PROMPT = '{"participant": "team 1", "prompt": "a quiet lake"}\n'


class Block(NamedTuple):
    """A fenced block: its language, what the fence says besides, and the lines between."""

    language: str
    about: str
    text: str

    @property
    def is_file(self) -> bool:
        """Whether it is a file's content, which its fence names."""
        return "." in self.about

    @property
    def commands(self) -> list[str]:
        """The commands of a console's or a shell's block, without comments."""
        lines = (re.sub(r"(^|\s+)#.*", "", line).strip() for line in self.text.splitlines())
        return [line for line in lines if line] if self.language in ("console", "sh") else []


def blocks(page: Path) -> list[Block]:
    """A page's fenced blocks, in order."""
    found = re.findall(r"^```(\w*) *(.*)\n((?:.*\n)*?)```$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [Block(*parts) for parts in found]


def parsers(whole: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its commands and their actions."""
    yield whole
    for action in whole._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from parsers(command)


def help_examples() -> list[str]:
    """Every example that ``--help`` shows, those of commands and of their actions included."""
    lines = (line.strip() for each in parsers(parser()) for line in (each.epilog or "").splitlines())
    return list(dict.fromkeys(line for line in lines if line.startswith("dataperf-fast ")))


@dataclass
class Examples:
    """Runs examples in the current folder; ``names`` are what Python's have, ``printed`` what each command said."""

    capsys: object
    names: dict[str, object] = field(default_factory=dict)
    printed: dict[str, str] = field(default_factory=dict)
    _made: dict[Path, str] = field(default_factory=dict)  # folders of submissions, by what board they are for

    def run_page(self, page: Path) -> None:
        """Write the files that a page shows, then run its blocks in order; a ``text`` is what was printed last."""
        of_page = blocks(page)
        for block in of_page:
            if block.is_file:
                path = Path(block.about)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
        for block in of_page:
            if block.is_file or (block.about.startswith("with ") and find_spec(block.about[5:]) is None):
                continue
            if block.language == "python":
                exec(compile(block.text, page.name, "exec"), self.names)
            elif block.language == "pycon":
                self._run_doctest(block.text, page.name)
            elif block.language == "text":
                assert cells(block.text) == cells(list(self.printed.values())[-1])
            for command in block.commands:
                self.run(command)

    def _run_doctest(self, text: str, name: str) -> None:
        """Run what was typed at a prompt, and compare what it printed; its names are those of Python's blocks."""
        example = doctest.DocTestParser().get_doctest(text, self.names, name, name, 0)
        said: list[str] = []
        failed, _ = doctest.DocTestRunner().run(example, out=said.append, clear_globs=False)
        assert not failed, "".join(said)
        self.names |= example.globs

    def run(self, command: str) -> None:
        """Run a command unless it is in ``NOT_RUN``."""
        if command in NOT_RUN:
            return
        if not command.startswith("dataperf-fast "):
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
            environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
            subprocess.run(command, shell=True, check=True, env=environment)
            return
        words = shlex.split(command)[1:]
        self._provide(parser().parse_args(words))
        words = [word for given in words for word in (sorted(glob.glob(given)) if "*" in given else [given])]
        self.capsys.readouterr()
        assert cli.main(words) == 0, f"{command}\n{self.capsys.readouterr().err}"
        self.printed[command] = self.capsys.readouterr().out

    def _provide(self, options: argparse.Namespace) -> None:
        """Make what a command names and nobody made before."""
        if options.command in ("organize", "leaderboard"):
            self._contest(options)
        if options.command == "nibbler":
            self.provide("nibbler", options.data)
            for path in options.files:
                if options.action == "generate" and not path.exists():
                    path.write_text(_PROMPT)
                if options.action == "accept" and not path.exists():
                    cli.main(["nibbler", "worklist", str(options.data), str(path)])
        elif "data" in options:
            files = [path for path in options.submissions or [] if path.suffix] if "submissions" in options else []
            self.provide(options.benchmark, options.data, [path.name.partition("_")[0] for path in files])
            for path in options.submissions or [] if "submissions" in options else []:
                if path in files:
                    if not path.exists():
                        shutil.copy(next(Path().glob(f"*/{path.name.partition('_')[0]}_random.txt")), path)
                else:
                    self._submissions(options.benchmark, options.data, path.parent if path.name == "*" else path)

    def _contest(self, options: argparse.Namespace) -> None:
        """Make a contest with a submission, and scores where they are read."""
        if options.manifest.exists():
            return
        options.manifest.write_text(_CONTEST)
        self.provide("debugging", Path("hidden"))
        self._submissions("debugging", Path("hidden"), Path("handed-in/anna"))
        if getattr(options, "action", "") not in ("check", "run"):
            assert cli.main(["organize", "run", str(options.manifest)]) == 0
        if getattr(options, "action", "") == "restore":
            assert cli.main(["organize", "backup", str(options.manifest), str(options.restored)]) == 0

    def provide(self, board: str, data: Path, data_ids: list[str] | None = None) -> None:
        """Make a board's data unless they are there."""
        try:
            boards.load(board).tasks(data)
        except InputError:
            if board == "debugging":
                source = lambda number: synth.two_classes(np.random.default_rng(number), 170)  # noqa: E731
                list(synth.write_tasks(data, data_ids or ["task"], source, _TASK, 0))
                self._submissions(board, data, data / "submissions")
            else:
                assert cli.main(["synth", board, str(data), *_SIZES[board]]) == 0

    def _submissions(self, board: str, data: Path, folder: Path) -> None:
        """Make a folder of submissions, in the place of another board's."""
        if self._made.get(folder, board) != board:
            shutil.rmtree(folder)
        if not folder.exists() and board in _METHODS:
            self._made[folder] = board
            arguments = ["baselines", board, str(data), "--out", str(folder), "--methods", _METHODS[board]]
            assert cli.main(arguments) == 0


def cells(table: str) -> list[list[str]]:
    """A printed table's cells, without the seconds, which are another machine's."""
    rows = [re.split("[│┃]", line)[1:-1] for line in table.splitlines() if line[:1] in ("│", "┃")]
    rows = [[cell.strip() for cell in row] for row in rows]
    at = rows[0].index("seconds")
    return [row[:at] + row[at + 1 :] for row in rows]


def all_commands() -> Iterator[tuple[str, str]]:
    """Where every command stands, and the command."""
    for page in PAGES:
        for block in blocks(page):
            for command in block.commands:
                yield page.name, command
    for command in help_examples():
        yield "--help", command
